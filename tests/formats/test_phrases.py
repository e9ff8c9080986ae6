"""Phrases and words of Japanese, Chinese and Thai. Sentences and marks are ours: marked_sentences.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_transcripts import any_text, broken_text, said, said_in_words, transcript
from marked_sentences import JAPANESE, Marked, marked

from yamabiko.formats import Layout
from yamabiko.formats.cues import cues
from yamabiko.formats.phrases import joints
from yamabiko.formats.text import display_width
from yamabiko.speech import Segment, Transcript


def lines(of: Transcript, width: int = 42) -> list[str]:
    shown = cues(of, Layout(max_line_width=width))
    return ["".join(run.text for run in line) for cue in shown for line in cue.lines]


def ends(found: list[str]) -> list[int]:
    """Offsets of the line ends but the last, in a text without spaces."""
    return [sum(map(len, found[: i + 1])) for i in range(len(found) - 1)]


def bad_ends(sentence: Marked, width: int) -> list[str]:
    """Lines that end inside a phrase that would have fitted a line, shown as `end／start`."""
    edges = sorted(sentence.phrases | {0, len(sentence.text)})
    bad = []
    for end in ends(lines(said(sentence.text), width)):
        start = max(edge for edge in edges if edge <= end)
        stop = min(edge for edge in edges if edge > end)
        if end not in sentence.phrases and display_width(sentence.text[start:stop]) <= width:
            bad.append(f"{sentence.text[max(0, end - 5) : end]}／{sentence.text[end : end + 5]}")
    return bad


@pytest.mark.parametrize("sentence", JAPANESE)
def test_a_full_japanese_line_ends_where_a_phrase_ends(sentence: str) -> None:
    assert bad_ends(marked(sentence), 42) == []


def test_a_narrow_japanese_line_ends_inside_a_phrase_only_where_the_model_does_not_know_it() -> None:
    """
    These four are what is left of 28 before BudouX: a change of the library or of the costs that adds one shows.
    """
    found = {width: [bad for s in JAPANESE for bad in bad_ends(marked(s), width)] for width in (24, 16)}
    assert found == {
        24: ["ついて住民／説明会が開"],
        16: ["加費は大人／二千五百円", "人の子ども／たちが二匹", "に住む鈴木／一郎さんは"],
    }


@pytest.mark.parametrize(
    "word",
    ["特別展示会", "東京都知事選挙", "機械学習モデル", "線状降水帯", "源泉徴収票", "バックグラウンド", "マネージャー"],
)
@pytest.mark.parametrize("width", [24, 42])
def test_a_compound_that_fits_a_line_stays_whole_wherever_it_falls(word: str, width: int) -> None:
    for before in range(8):
        text = "とても" * (before % 3) + "昨日の朝" * (before // 3) + f"新しい{word}について、詳しく説明しました。"
        assert any(word in line for line in lines(said(text), width)), lines(said(text), width)


@pytest.mark.parametrize(
    ("text", "together"),
    [
        ("大会には世界の42か国から選手が集まり、三か月にわたって競い合います。", ("42か国", "三か月")),
        ("運動会は10月15日の午前9時30分から第2体育館で始まります。", ("10月", "9時", "30分", "第2")),
        ("この会場には1,200人まで入れて、料金は3,500円です。", ("1,200人", "3,500円")),
    ],
)
def test_a_number_stays_with_its_counter(text: str, together: tuple[str, ...]) -> None:
    for width in (15, 16, 24, 30, 42):
        found = lines(said(text), width)
        assert all(any(part in line for line in found) for part in together), found


@pytest.mark.parametrize("verb", ["飛び上がり", "立ち上がり", "話し合い", "受け付け", "駆け寄り", "取り組み"])
def test_a_verb_of_two_is_not_parted(verb: str) -> None:
    for width in (16, 20, 24):
        found = lines(said(f"昨日の興行主は{verb}、みんなで広い会場の外へ出て行きました"), width)
        assert any(verb in line for line in found), found


def test_half_width_katakana_is_understood_as_full_width() -> None:
    text = "新しいﾃﾞｰﾀﾍﾞｰｽの移行計画をﾌﾟﾛｼﾞｪｸﾄの全員で確認しました"
    for width in range(16, 43):
        found = lines(said(text), width)
        assert any("ﾃﾞｰﾀﾍﾞｰｽの" in line for line in found), found
        assert any("ﾌﾟﾛｼﾞｪｸﾄの" in line for line in found), found


@pytest.mark.parametrize("width", [16, 24, 42])
@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("zh", "我们|昨天|在|北京/大学|参加了|一个|关于|人工/智能的|国际|会议，|讨论了|机器|学习|模型的|发展。"),
        ("zh", "这个|项目的|主要|目的|是|提高|老师|和|学生的|写作|水平，|让|他们的|文章|更加|清楚。"),
        ("zh-TW", "我們|昨天|在|臺灣/大學|參加了|一個|關於|人工/智慧的|國際|會議，|討論了|機器|學習|模型的|發展。"),
        (None, "今天|下午|我们|坐|火车|去|上海|看|朋友，|晚上|一起|吃|晚饭，|明天|早上|再|回来。"),
        ("th", "วัน|นี้|เรา|จะ|มา|พูด|ถึง|เรื่อง|การ|ท่องเที่ยว|ใน|ประเทศ|ไทย|ซึ่ง|เป็น|ที่|นิยม|ของ|นักท่องเที่ยว|ทั่ว|โลก"),
    ],
)
def test_chinese_and_thai_lines_end_between_words(language: str | None, sentence: str, width: int) -> None:
    wanted = marked(sentence)
    found = lines(transcript(Segment(1.0, 9.0, wanted.text), language=language), width)
    assert set(ends(found)) <= wanted.phrases | wanted.words, found


def test_without_a_language_the_writing_tells_which_it_is() -> None:
    assert joints("来月から特別展示会が始まります", None) == joints("来月から特別展示会が始まります", "ja")
    assert joints("我們參加了國際會議", None) == joints("我們參加了國際會議", "zh-hant")
    assert joints("我们参加了国际会议", None) == joints("我们参加了国际会议", "zh-hans")
    assert joints("我們參加了國際會議", "zh") != joints("我們參加了國際會議", "zh-cn")


def test_kana_overrule_a_wrong_language_but_one_in_chinese_does_not() -> None:
    text = "来月から特別展示会が始まります"
    assert joints(text, "zh") == joints(text, "en") == joints(text, "ja")
    assert joints("我们喜欢吃鲜の味的国际会议", "zh") == joints("我们喜欢吃鲜の味的国际会议", "zh-cn")


def test_a_segment_in_its_own_language_is_read_in_it() -> None:
    """With a language for each chunk, 東京 in a Chinese phrase of a Japanese recording is Chinese."""
    text = "讨论了机器学习模型的发展以及人工智能的国际会议"
    own = transcript(Segment(1.0, 9.0, text, language="zh"), language="ja")
    assert lines(own, 20) == lines(transcript(Segment(1.0, 9.0, text), language="zh"), 20)


@pytest.mark.parametrize("text", ["", "plain English, no more", "안녕하세요 여러분", "Привет", "ພາສາລາວ"])
def test_of_other_writing_nothing_is_claimed(text: str) -> None:
    assert joints(text, "ja" if text == "" else None) == [None] * len(text)


def test_the_engines_words_and_the_models_agree_before_either_alone() -> None:
    """The model of words parts 学習 and 計画 here; the engine heard each as one."""
    words = ("機械", "学習", "モデル", "の", "移行", "計画", "を", "検証", "する", "手法", "です")
    starts = {sum(map(len, words[:i])) for i in range(len(words))}
    for width in range(8, 30, 2):
        found = lines(said_in_words(*words), width)
        assert set(ends(found)) <= starts, found


@pytest.mark.parametrize("hour", ["10 o'clock", "2,500 people", "3.5 miles", "$40 notes"])
def test_a_number_stays_with_the_word_it_counts(hour: str) -> None:
    for before in range(9):
        text = "so " * before + f"we waited there until about {hour} came past the house"
        assert any(hour in line for line in lines(said(text))), lines(said(text))


def test_korean_words_are_never_cut() -> None:
    text = "안녕하세요여러분 오늘은새로운프로젝트 계획을소개하겠습니다 감사합니다"
    for width in range(22, 43):
        assert " ".join(lines(said(text), width)) == text


# ---- whatever arrives ------------------------------------------------------------------------------------------------


@settings(deadline=None)  # the machine may be busy
@given(
    st.one_of(any_text, broken_text), st.sampled_from([None, "ja", "zh", "zh-TW", "yue", "th", "ko", "", "-", "日本"])
)
def test_every_text_has_one_answer_a_character(text: str, language: str | None) -> None:
    found = joints(text, language)
    assert len(found) == len(text)
    assert found == joints(text, language)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 12))
def test_a_long_text_is_read_as_its_sentences_are(shift: int) -> None:
    """Read in windows, so that the time grows with the length and no faster; a seam falls anywhere and is not seen."""
    from budoux import load_default_japanese_parser

    text = "あ" * shift + "".join(marked(s).text for s in JAPANESE) * 2
    assert len(text) > 3000
    at, whole = 0, set()
    for chunk in load_default_japanese_parser().parse(text):
        whole.add(at)
        at += len(chunk)
    found = joints(text, "ja")
    assert {i for i, joint in enumerate(found) if joint == "phrase"} <= whole
    assert {i for i, joint in enumerate(found) if joint == "inside"}.isdisjoint(whole)


# ---- a library that is not there, or lies ----------------------------------------------------------------------------

PRINT_LINES = """
import sys
from yamabiko.formats import Layout
from yamabiko.formats.phrases import joints
from made_transcripts import said
from yamabiko.formats.cues import cues
text = "来月から上野の国立博物館で始まる特別展示会の準備が急ピッチで進められています。"
print(*("".join(run.text for run in line) for cue in cues(said(text), Layout(24, 2)) for line in cue.lines), sep="\\n")
"""
BROKEN = {
    "not there": "raise ImportError('no budoux')",
    "no models": "class Parser:\n    def __init__(self, model): pass",
    "raises": "class Parser:\n    def __init__(self, model): raise KeyError('UW1')",
}


def lines_with(budoux: Path | None) -> subprocess.CompletedProcess[str]:
    path = [str(budoux)] if budoux else []
    path.append(str(Path(__file__).parent))
    code = f"import sys\nsys.path[:0] = {path!r}\n" + PRINT_LINES
    return subprocess.run([sys.executable, "-X", "utf8", "-c", code], capture_output=True, text=True, encoding="utf-8")


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_library_costs_good_line_ends_and_no_subtitle(kind: str, tmp_path: Path) -> None:
    (tmp_path / "budoux").mkdir()
    (tmp_path / "budoux" / "__init__.py").write_text(BROKEN[kind], "utf-8")
    done = lines_with(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "".join(done.stdout.split("\n")) == (
        "来月から上野の国立博物館で始まる特別展示会の準備が急ピッチで進められています。"
    )
    assert "phrases-not-found" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_library_that_fails_at_work_costs_no_subtitle_either(tmp_path: Path) -> None:
    package = tmp_path / "budoux"
    (package / "models").mkdir(parents=True)
    for name in ("ja", "ja_word"):
        (package / "models" / f"{name}.json").write_text("{}", "utf-8")
    (package / "__init__.py").write_text(
        "class Parser:\n    def __init__(self, model): pass\n    def parse(self, text): raise IndexError(text)", "utf-8"
    )
    done = lines_with(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "phrases-not-found model=ja error=IndexError" in done.stderr
    assert "来月" not in done.stderr  # what was said is never logged


@pytest.mark.parametrize("code", ["import yamabiko.formats", "from yamabiko.cli.main import run; run()"])
def test_the_library_is_loaded_only_where_lines_are_cut(code: str) -> None:
    program = f"import sys, atexit\natexit.register(lambda: print('budoux' in sys.modules, file=sys.stderr))\n{code}"
    done = subprocess.run([sys.executable, "-c", program, "--help"], capture_output=True, text=True)
    assert done.stderr.split()[-1:] == ["False"], done.stderr

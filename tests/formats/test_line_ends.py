"""Where lines end. The sentences are ours; a reader of the language would end the lines there too."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_transcripts import any_text, plain_text, said, said_in_words, without_spaces

from yamabiko.formats import Layout
from yamabiko.formats.characters import NEVER_FIRST, NEVER_LAST
from yamabiko.formats.cues import cues
from yamabiko.formats.text import clusters, display_width
from yamabiko.speech import Transcript


def lines(of: Transcript, layout: Layout | None = None) -> list[list[str]]:
    return [["".join(run.text for run in line) for line in cue.lines] for cue in cues(of, layout or Layout())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "これは日本語の字幕を作るための長い文章で、途中で改行が必要になります。"
            "次の文も続けて表示されますが、二行に収まるように分けます。",
            [
                ["これは日本語の字幕を作るための長い文章で、", "途中で改行が必要になります。"],
                ["次の文も続けて表示されますが、", "二行に収まるように分けます。"],
            ],
        ),
        (
            "「はい、わかりました」と彼は言って、部屋を出ていった。そのあとでお願いしたいことがあったのに。",
            [
                ["「はい、わかりました」と彼は言って、", "部屋を出ていった。"],
                ["そのあとでお願いしたいことがあったのに。"],
            ],
        ),
        (
            "2024年10月15日に東京都千代田区で開催された第35回国際会議には、約1,200人が参加した。",
            [["2024年10月15日に東京都千代田区で開催された", "第35回国際会議には、約1,200人が参加した。"]],
        ),
        (
            " I went to the station yesterday, but the last train had already left.",
            [["I went to the station yesterday,", "but the last train had already left."]],
        ),
        (
            "안녕하세요 저는 오늘 회의에서 새로운 프로젝트 계획을 소개합니다",
            [["안녕하세요 저는 오늘 회의에서", "새로운 프로젝트 계획을 소개합니다"]],
        ),
        (" A short one.", [["A short one."]]),
    ],
)
def test_lines_end_where_a_reader_would_end_them(text: str, expected: list[list[str]]) -> None:
    assert lines(said(text)) == expected


@pytest.mark.parametrize("split", [*range(10, 26)])
def test_a_japanese_line_never_begins_with_what_may_not(split: int) -> None:
    """A full line of kanji, then a character that may not come first: it is taken along or kept back, never parted."""
    for mark in "。、ー！？」』）ぁぃぅぇぉっゃゅょァィッャュョ・…々":
        found = [line for cue in lines(said("漢" * split + mark + "字" * 30)) for line in cue]
        assert all(line[0] != mark for line in found), (mark, found)


def test_okurigana_and_katakana_stay_with_their_word_where_another_place_is_near() -> None:
    text = "昨日の会議で話し合ったデータベースの移行計画について説明します"
    for width in range(24, 42):
        for line in (line for cue in lines(said(text), Layout(max_line_width=width)) for line in cue):
            assert not line.startswith(("し合", "合っ", "った", "ータ", "タベ", "ベース", "ース", "ス")), (width, line)


@pytest.mark.parametrize("word", ["don’t", "well-known", "3.14", "1,200", "a/b", "U.S.A.", "2020–2024", "C++"])
def test_a_latin_word_or_number_is_never_cut_where_it_fits_a_line(word: str) -> None:
    for before in range(1, 40):
        found = [line for cue in lines(said("語" * (before // 2) + "x " + f"{word} " * 8)) for line in cue]
        assert all(part in (word, "x") or "語" in part for line in found for part in line.split()), found


def test_a_word_wider_than_a_line_is_cut_as_the_last_resort_at_its_own_joints() -> None:
    address = "https://example.com/a/very/long/path/that-goes/on?query=1&other=2"
    found = [line for cue in lines(said(f"See {address} for more")) for line in cue]
    assert all(display_width(line) <= 42 for line in found)
    assert "".join(found).replace(" ", "") == f"See{address}formore"
    (cut,) = [line for line in found if len(address) > len(line.split()[-1]) > 3 and line.split()[-1] in address[:50]]
    assert cut[-1] in "/-.?=&"


def test_katakana_is_cut_only_where_it_does_not_fit_a_line() -> None:
    whole = "コンピューターネットワーク"
    for before in range(40):
        found = [line for cue in lines(said("漢" * before + "と" + whole + "を使う")) for line in cue]
        assert any(whole in line for line in found), found


def test_a_row_of_long_vowels_runs_over_rather_than_begin_a_line() -> None:
    found = [line for cue in lines(said("あ" + "ー" * 60 + "すごい")) for line in cue]
    assert found == ["あ" + "ー" * 60, "すごい"]


def test_the_engines_own_words_decide_between_equal_places() -> None:
    """東京|特許|許可局 has no script change; the engine's words say where it comes apart."""
    words = ("日本", "東京", "特許", "許可局", "長官", "代理", "補佐", "室長", "会議", "場所", "案内")
    starts = {sum(map(len, words[:i])) for i in range(len(words) + 1)}
    for width in (14, 18, 22, 30):
        at = 0
        for line in (line for cue in lines(said_in_words(*words), Layout(max_line_width=width)) for line in cue):
            assert at in starts
            at += len(line)


def test_thai_is_cut_between_the_engines_words() -> None:
    words = ("สวัสดี", "ครับ", "วันนี้", "เรา", "จะ", "มา", "พูด", "ถึง", "เรื่อง", "การท่องเที่ยว", "ใน", "ประเทศไทย")
    found = [line for cue in lines(said_in_words(*words), Layout(max_line_width=20)) for line in cue]
    assert "".join(found) == "".join(words)
    starts = {"".join(words[:i]) for i in range(len(words) + 1)}
    assert all("".join(found[:i]) in starts for i in range(len(found)))


def test_two_lines_come_out_alike_rather_than_one_full_and_one_stub() -> None:
    (cue,) = lines(said("one two three four five six seven eight nine ten eleven"))
    first, second = map(display_width, cue)
    assert abs(first - second) <= 10


def test_what_fits_one_line_stays_on_one_line() -> None:
    assert lines(said("はい。今日は晴れです。")) == [["はい。今日は晴れです。"]]


def test_max_words_per_line_makes_each_line_a_cue_as_in_whisper() -> None:
    found = lines(said_in_words(" One", " two", " three", " four", " five"), Layout(max_words_per_line=2))
    assert all(len(cue) == 1 and len(cue[0].split()) <= 2 for cue in found)
    assert " ".join(cue[0] for cue in found) == "One two three four five"
    alone = lines(said_in_words("今日", "は", "晴れ"), Layout(max_words_per_line=1))
    assert [cue[0] for cue in alone] == ["今日", "は", "晴れ"]


@pytest.mark.parametrize("layout", [Layout(max_line_width=None), Layout(max_line_width=10**6), Layout(None, None)])
def test_without_a_width_a_segment_is_one_line_as_in_whisper(layout: Layout) -> None:
    text = "とても長い文です。" * 30
    assert lines(said(text), layout) == [[text]]


def test_words_are_counted_without_a_width_too() -> None:
    found = lines(said_in_words(" a", " b", " c"), Layout(max_line_width=None, max_words_per_line=1))
    assert found == [["a"], ["b"], ["c"]]


def test_no_limit_on_lines_is_one_cue_a_segment() -> None:
    (cue,) = lines(said("今日は晴れです。" * 20), Layout(max_line_count=None))
    assert len(cue) > 4
    assert all(display_width(line) <= 42 for line in cue)


def test_an_ideographic_space_between_phrases_is_kept() -> None:
    assert lines(said("そうですか　わかりました")) == [["そうですか　わかりました"]]


layouts = st.builds(
    Layout,
    max_line_width=st.one_of(st.none(), st.integers(1, 60)),
    max_line_count=st.one_of(st.none(), st.integers(1, 4)),
    max_words_per_line=st.one_of(st.none(), st.integers(1, 5)),
)


@settings(deadline=None)  # the machine may be busy
@given(st.one_of(plain_text, any_text), layouts)
def test_no_text_is_lost_or_said_twice_and_no_line_or_cue_is_empty(text: str, layout: Layout) -> None:
    found = lines(said(text), layout)
    assert without_spaces("".join(line for cue in found for line in cue)) == without_spaces(text)
    assert all(line.strip() for cue in found for line in cue)
    assert all(found)
    if layout.max_line_count is not None:
        assert all(len(cue) <= layout.max_line_count for cue in found)


@settings(deadline=None)  # the machine may be busy
@given(st.one_of(plain_text, any_text), layouts)
def test_kinsoku_holds_in_every_layout(text: str, layout: Layout) -> None:
    source = without_spaces(text)
    at = 0
    for cue in lines(said(text), layout):
        for line in cue:
            if at > 0 and "\u200b" not in text and "\u202e" not in text:
                quotes = "’”»›“‘«‹"  # a space beside them may part them: they open in one language, close in another
                assert line[0] not in NEVER_FIRST or line[0] in quotes, line
            at += len(without_spaces(line))
            if at < len(source):
                assert line[-1] not in NEVER_LAST or line[-1] in "“‘«‹", line


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.sampled_from([*"漢字学のはをにでとカターっ。、「」（）ab1 ", "です", "ます", "test"]), max_size=150))
def test_a_line_is_wider_than_asked_only_if_nothing_in_it_may_be_parted(parts: list[str]) -> None:
    for cue in lines(said("".join(parts))):
        for line in cue:
            if display_width(line) > 42:
                pieces = clusters(line)
                for a, b in pairwise(pieces):
                    may_not = b in NEVER_FIRST or a in NEVER_LAST or " " in (a, b)
                    assert may_not, (line, a, b)


@settings(deadline=None)  # the machine may be busy
@given(st.text(st.sampled_from("漢字かなカナabc 。、"), max_size=200))
def test_cutting_the_same_text_twice_gives_the_same_lines(text: str) -> None:
    assert lines(said(text)) == lines(said(text))


@settings(deadline=None)  # the machine may be busy
@given(st.text(alphabet="abcdefgh ", max_size=300))
def test_latin_words_up_to_a_line_long_are_never_cut(text: str) -> None:
    words = re.findall(r"\S+", text)
    found = [word for cue in lines(said(text)) for line in cue for word in line.split(" ")]
    if all(len(word) <= 42 for word in words):
        assert found == words

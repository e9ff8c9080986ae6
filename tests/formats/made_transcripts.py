"""Transcripts for the tests of formats: plain ones, and the worst that hypothesis can think of."""

from __future__ import annotations

from hypothesis import strategies as st

from yamabiko.findings import Finding
from yamabiko.formats.text import one_line, speaker_mark
from yamabiko.i18n import Text
from yamabiko.speech import Dropped, Evidence, Receipt, Segment, Timings, Transcript, Word

RECEIPT = Receipt(
    engine="scripted",
    engine_version="1",
    environment="cpu",
    model="base",
    model_revision="ebe41f7",
    requested_device="cuda",
    requested_compute_type="auto",
    used_device="cpu",
    used_compute_type="int8",
    verdict="proved",
    evidence=(Evidence("cpu-time", "cpu", "1.9 cores"),),
    timings=Timings(total_s=5.0),
    audio_s=10.0,
    fallbacks=(Finding("gpu-not-there", "warning", "device", Text("No GPU.", "GPUがありません。")),),
    dropped=(Dropped(1.0, 2.0, "ご視聴ありがとうございました", "invented on silence"),),
)


def transcript(*segments: Segment, language: str | None = "ja", **changes: object) -> Transcript:
    values: dict[str, object] = {
        "source": "talk.wav",
        "duration_s": 3600.0,
        "task": "transcribe",
        "language": language,
        "language_probability": 0.98,
        "segments": segments,
        "receipt": RECEIPT,
    }
    return Transcript(**(values | changes))  # type: ignore[arg-type]


def said(text: str, start_s: float = 1.0, end_s: float = 9.0) -> Transcript:
    return transcript(Segment(start_s, end_s, text))


def said_in_words(*words: str, start_s: float = 1.0, word_s: float = 0.5) -> Transcript:
    timed = tuple(Word(start_s + i * word_s, start_s + (i + 1) * word_s, word) for i, word in enumerate(words))
    return transcript(Segment(start_s, timed[-1].end_s, "".join(words), timed))


def without_spaces(text: str) -> str:
    """As a reader sees it; control characters are shown as spaces in every text format."""
    return "".join("".join(c if c.isprintable() or not c.isspace() else " " for c in text).split())


def shown_of(given_: Transcript) -> str:
    """What is to be seen of it: each phrase behind the name of its speaker."""
    phrases = ((speaker_mark(one.speaker), one_line(one.text)) for one in given_.segments)
    return "".join(without_spaces(mark + text) for mark, text in phrases if text)


# Letters that have broken subtitle writers: kinsoku, marks, joined and flag emoji, right-to-left, Thai, Hangul in both
# forms, zero width, markup, arrows, no-break spaces.
_HARD = list(
    "あいんっゃ日本語学々アイコンティー。、！？「」（）…・〜ヶＡ１％abcXYZ019 .,!?-'’/<>&\u00a0\u3000\u200b\u200d\u2060\ufeff"
)
_HARD += [
    "👨‍👩‍👧",
    "🇯🇵",
    "👍🏽",
    "❤️",
    "é",
    "e\u0301",
    "が".encode().decode(),
    "か\u3099",
    "ﾊﾞ",
    "שלום",
    "\u202eabc",
    "ไทย",
    "한",
    "\u1112\u1161\u11ab",
]
_HARD += [
    "-->",
    "--->",
    "<b>",
    "&amp;",
    "\n",
    "\r\n",
    "\t",
    "WEBVTT",
    "NOTE",
    "   ",
    "ーーー",
    "https://example.com/a-b_c?d=e",
]

plain_text = st.lists(st.sampled_from(_HARD), max_size=120).map("".join)
any_text = st.one_of(plain_text, st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=80))
broken_text = st.one_of(any_text, st.text(st.characters(categories=None), max_size=60))
"""With control characters, NUL and lone surrogates too."""

any_time = st.one_of(st.floats(0, 5), st.floats(), st.sampled_from([0.0, 1.0, 1.0, 1.0005, 3599.9996, -1.0, 1e300]))


speakers = st.sampled_from([None, None, "A", "B", "山田, 太郎", " a\n-->{b}\\N<v>[00:01.00]", "", "\ud800"])


@st.composite
def segments(draw: st.DrawFn, texts: st.SearchStrategy[str] = any_text) -> Segment:
    text = draw(texts)
    words: tuple[Word, ...] = ()
    if draw(st.booleans()) and text:
        cuts = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=12)))
        parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        words = tuple(Word(draw(any_time), draw(any_time), part) for part in parts)
        if draw(st.integers(0, 9)) == 0:
            words = words[:-1]  # an engine whose words are not its text
    return Segment(draw(any_time), draw(any_time), text, words, speaker=draw(speakers))


@st.composite
def transcripts(draw: st.DrawFn, texts: st.SearchStrategy[str] = any_text) -> Transcript:
    return transcript(*draw(st.lists(segments(texts), max_size=5)), duration_s=draw(any_time))

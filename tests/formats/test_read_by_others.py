"""Our files, read back by programs that are not ours: pysubs2, FFmpeg and OpenAI's client."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from itertools import pairwise

import av
import pysubs2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_transcripts import any_text, broken_text, segments, shown_of, transcript, transcripts, without_spaces
from openai.types.audio import TranscriptionDiarized
from pydantic import ConfigDict

from yamabiko.formats import FORMATS, Layout, render
from yamabiko.formats.cues import cues
from yamabiko.speech import Character, Segment, Transcript, Turn, Word

Read = list[tuple[int, int, str]]


def by_pysubs2(text: str, name: str) -> Read:
    events = pysubs2.SSAFile.from_string(text, format_=name).events
    return [(event.start, event.end, event.plaintext) for event in events]


def by_ffmpeg(text: str, name: str) -> list[str]:
    """The texts of the events, as FFmpeg hands them to a player: behind eight commas in ASS."""
    with av.open(io.BytesIO(text.encode()), format=name) as file:
        events = [event for packet in file.demux(subtitles=0) if packet.size for event in packet.decode()]
    return [event.ass.decode().split(",", 8)[8] for event in events]


ordinary_times = st.floats(0, 1000) | st.sampled_from([0.0, 1.0, 1.004, 1.0049, 1.005])


@st.composite
def ordinary(draw: st.DrawFn, texts: st.SearchStrategy[str] = any_text) -> Transcript:
    """Times of a recording (pysubs2 reads none of a hundred hours and more), any text."""
    told = draw(st.lists(st.tuples(ordinary_times, ordinary_times, segments(texts)), max_size=6))
    return transcript(
        *(Segment(a, b, one.text, speaker=one.speaker) for a, b, one in told), duration_s=draw(ordinary_times)
    )


@pytest.mark.parametrize("name", ["srt", "vtt", "ass"])
@settings(deadline=None, max_examples=60)  # the machine may be busy
@given(given_=ordinary())
def test_pysubs2_finds_every_cue_at_its_time(name: str, given_: Transcript) -> None:
    """Within a hundredth of a second where the format knows no thousandths; where many crowd, a hundredth each."""
    ours = cues(given_, Layout())
    found = by_pysubs2(render(given_, name), name)

    assert len(found) == len(ours)
    slack_ms = 10 * (1 + len(ours)) if name == "ass" else 0
    for (start_ms, end_ms, _), cue in zip(found, ours, strict=True):
        assert abs(start_ms - cue.start_ms) <= slack_ms
        assert abs(end_ms - cue.end_ms) <= slack_ms
        assert start_ms < end_ms
    assert all(before[1] <= after[0] for before, after in pairwise(found))


def test_hundredths_are_cut_off_the_thousandths() -> None:
    """Without a crowd, no time is more than a hundredth early, and none is late."""
    told = transcript(Segment(1.239, 2.999, "a"), Segment(3.001, 4.0, "b"))
    assert by_pysubs2(render(told, "ass"), "ass") == [(1230, 2990, "a"), (3000, 4000, "b")]


@settings(deadline=None)  # the machine may be busy
@given(ordinary(broken_text))
def test_ass_loses_no_character_to_its_grammar(given_: Transcript) -> None:
    """Braces and backslashes are its orders; their full-width twins are the same letters in NFKC."""
    read = by_pysubs2(render(given_, "ass"), "ass")
    shown = without_spaces("".join(text for _, _, text in read))
    assert unicodedata.normalize("NFKC", shown) == unicodedata.normalize("NFKC", shown_of(given_))


@pytest.mark.parametrize("name", ["srt", "webvtt", "ass"])
def test_ffmpeg_shows_who_speaks_and_what_is_said(name: str) -> None:
    """mpv and others show what FFmpeg's reader leaves; of WebVTT's own `<v A>` it leaves nothing."""
    told = transcript(
        Segment(1.0, 2.0, " Where is R&D?", speaker="A"), Segment(2.0, 3.0, " 三階です。", speaker="山田")
    )
    assert by_ffmpeg(render(told, {"webvtt": "vtt"}.get(name, name)), name) == [
        "[A]: Where is R&D?",
        "[山田]: 三階です。",
    ]
    assert by_ffmpeg("WEBVTT\n\n00:01.000 --> 00:02.000\n<v A>Where?\n", "webvtt") == ["Where?"]


def test_ffmpeg_takes_no_word_for_an_order() -> None:
    told = transcript(Segment(1.0, 2.0, r"{\b1} C:\new \h {", speaker="{A}, B"))
    assert by_ffmpeg(render(told, "ass"), "ass") == ["[｛A｝, B]: ｛＼b1｝ C:＼new ＼h ｛"]


def test_ass_underlines_a_word_while_it_is_said() -> None:
    told = transcript(Segment(1.0, 2.0, " Hello there", (Word(1.0, 1.5, " Hello"), Word(1.5, 2.0, " there"))))
    events = pysubs2.SSAFile.from_string(render(told, "ass", Layout(highlight_words=True)), format_="ass").events
    assert [event.text for event in events] == [r"{\u1}Hello{\u0} there", r"Hello {\u1}there{\u0}"]


def test_ass_names_the_speaker_in_the_field_for_it() -> None:
    told = transcript(Segment(1.0, 2.0, "a", speaker="A"), Segment(2.0, 3.0, "b"))
    events = pysubs2.SSAFile.from_string(render(told, "ass"), format_="ass").events
    assert [event.name for event in events] == ["A", ""]


# ---- lrc ---------------------------------------------------------------------------------------------------------------


def read_lrc(text: str) -> list[tuple[int, str]]:
    """Start in hundredths of a second, and the line; a time is all that stands in brackets."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"\[(\d{2,}):([0-5]\d)\.(\d\d)\](?!\[)(.*)", line)
        assert match, line
        minutes, seconds, cs, words = match.groups()
        found.append(((int(minutes) * 60 + int(seconds)) * 100 + int(cs), words))
    return found


@settings(deadline=None)  # the machine may be busy
@given(transcripts(broken_text))
def test_lrc_lines_follow_each_other_and_lose_no_text(given_: Transcript) -> None:
    read = read_lrc(render(given_, "lrc"))
    assert all(before[0] <= after[0] for before, after in pairwise(read))
    said = [at for at, words in read if words]
    assert len(said) == len(set(said))  # two at one time are a line and its translation
    assert without_spaces("".join(words for _, words in read)) == shown_of(given_)


def test_a_line_of_lyrics_ends_where_a_pause_follows() -> None:
    told = transcript(
        Segment(1.0, 3.0, " One", speaker="A"), Segment(3.5, 5.0, " [laughs]"), Segment(61.0, 62.0, " two")
    )
    assert render(told, "lrc") == ("[00:01.00] [A]: One\n[00:03.50] [laughs]\n[00:05.00]\n[01:01.00] two\n[01:02.00]\n")


# ---- speakers ----------------------------------------------------------------------------------------------------------


def test_rttm_has_ten_fields_and_the_turns() -> None:
    told = transcript(
        turns=(Turn(0.5, 2.25, "A"), Turn(2.0, 3.0, "山田 太郎"), Turn(4.0, 4.0, "B")), source="weekly talk.mp4"
    )
    assert render(told, "rttm") == (
        "SPEAKER weekly_talk 1 0.500 1.750 <NA> <NA> A <NA> <NA>\n"
        "SPEAKER weekly_talk 1 2.000 1.000 <NA> <NA> 山田_太郎 <NA> <NA>\n"
    )


def test_where_nobody_was_heard_no_turn_is_told() -> None:
    assert render(transcript(turns=()), "rttm") == ""


@given(st.lists(st.tuples(ordinary_times, ordinary_times, any_text), max_size=5))
def test_rttm_reads_back(told: list[tuple[float, float, str]]) -> None:
    turns = tuple(Turn(min(a, b), max(a, b), name) for a, b, name in told)
    rows = [line.split(" ") for line in render(transcript(turns=turns), "rttm").splitlines()]
    assert all(len(row) == 10 and all(row) for row in rows)
    kept = [turn for turn in turns if round(turn.end_s * 1000) > round(turn.start_s * 1000)]
    for row, turn in zip(rows, kept, strict=True):
        assert float(row[3]) == pytest.approx(turn.start_s, abs=0.001)
        assert float(row[3]) + float(row[4]) == pytest.approx(turn.end_s, abs=0.002)


class Strict(TranscriptionDiarized):
    model_config = ConfigDict(strict=True)


def test_diarized_json_is_openais_answer() -> None:
    told = transcript(
        Segment(0.0, 1.5, " Hello.", speaker="A"),
        Segment(1.5, 1.6, " "),
        Segment(2.0, 3.0, " はい。", speaker="山田"),
        Segment(9.0, 9.5, " Who?"),
        duration_s=10.2,
        turns=(Turn(0.0, 1.5, "A"), Turn(2.0, 3.0, "山田")),
    )
    found = Strict.model_validate_json(render(told, "diarized_json"))
    assert (found.task, found.duration, found.text) == ("transcribe", 10.2, "Hello.  はい。 Who?")
    assert [(one.id, one.type, one.speaker, one.start, one.end, one.text) for one in found.segments] == [
        ("seg_001", "transcript.text.segment", "A", 0.0, 1.5, "Hello."),
        ("seg_002", "transcript.text.segment", "山田", 2.0, 3.0, "はい。"),
        ("seg_003", "transcript.text.segment", "unknown", 9.0, 9.5, "Who?"),
    ]
    assert found.usage is not None
    assert found.usage.to_dict() == {"type": "duration", "seconds": 11}


def test_json_has_speakers_turns_and_characters_where_they_are_known() -> None:
    word = Word(0.0, 1.0, "山彦", 0.5, (Character(0.0, 0.4, "山", 0.9), Character(0.4, 1.0, "彦")), "A")
    told = transcript(Segment(0.0, 1.0, "山彦", (word,), speaker="A"), turns=(Turn(0.0, 1.0004, "A"),))
    found = json.loads(render(told, "json"))
    [of_openai] = json.loads(render(told, "verbose_json"))["words"]
    assert of_openai["characters"] == found["segments"][0]["words"][0]["characters"]
    assert found["turns"] == [{"start": 0.0, "end": 1.0, "speaker": "A"}]
    assert found["segments"][0]["speaker"] == "A"
    assert found["segments"][0]["words"] == [
        {
            "word": "山彦", "start": 0.0, "end": 1.0, "probability": 0.5, "speaker": "A",
            "characters": [
                {"character": "山", "start": 0.0, "end": 0.4, "probability": 0.9},
                {"character": "彦", "start": 0.4, "end": 1.0, "probability": None},
            ],
        }
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "lrc", "txt", "tsv"])
def test_no_cue_holds_two_speakers_and_each_phrase_says_whose_it_is(name: str) -> None:
    told = transcript(
        *(Segment(n * 10.0, n * 10.0 + 9, " It goes on and on." * 9, speaker="AB"[n % 2]) for n in range(4))
    )
    for line in render(told, name).splitlines():
        assert line.count("]: ") <= 1
    assert re.findall(r"\[([AB])\]: ", render(told, name)) == ["A", "B", "A", "B"]
    for cue in cues(told, Layout()):
        assert all(sum(len(run.text) for run in line) <= 42 for line in cue.lines)


@settings(deadline=None)  # the machine may be busy
@given(transcripts(broken_text), st.lists(st.builds(Turn, st.floats(), st.floats(), broken_text), max_size=3))
def test_every_format_can_be_written_whatever_arrives(given_: Transcript, turns: list[Turn]) -> None:
    told = transcript(*given_.segments, duration_s=given_.duration_s, turns=tuple(turns))
    for name in FORMATS:
        render(told, name).encode("utf-8")

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_transcripts import said, transcript

from yamabiko.findings import Problem
from yamabiko.formats import FORMATS, Layout, ending, names, render
from yamabiko.speech import Segment, Turn


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("srt", ("srt",)),
        ("srt,json", ("srt", "json")),
        (" SRT , json,srt", ("srt", "json")),
        ("all", ("txt", "vtt", "srt", "tsv", "json")),
        ("verbose_json,all", ("verbose_json", "txt", "vtt", "srt", "tsv", "json")),
    ],
)
def test_a_list_of_formats_is_read_in_order_each_once(spec: str, expected: tuple[str, ...]) -> None:
    assert names(spec) == expected


@pytest.mark.parametrize(
    ("spec", "near"),
    [("str", "srt"), ("text", "txt"), ("jsn", "json"), ("webvtt", "vtt"), ("srt,verbose-json", "verbose_json")],
)
def test_a_wrong_name_is_answered_with_the_nearest_right_one(spec: str, near: str) -> None:
    with pytest.raises(Problem) as caught:
        names(spec)
    finding = caught.value.finding
    assert (finding.id, finding.area) == ("format-unknown", "usage")
    assert finding.remedies[0].command == f"yamabiko FILE --output-format {near}"
    assert all(name in finding.evidence[0] for name in FORMATS)


@pytest.mark.parametrize(
    ("spec", "meant", "words"),
    [
        ("srt vtt", "srt,vtt", "commas between them: “srt vtt”"),
        ("srt;vtt", "srt,vtt", "commas between them"),
        ("SRT, json vtt", "srt,json,vtt", "commas between them"),
        ("srt,", "srt", "A comma in “srt,” has no output format beside it."),
        (",srt,,json", "srt,json", "A comma in"),
    ],
)
def test_names_that_are_badly_listed_are_answered_with_the_list(spec: str, meant: str, words: str) -> None:
    with pytest.raises(Problem) as caught:
        names(spec)
    finding = caught.value.finding
    assert words in finding.cause.en
    assert [one.command for one in finding.remedies] == [f"yamabiko FILE --output-format {meant}"]
    assert names(meant), "what is proposed is taken"
    assert "“”" not in finding.cause.en


@pytest.mark.parametrize("spec", ["xml", "html"])
def test_where_no_name_is_near_all_is_proposed_with_what_it_writes(spec: str) -> None:
    """`html` was taken for rttm."""
    with pytest.raises(Problem) as caught:
        names(spec)
    [remedy] = caught.value.finding.remedies
    assert remedy.command == "yamabiko FILE --output-format all"
    assert ", ".join(names("all")) in remedy.what.en


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=30))
def test_any_other_word_is_a_finding_never_another_error(spec: str) -> None:
    if all(part.strip().lower() in (*FORMATS, "all") for part in spec.split(",")):
        assert set(names(spec)) <= set(FORMATS)
    else:
        with pytest.raises(Problem, match="format-unknown"):
            names(spec)


def test_rendering_an_unknown_format_is_a_finding() -> None:
    with pytest.raises(Problem, match="format-unknown"):
        render(said("a"), "docx")


@pytest.mark.parametrize("option", ["max_line_width", "max_line_count", "max_words_per_line"])
def test_a_layout_that_can_hold_nothing_is_refused(option: str) -> None:
    with pytest.raises(Problem) as caught:
        Layout(**{option: 0})
    assert caught.value.finding.id == "layout-invalid"
    assert option in caught.value.finding.evidence[0]


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS[name].needs_speakers])
def test_a_format_of_speakers_is_refused_before_the_work_and_after_it_where_nobody_told_them_apart(name: str) -> None:
    """An empty file, or made-up names, would look like an answer."""
    with pytest.raises(Problem, match="speakers-not-told-apart") as caught:
        names(f"srt,{name}", speakers=False)
    assert name in caught.value.finding.cause.en
    assert names(f"srt,{name}") == ("srt", name)
    with pytest.raises(Problem, match="speakers-not-told-apart"):
        render(said("a"), name)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_what_it_is_in_both_languages_and_renders(name: str) -> None:
    assert FORMATS[name].summary.en
    assert FORMATS[name].summary.ja
    text = render(transcript(Segment(1.0, 9.0, "今日は晴れ"), turns=(Turn(1.0, 9.0, "今日は晴れ"),)), name)
    assert "今日は晴れ" in text
    assert text.endswith("\n")
    assert "\r" not in text


def test_files_of_each_format_end_in_their_own_way_and_one_that_programs_know() -> None:
    endings = [ending(name) for name in FORMATS]
    assert len(set(endings)) == len(endings)
    assert {one.rpartition(".")[2] for one in endings} == {
        "txt", "vtt", "srt", "tsv", "json", "ass", "lrc", "rttm",
    }  # fmt: skip

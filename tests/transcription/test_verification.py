"""What counts as "it works": the measures on made results, and whole trials with real workers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko import bundled
from yamabiko.engines import catalog
from yamabiko.engines.contract import Profile
from yamabiko.engines.models import LocalModel, find_entry
from yamabiko.findings import Problem
from yamabiko.gpu_marks import GpuMarks
from yamabiko.i18n import Text
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE, Evidence, Receipt, Segment, Span, Transcript, Verdict
from yamabiko.transcription.verification import Verification, model_told, verify
from yamabiko.transcription.verification_checks import (
    Check,
    coverage_check,
    device_check,
    edits,
    error_rate,
    silence_check,
    transcript_checks,
)

WHISPER = catalog.card("faster-whisper")
SCRIPTED = catalog.card("scripted")
CPU = WHISPER.profiles[0]
CUDA = WHISPER.profiles[1]
NO_GPU = GpuMarks(False, "/dev: no nvidia0, no dxg")
A_GPU = GpuMarks(True, "/dev: nvidia0")
CLIP = bundled.Clip(Path("clip.flac"), "ja", "今日は雨です。明日は晴れます。", 4.0)


def receipt(used: str = "cpu", verdict: Verdict = "proved") -> Receipt:
    return Receipt(
        "faster-whisper", "1", "e", "base", None, "auto", "auto", used, "int8", verdict,
        (Evidence("introspection", used, f"model: device {used}"),), audio_s=4.0,
    )  # fmt: skip


def transcript(text: str, *, end_s: float = 4.0, language: str = "ja") -> Transcript:
    segments = (Segment(0.0, end_s, text),) if text else ()
    return Transcript("clip", 4.0, "transcribe", language, 0.9, segments, receipt())


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name.en: check for check in checks}


# ---- characters -----------------------------------------------------------------------------------------------------


def test_edits_are_what_the_textbook_counts() -> None:
    assert edits("kitten", "sitting") == 3
    assert edits("", "abc") == 3
    assert edits("雨が降る", "雨が振る") == 1


@given(st.text("あいう", max_size=8), st.text("あいう", max_size=8), st.text("あいう", max_size=8))
def test_edits_are_a_distance(a: str, b: str, c: str) -> None:
    assert (edits(a, b) == 0) == (a == b)
    assert edits(a, b) == edits(b, a)
    assert edits(a, c) <= edits(a, b) + edits(b, c)
    assert abs(len(a) - len(b)) <= edits(a, b) <= max(len(a), len(b))


@given(st.text("、。「」!? ,.-\n　", max_size=6), st.integers(0, 6))
def test_punctuation_spaces_and_width_are_no_errors(noise: str, where: int) -> None:
    heard = "Ｉｔ ＩＳ 10時"
    assert error_rate("it is 10時", heard[:where] + noise + heard[where:]) == 0.0


def test_one_wrong_character_of_four_is_a_quarter() -> None:
    assert error_rate("雨が降る。", "雨が振る") == 0.25


def test_a_text_without_letters_cannot_be_compared_with() -> None:
    with pytest.raises(ValueError, match="no letters"):
        error_rate("。、", "雨")


# ---- transcripts ----------------------------------------------------------------------------------------------------


def test_a_text_that_is_near_enough_passes_and_its_rate_is_said() -> None:
    checks = by_name(transcript_checks(WHISPER, CLIP, transcript("今日は雨です。明日は腫れます。")))
    assert checks["text (ja)"].ok
    assert "7.7% of the characters wrong" in checks["text (ja)"].evidence.en
    assert "文字誤り率 7.7%" in checks["text (ja)"].evidence.ja
    assert checks["language (ja)"].ok
    assert checks["times (ja)"].ok


@pytest.mark.parametrize("heard", ["", "ご視聴ありがとうございました。", "今日は雨です。"])
def test_another_text_none_or_half_of_it_fails(heard: str) -> None:
    assert not by_name(transcript_checks(WHISPER, CLIP, transcript(heard)))["text (ja)"].ok


def test_control_characters_that_an_engine_gives_do_not_reach_the_terminal() -> None:
    check = by_name(transcript_checks(WHISPER, CLIP, transcript("今日は\x1b[2J雨です")))["text (ja)"]
    assert "\x1b" not in check.evidence.en + check.evidence.ja


def test_a_segment_that_ends_after_the_clip_fails() -> None:
    assert not by_name(transcript_checks(WHISPER, CLIP, transcript(CLIP.text, end_s=5.0)))["times (ja)"].ok


def test_another_language_than_was_spoken_fails() -> None:
    checks = by_name(transcript_checks(WHISPER, CLIP, transcript(CLIP.text, language="zh")))
    assert not checks["language (ja)"].ok


def test_an_engine_whose_text_nobody_can_know_has_to_answer_at_least() -> None:
    assert by_name(transcript_checks(SCRIPTED, CLIP, transcript("anything")))["answer"].ok
    assert not by_name(transcript_checks(SCRIPTED, CLIP, transcript("")))["answer"].ok


# ---- speech finders -------------------------------------------------------------------------------------------------


def half_silent() -> numpy.ndarray:
    """Two seconds: silence, then a tone."""
    tone = numpy.sin(numpy.arange(SAMPLE_RATE) * 0.2).astype("<f4") * 0.1
    return numpy.concatenate((numpy.zeros(SAMPLE_RATE, "<f4"), tone))


def test_spans_that_cover_what_is_loud_pass() -> None:
    assert coverage_check("ja", half_silent(), (Span(SAMPLE_RATE, 2 * SAMPLE_RATE),)).ok


@pytest.mark.parametrize("found", [(), (Span(0, SAMPLE_RATE),), (Span(SAMPLE_RATE, SAMPLE_RATE * 3 // 2),)])
def test_spans_that_miss_some_of_it_fail_and_say_how_much(found: tuple[Span, ...]) -> None:
    check = coverage_check("ja", half_silent(), found)
    assert not check.ok
    assert "% of the loud parts" in check.evidence.en


def test_an_answer_that_is_no_probability_fails_with_the_reason() -> None:
    check = coverage_check("ja", half_silent(), ValueError("3 speech probabilities for 9 samples"))
    assert not check.ok
    assert "3 speech probabilities" in check.evidence.en


def test_speech_in_silence_fails() -> None:
    assert silence_check(5.0, ()).ok
    assert not silence_check(5.0, (Span(0, 100),)).ok


# ---- devices --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "profile", "marks", "used", "verdict", "ok"),
    [
        ("auto", CPU, NO_GPU, "cpu", "proved", True),
        ("auto", CPU, A_GPU, "cpu", "proved", True),  # this environment is for the CPU
        ("auto", CUDA, NO_GPU, "cpu", "proved", True),  # and it is said that the GPU was not tried
        ("auto", CUDA, A_GPU, "cuda:0", "proved", True),
        ("auto", CUDA, A_GPU, "cuda:0", "not proved", True),  # the platform hides the proof
        ("auto", CUDA, A_GPU, "cpu", "proved", False),  # it answers, but this is not what it is for
        ("cuda", CUDA, NO_GPU, "cpu", "proved", False),
        ("cuda:1", CUDA, A_GPU, "cuda:1", "proved", True),
        ("cpu", CUDA, A_GPU, "cpu", "proved", True),
        ("cpu", CUDA, A_GPU, "cuda:0", "proved", False),
        ("auto", CPU, NO_GPU, "cpu", "refuted", False),
    ],
)
def test_it_must_have_run_where_it_should(
    asked: str, profile: Profile, marks: GpuMarks, used: str, verdict: Verdict, ok: bool
) -> None:
    check = device_check([receipt(used, verdict)], asked, profile, marks)
    assert check.ok is ok
    assert f"model: device {used}" in check.evidence.en


def test_a_gpu_environment_that_ran_on_the_cpu_says_what_was_not_tried() -> None:
    check = device_check([receipt()], "auto", CUDA, NO_GPU)
    assert "on a GPU it was not tried (/dev: no nvidia0, no dxg)" in check.evidence.en
    assert "GPUでは試していません" in check.evidence.ja


# ---- whole trials ---------------------------------------------------------------------------------------------------


def test_what_failed_is_the_evidence_of_its_finding() -> None:
    bad = Check(Text("text (ja)", "文字（ja）"), False, Text("91.0% wrong", "誤り率 91.0%"))
    good = Check(Text("device", "デバイス"), True, Text("cpu", "cpu"))
    finding = Verification("faster-whisper", "cpu", (bad, good), (receipt(),)).finding
    assert finding is not None
    assert finding.id == "engine-verification-failed"
    assert finding.evidence == ("text (ja): 91.0% wrong",)
    assert [remedy.command for remedy in finding.remedies] == [
        "yamabiko models verify base",
        "yamabiko engines repair faster-whisper",
    ]


@pytest.mark.parametrize("name", ["ggml-base", "ggml-small"])
def test_a_copy_of_a_pinned_model_is_named_by_its_bytes(name: str) -> None:
    """Many models of one format come from one place, at one revision."""
    entry = find_entry(name)
    mine = LocalModel("own.bin", Path("own.bin"), entry.revision, "path", True, entry.files)
    assert model_told(mine, entry.format).en == f"yours, the bytes of {name}, as pinned: own.bin"


def test_a_model_that_is_a_path_is_checked_as_one_of_the_engines_format(tmp_path: Path) -> None:
    """`models verify` takes a path for the default engine's."""
    bad = Check(Text("text (ja)", "文字（ja）"), False, Text("91.0% wrong", "誤り率 91.0%"))
    used = dataclasses.replace(receipt(), engine="whisper.cpp", model=str(tmp_path / "own.bin"))
    finding = Verification("whisper.cpp", "cpu", (bad,), (used,)).finding
    assert finding is not None
    assert finding.remedies[0].command == f"yamabiko models verify {tmp_path}/own.bin --format ggml-whisper"


def test_a_verification_that_checked_nothing_is_no_success() -> None:
    assert not Verification("faster-whisper", "cpu", ()).ok


@pytest.mark.usefixtures("no_children_left")
def test_a_trial_leaves_nothing_behind_and_resumes_nothing(tmp_path: Path) -> None:
    """An answer from the last trial's journal would prove nothing about today."""
    settings = Settings(home=tmp_path)
    for _ in range(2):
        result = verify(SCRIPTED, settings)
        assert result.ok, result
        assert [receipt.chunks_resumed for receipt in result.receipts] == [0, 0]
        assert [receipt.used_device for receipt in result.receipts] == ["cpu", "cpu"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("no_children_left")
def test_a_worker_that_never_speaks_ends_the_trial_and_keeps_what_was_known(tmp_path: Path) -> None:
    result = verify(SCRIPTED, Settings(home=tmp_path, worker_start_s=0.0))
    assert not result.ok
    assert result.problem is not None
    assert result.finding is result.problem
    assert [check.name.en for check in result.checks] == ["environment"]


def test_what_is_not_installed_is_an_answer_and_not_an_exception(tmp_path: Path) -> None:
    result = verify(WHISPER, Settings(home=tmp_path), device="cpu")
    assert (result.ok, result.checks) == (False, ())
    assert result.problem is not None
    assert result.problem.id == "engine-not-installed"


@pytest.mark.parametrize(
    ("profile", "device", "finding"),
    [
        (None, "gpu0", "device-unknown"),
        ("cuda11", "auto", "engine-profile-unknown"),
        ("cpu", "cuda", "engine-profile-device"),
    ],
)
def test_what_was_asked_wrongly_is_raised(profile: str | None, device: str, finding: str, tmp_path: Path) -> None:
    with pytest.raises(Problem) as raised:
        verify(WHISPER, Settings(home=tmp_path), profile=profile, device=device)
    assert raised.value.finding.id == finding


def test_an_engine_that_knows_none_of_the_clips_languages_is_tried_with_one_of_them(tmp_path: Path) -> None:
    """There is no clip in Basque; that it answers at all can still be seen."""
    basque = dataclasses.replace(SCRIPTED, languages=("eu",))
    result = verify(basque, Settings(home=tmp_path))
    assert result.ok, result
    assert len(result.receipts) == 1

"""What becomes of a file when speech and text do not agree, or when nobody can tell where speech is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy

from program import noise_file, run_program, samples_of, script_file, write_wav
from yamabiko.bundled import clips


def notices_of(document: Path) -> list[dict[str, Any]]:
    """Those of the receipt, but for the one that each use of the scripted engine has."""
    notices = json.loads(document.read_text("utf-8"))["yamabiko"]["notices"]
    return [notice for notice in notices if notice["id"] != "text-from-script"]


def test_speech_without_any_text_is_a_failure_and_not_an_empty_file(silero_home: Path, tmp_path: Path) -> None:
    """The clip is full of speech; an engine that says nothing has failed, however well it ended."""
    recording = shutil.copy(clips()[0].path, tmp_path / "talk.flac")
    script = script_file(tmp_path / "mute.json", {"at": "chunk", "do": "silence"})
    result = run_program(recording, "--engine", "scripted", "--model", script, home=silero_home)
    assert result.code == 6, result.err
    assert "no-text-for-speech" in result.err
    assert not (tmp_path / "talk.txt").exists()
    script_file(script, says="here it is")
    mended = run_program(recording, "--engine", "scripted", "--model", script, home=silero_home)
    assert mended.code == 0, "the empty answers must not come back from the journal"
    assert "here it is" in (tmp_path / "talk.txt").read_text("utf-8")


def test_a_broken_speech_finder_costs_a_notice(silero_home: Path, tmp_path: Path) -> None:
    [package] = silero_home.glob("data/engines/*/lib/python*/site-packages/onnxruntime")
    shutil.rmtree(package / "capi")
    recording = noise_file(tmp_path / "talk.wav", 40)
    script = script_file(tmp_path / "script.json")
    result = run_program(recording, "--engine", "scripted", "--model", script, "-f", "txt,json", home=silero_home)
    assert result.code == 0, result.err
    assert "speech-finder-failed" in result.err
    assert len((tmp_path / "talk.txt").read_text("utf-8").splitlines()) == 2
    [notice] = notices_of(tmp_path / "talk.json")
    assert notice["id"] == "speech-finder-failed"


def test_where_a_stretch_is_cut_follows_the_speech(silero_home: Path, tmp_path: Path) -> None:
    """Two sentences in the clip; padding aside, nothing but speech is handed to the engine."""
    recording = shutil.copy(clips()[0].path, tmp_path / "talk.flac")
    script = script_file(tmp_path / "script.json", says="heard")
    assert run_program(recording, "--engine", "scripted", "--model", script, "-f", "json", home=silero_home).code == 0
    receipt = json.loads((tmp_path / "talk.json").read_text("utf-8"))["yamabiko"]
    assert 4.0 < receipt["speech_s"] <= receipt["audio_s"]
    assert receipt["chunks"] >= 1


def test_speech_that_was_passed_over_is_asked_again(silero_home: Path, tmp_path: Path) -> None:
    """The first answer is empty although somebody speaks for seconds; the second question gets the text."""
    pause = numpy.zeros(3 * 16_000, "f4")
    recording = write_wav(tmp_path / "talk.wav", [pause, samples_of(clips()[0], tmp_path), pause])
    script = script_file(tmp_path / "script.json", {"at": "chunk", "do": "silence", "times": 1}, says="heard at last")
    result = run_program(recording, "--engine", "scripted", "--model", script, "-f", "txt,json", home=silero_home)
    assert result.code == 0, result.err
    assert (tmp_path / "talk.txt").read_text("utf-8").split("\n")[0] == "heard at last"
    [notice] = notices_of(tmp_path / "talk.json")
    assert notice["id"] == "speech-asked-again"


def test_speech_that_never_gets_text_is_told_with_its_place(silero_home: Path, tmp_path: Path) -> None:
    """The first stretch has text, the second none, twice: what is there is written, and what is missing is named."""
    pause = numpy.zeros(30 * 16_000, "f4")
    spoken = samples_of(clips()[0], tmp_path)
    recording = write_wav(tmp_path / "talk.wav", [spoken, pause, spoken])
    script = script_file(
        tmp_path / "script.json", {"at": "chunk", "skip": 1, "do": "silence", "times": 1000}, says="heard"
    )
    result = run_program(recording, "--engine", "scripted", "--model", script, "-f", "txt,json", home=silero_home)
    assert result.code == 0, result.err
    assert "speech-without-text" in result.err
    [notice] = notices_of(tmp_path / "talk.json")
    begin = float(notice["evidence"][0].rpartition(" at ")[2].partition("-")[0])
    assert begin > spoken.size / 16_000

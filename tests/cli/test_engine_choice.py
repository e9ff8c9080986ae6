"""`--engine`: what is no transcriber is refused, and what only plays one says so."""

from __future__ import annotations

from pathlib import Path

from program import noise_file, run_program


def test_an_engine_that_writes_no_text_is_refused_before_any_work(tmp_path: Path) -> None:
    recording = noise_file(tmp_path / "talk.wav", 0.5)
    result = run_program(recording, "--engine", "silero-vad", home=tmp_path)
    assert result.code == 2, result.err
    assert result.err.count("engine-writes-no-text") == 1
    assert "finds speech and writes no text" in result.err
    assert "--engine faster-whisper" in result.err
    assert not (tmp_path / "data/engines").exists()


def test_what_a_script_says_is_not_called_a_transcription(tmp_path: Path) -> None:
    recording = noise_file(tmp_path / "talk.wav", 0.5)
    result = run_program(recording, "--engine", "scripted", "--vad_filter", "False", "-f", "txt", home=tmp_path)
    assert result.code == 0, result.err
    assert "text-from-script" in result.err
    assert "no transcription" in result.err

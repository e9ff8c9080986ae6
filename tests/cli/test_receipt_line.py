"""The last line of a file, as it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from program import noise_file, run_program, script_file


@pytest.mark.parametrize(("seconds", "timed"), [(3 / 16000, False), (0.4, False), (0.6, True)])
def test_how_fast_it_was_is_told_of_audio_that_has_a_length(tmp_path: Path, seconds: float, timed: bool) -> None:
    """A file of 3 samples had an RTF of 689."""
    script_file(tmp_path / "script.json")
    talk = noise_file(tmp_path / "talk.wav", seconds)
    line = (talk, "--engine", "scripted", "--model", "script.json", "--vad_filter", "False", "-f", "json")

    result = run_program(*line, home=tmp_path, cwd=tmp_path)

    assert result.code == 0, result.err
    last = next(one for one in result.err.splitlines() if " of audio in " in one)
    assert ("RTF" in last) == timed
    assert "·  ·" not in last
    assert "scripted" in last

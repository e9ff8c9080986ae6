"""A voice that cannot be read is told of as the option's, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from program import run_program
from yamabiko.bundled import clips


@pytest.mark.parametrize(
    ("given", "id_", "remedy"),
    [
        ("花子=voices/花子.wav", "input-missing", '--known-speaker 花子="FILE"'),
        ("Ken=voices", "input-not-a-file", '--known-speaker Ken="FILE"'),
        ("Ken Sato=gone.wav", "input-missing", "--known-speaker 'Ken Sato'=\"FILE\""),
    ],
)
def test_a_wrong_path_is_mended_where_it_was_given(given: str, id_: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    done = run_program("transcribe", clips()[0].path, "--known-speaker", given, home=tmp_path, cwd=tmp_path)
    assert done.code == 3, done.err
    assert id_ in done.err
    assert remedy in done.err
    assert 'yamabiko "FILE"' not in done.err, "the recording to transcribe was right"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("--speakers 2 --min-speakers 3", "--speakers 2 says how many speakers there are, and --min-speakers 3"),
        ("--speakers 5 --max-speakers 2", "--speakers 5 says how many speakers there are, and --max-speakers 2"),
        ("--min-speakers 4 --max-speakers 2", "There cannot be at least 4 speakers and at most 2."),
    ],
)
def test_numbers_of_speakers_that_contradict_each_other_are_refused(given: str, told: str, tmp_path: Path) -> None:
    done = run_program("transcribe", clips()[0].path, *given.split(), home=tmp_path)
    assert done.code == 2, done.err
    assert told in done.err

"""What stands under a result's name and is not ours: left alone, named, and with it both ways out."""

from __future__ import annotations

from pathlib import Path

from program import Result, noise_file, run_program

OUT = "--output_dir FOLDER writes elsewhere; --overwrite does it again and replaces"


def transcribe(folder: Path, *more: str) -> Result:
    """`b.wav` in three formats."""
    if not (folder / "b.wav").exists():  # written again it would be another recording
        noise_file(folder / "b.wav", 0.5)
    return run_program(
        "b.wav", "--engine", "scripted", "--vad-filter", "False", "-f", "txt,srt,json", *more, home=folder
    )


def test_a_persons_notes_are_left_and_named_with_the_ways_out(tmp_path: Path) -> None:
    """It said `left alone, it is not ours: b.txt`, and no way to the text."""
    (tmp_path / "b.txt").write_text("my own notes")
    done = transcribe(tmp_path)

    assert done.code == 0, done.err
    [line] = [line for line in done.err.splitlines() if "left alone" in line]
    assert line.startswith("left alone, it is not ours: b.txt (")
    assert f"{OUT} b.txt)" in line


def test_the_second_run_says_which_is_not_ours_and_that_the_rest_is_done(tmp_path: Path) -> None:
    """It said of all three that something else had made them."""
    (tmp_path / "b.txt").write_text("my own notes")
    transcribe(tmp_path)
    again = transcribe(tmp_path)

    assert again.code == 0, again.err
    assert f"b.wav: done already, but for what something else made or somebody edited: b.txt ({OUT} b.txt)" in again.err
    assert "made by something else or edited since" not in again.err
    assert (tmp_path / "b.txt").read_text() == "my own notes"


def test_where_nothing_is_ours_all_are_named(tmp_path: Path) -> None:
    names = ("b.txt", "b.srt", "b.json")
    for name in names:
        (tmp_path / name).write_text("my own notes")
    done = transcribe(tmp_path)

    told = ", ".join(names)
    assert f"results are there already, made by something else or edited since: {told} ({OUT} {told})" in done.err
    assert "done already" not in done.err


def test_the_ways_out_lead_out(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("my own notes")
    elsewhere = transcribe(tmp_path, "--output_dir", "elsewhere")
    assert elsewhere.code == 0, elsewhere.err
    assert (tmp_path / "elsewhere" / "b.txt").exists()
    assert (tmp_path / "b.txt").read_text() == "my own notes"

    over = transcribe(tmp_path, "--overwrite")
    assert over.code == 0, over.err
    assert (tmp_path / "b.txt").read_text() != "my own notes"

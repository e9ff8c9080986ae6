"""Names of outputs, and who may write over what."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from subprocess import PIPE

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.cli.inputs import Recording, gather
from yamabiko.cli.outputs import Ledger, Plan, Rule, claimed, place, plan

FORMATS = ("txt", "srt")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def made(folder: Path, *names: str) -> list[Recording]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists():
            (folder / name).write_bytes(name.encode())
    return [Recording(folder / name, Path()) for name in names]


def plans(
    recordings: list[Recording],
    ledger: Ledger,
    output_dir: Path | None = None,
    settings: str = "a",
    overwrite: bool = False,
) -> list[Plan]:
    return plan(recordings, FORMATS, output_dir, ledger, Rule(settings, overwrite))


def write(one: Plan, ledger: Ledger, settings: str = "a") -> None:
    for name in one.to_write:
        one.targets[name].write_text("text")
        ledger.record(one.targets[name], one.recording.path, settings)


def names_of(one: Plan) -> list[str]:
    return sorted(path.name for path in one.targets.values())


def test_a_recording_is_named_as_whisper_names_it(tmp_path: Path, ledger: Ledger) -> None:
    [one] = plans(made(tmp_path / "in", "talk.one.mp4"), ledger)
    assert names_of(one) == ["talk.one.srt", "talk.one.txt"]
    assert one.targets["srt"].parent == tmp_path / "in"


def test_two_recordings_with_one_stem_get_their_full_names(tmp_path: Path, ledger: Ledger) -> None:
    first, second = plans(made(tmp_path / "in", "talk.mp3", "talk.mp4"), ledger)
    assert names_of(first) == ["talk.mp3.srt", "talk.mp3.txt"]
    assert names_of(second) == ["talk.mp4.srt", "talk.mp4.txt"]


def test_a_later_recording_of_the_same_stem_leaves_the_earlier_result(tmp_path: Path, ledger: Ledger) -> None:
    [first] = plans(made(tmp_path / "in", "talk.mp3"), ledger)
    write(first, ledger)
    [second] = plans(made(tmp_path / "in", "talk.mp4"), ledger)
    assert names_of(second) == ["talk.mp4.srt", "talk.mp4.txt"]
    both = plans(made(tmp_path / "in", "talk.mp3", "talk.mp4"), ledger)
    assert [names_of(one) for one in both] == [names_of(first), names_of(second)]
    assert both[0].finished, "the first keeps its name, and is done"


def test_files_of_one_name_from_two_folders_share_an_output_folder_in_peace(tmp_path: Path, ledger: Ledger) -> None:
    recordings = [*made(tmp_path / "a", "talk.mp3"), *made(tmp_path / "b", "talk.mp3")]
    first, second = plans(recordings, ledger, tmp_path / "out")
    assert not set(first.targets.values()) & set(second.targets.values())


def test_a_recording_is_never_written_over(tmp_path: Path, ledger: Ledger) -> None:
    """Audio may be named talk.txt."""
    [one] = plans(made(tmp_path / "in", "talk.txt"), ledger, overwrite=True)
    assert one.recording.path not in one.targets.values()


def test_what_is_finished_is_skipped_and_overwrite_does_it_again(tmp_path: Path, ledger: Ledger) -> None:
    recordings = made(tmp_path / "in", "talk.mp3")
    write(plans(recordings, ledger)[0], ledger)
    assert plans(recordings, ledger)[0].finished
    assert plans(recordings, ledger, overwrite=True)[0].to_write == FORMATS


def test_other_settings_are_told_and_not_silently_taken_for_the_same(tmp_path: Path, ledger: Ledger) -> None:
    recordings = made(tmp_path / "in", "talk.mp3")
    write(plans(recordings, ledger)[0], ledger)
    again = plans(recordings, ledger, settings="b")[0]
    assert (again.finished, again.other_settings) == (True, "a")


def test_a_recording_that_changed_is_done_again(tmp_path: Path, ledger: Ledger) -> None:
    recordings = made(tmp_path / "in", "talk.mp3")
    write(plans(recordings, ledger)[0], ledger)
    recordings[0].path.write_bytes(b"another recording")
    assert plans(recordings, ledger)[0].to_write == FORMATS


def test_a_result_that_a_person_edited_is_left_alone(tmp_path: Path, ledger: Ledger) -> None:
    recordings = made(tmp_path / "in", "talk.mp3")
    first = plans(recordings, ledger)[0]
    write(first, ledger)
    first.targets["srt"].write_text("corrected by hand")
    recordings[0].path.write_bytes(b"another recording")
    again = plans(recordings, ledger)[0]
    assert again.to_write == ("txt",)
    assert again.foreign == (first.targets["srt"],)


def test_a_file_that_somebody_else_made_is_left_alone(tmp_path: Path, ledger: Ledger) -> None:
    recordings = made(tmp_path / "in", "talk.mp3")
    (tmp_path / "in" / "talk.srt").write_text("from the net")
    [one] = plans(recordings, ledger)
    assert one.to_write == ("txt",)
    assert one.foreign == (tmp_path / "in" / "talk.srt",)


def test_folders_keep_their_shape_below_the_output_folder(tmp_path: Path, ledger: Ledger) -> None:
    made(tmp_path / "in", "a.wav", "deep/a.wav", ".hidden.wav", "notes.txt")
    recordings, problems = gather([str(tmp_path / "in")], recursive=True)
    assert problems == []
    found = [one.targets["txt"].relative_to(tmp_path / "out") for one in plans(recordings, ledger, tmp_path / "out")]
    assert sorted(map(str, found)) == ["a.txt", "deep/a.txt"]


def test_a_file_named_twice_is_taken_once(tmp_path: Path) -> None:
    [one] = made(tmp_path / "in", "a.wav")
    (tmp_path / "in" / "link.wav").symlink_to(one.path)
    recordings, _ = gather([str(one.path), str(tmp_path / "in"), str(tmp_path / "in" / "*.wav")], recursive=False)
    assert [r.path for r in recordings] == [one.path]


def test_what_cannot_be_read_in_a_folder_is_taken_too_so_that_somebody_says_so(tmp_path: Path) -> None:
    (tmp_path / "gone.mp3").symlink_to(tmp_path / "nowhere.mp3")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "album.mp3").mkdir()
    recordings, problems = gather([str(tmp_path)], recursive=False)
    assert [one.path.name for one in recordings] == ["gone.mp3", "pipe.wav"]
    assert problems == []


def test_an_empty_folder_is_a_finding(tmp_path: Path) -> None:
    recordings, [problem] = gather([str(tmp_path)], recursive=False)
    assert recordings == []
    assert problem.id == "input-no-recordings"


NAMES = st.sampled_from(["talk", "Talk", "talk.mp3", "a", "txt", "caf\u00e9", "cafe\u0301"])
SUFFIXES = st.sampled_from([".mp3", ".MP3", ".txt", ".srt", "", ".wav"])


FILES = st.lists(
    st.tuples(st.sampled_from(["x", "y"]), NAMES, SUFFIXES), unique_by="/{0[0]}/{0[1]}{0[2]}".format, max_size=8
)


@given(FILES, st.booleans())
def test_no_output_is_ever_another_output_or_a_recording(files: list[tuple[str, str, str]], gathered: bool) -> None:
    """Nothing on the disk is needed: names alone decide, and a file system may not tell A from a, nor é from e and ´."""
    here = Path(os.sep, "nowhere")
    recordings = [Recording(here / folder / f"{name}{suffix}", Path()) for folder, name, suffix in files]
    found = plan(recordings, FORMATS, here / "out" if gathered else None, Ledger(here), Rule("a", overwrite=True))
    outputs = [as_apple(path) for one in found for path in one.targets.values()]
    assert len(outputs) == len(set(outputs)) == len(FORMATS) * len(files)
    assert not set(outputs) & {as_apple(recording.path) for recording in recordings}


def as_apple(path: Path) -> str:
    return unicodedata.normalize("NFC", str(path).casefold())


def test_a_stem_stays_with_the_recording_that_came_first_in_whatever_format(tmp_path: Path, ledger: Ledger) -> None:
    """One was asked for txt, later its neighbour for srt, then the first for both: nothing is written over."""
    first, second = made(tmp_path / "in", "talk.flac", "talk.wav")
    [one] = plan([first], ("txt",), None, ledger, Rule("a"))
    write(one, ledger)
    [other] = plan([second], ("srt",), None, ledger, Rule("a"))
    assert names_of(other) == ["talk.wav.srt"]
    write(other, ledger)
    [both] = plan([first], FORMATS, None, ledger, Rule("a"))
    assert names_of(both) == ["talk.srt", "talk.txt"]
    assert both.to_write == ("srt",)


def test_what_another_recording_made_is_never_ours_to_replace(tmp_path: Path, ledger: Ledger) -> None:
    first, second = made(tmp_path / "in", "talk.flac", "talk.wav")
    for one, fmt in ((first, "txt"), (second, "srt")):  # as an older yamabiko left them
        path = tmp_path / "in" / f"talk.{fmt}"
        path.write_text("text")
        ledger.record(path, one.path, "a")
    [again] = plan([first], FORMATS, None, ledger, Rule("a"))
    assert names_of(again) == ["talk.flac.srt", "talk.flac.txt"]


def test_a_name_that_another_process_holds_is_not_taken(tmp_path: Path, ledger: Ledger) -> None:
    first, second = made(tmp_path / "in", "talk.flac", "talk.wav")
    [mine] = plan([second], FORMATS, None, ledger, Rule("a"))
    code = (
        "import sys; from pathlib import Path; from yamabiko.cli.outputs import Ledger\n"
        "with Ledger(Path(sys.argv[1])).claim(Path(sys.argv[2]), Path(sys.argv[3])) as free:\n"
        "    print(free, flush=True); sys.stdin.read()\n"
    )
    arguments = [str(tmp_path / "ledger"), str(mine.base), str(first.path)]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with ledger.claim(mine.base, second.path) as free:
            assert not free
        with ledger.claim(mine.base, first.path) as same_recording:
            assert same_recording
        with claimed(mine, ledger) as moved:
            pass
        other.communicate()
    assert not {_path.name for _path in moved.targets.values()} & {_path.name for _path in mine.targets.values()}
    with ledger.claim(mine.base, second.path) as free:
        assert free


HOLDS = (
    "import sys; from pathlib import Path; from yamabiko.cli.outputs import Ledger\n"
    "with Ledger(Path(sys.argv[1])).claim(Path(sys.argv[2]), Path(sys.argv[3])):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


def test_another_run_at_the_same_recording_is_waited_for_and_its_work_not_done_twice(
    tmp_path: Path, ledger: Ledger
) -> None:
    [recording] = made(tmp_path / "in", "talk.mp3")
    [mine] = plans([recording], ledger)
    waited = 0
    arguments = [str(tmp_path / "ledger"), str(mine.base), str(recording.path)]
    with subprocess.Popen([sys.executable, "-c", HOLDS, *arguments], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()

        def wait() -> None:
            nonlocal waited
            waited += 1
            if waited == 3:  # the other one writes its results, and ends
                write(mine, ledger)
                other.communicate()

        with claimed(mine, ledger, wait) as now:
            assert now.finished
    assert waited == 3


def test_nobody_waits_for_another_recording_of_the_same_name(tmp_path: Path, ledger: Ledger) -> None:
    first, second = made(tmp_path / "in", "talk.flac", "talk.wav")
    [mine] = plans([second], ledger)
    arguments = [str(tmp_path / "ledger"), str(mine.base), str(first.path)]
    with subprocess.Popen([sys.executable, "-c", HOLDS, *arguments], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()

        with claimed(mine, ledger, lambda: pytest.fail("it waits")) as now:
            assert not now.finished
            assert now.base != mine.base
        other.communicate()


def test_a_wait_that_is_broken_off_leaves_nothing_held(tmp_path: Path, ledger: Ledger) -> None:
    [recording] = made(tmp_path / "in", "talk.mp3")
    [mine] = plans([recording], ledger)

    def interrupted() -> None:
        raise KeyboardInterrupt

    arguments = [str(tmp_path / "ledger"), str(mine.base), str(recording.path)]
    with subprocess.Popen([sys.executable, "-c", HOLDS, *arguments], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(KeyboardInterrupt), claimed(mine, ledger, interrupted):
            pytest.fail("it was not ours")
        other.communicate()
    with claimed(mine, ledger, lambda: pytest.fail("it waits")) as now:
        assert now.to_write == FORMATS


def test_a_recording_of_another_name_may_not_be_replaced_where_overwrite_moves_aside(
    tmp_path: Path, ledger: Ledger
) -> None:
    """Another run took talk.txt after we planned; under the full name lies what somebody recorded, or wrote."""
    first, second = made(tmp_path / "in", "talk.flac", "talk.wav")
    [mine] = plans([second], ledger, overwrite=True)
    write(plans([first], ledger)[0], ledger)
    (tmp_path / "in" / "talk.wav.txt").write_text("a person's")

    with claimed(mine, ledger) as now:
        written = [place(now, name, ledger) for name in now.to_write]

    assert len(written) == len(FORMATS)
    assert [path for path in written if path.exists()] == []


def test_overwrite_replaces_what_was_there_and_not_what_comes_during_the_work(tmp_path: Path, ledger: Ledger) -> None:
    recordings = made(tmp_path / "in", "talk.mp3")
    old, new = tmp_path / "in" / "talk.txt", tmp_path / "in" / "talk.srt"
    old.write_text("from the net")
    [mine] = plans(recordings, ledger, overwrite=True)

    with claimed(mine, ledger) as now:
        new.write_text("just now")
        assert place(now, "txt", ledger) == old
        assert place(now, "srt", ledger).name == "talk.mp3.srt"
        old.write_text("just now, by hand")
        assert place(now, "txt", ledger).name == "talk.mp3.txt"


def test_the_same_recording_done_meanwhile_with_other_settings_is_not_lost(tmp_path: Path, ledger: Ledger) -> None:
    recordings = made(tmp_path / "in", "talk.mp3")
    [mine] = plans(recordings, ledger)
    [other] = plans(recordings, ledger, settings="b")
    with claimed(mine, ledger) as now:
        write(other, ledger, settings="b")
        names = [place(now, name, ledger).name for name in now.to_write]
    assert names == ["talk.mp3.txt", "talk.mp3.srt"]


def test_a_result_always_finds_a_name(tmp_path: Path, ledger: Ledger) -> None:
    """However many files a person puts there."""
    [mine] = plans(made(tmp_path / "in", "talk.mp3"), ledger)
    places = []
    for _ in range(6):
        places.append(place(mine, "txt", ledger))
        places[-1].write_text("a person's")
    assert len(set(places)) == 6
    assert {path.suffix for path in places} == {".txt"}

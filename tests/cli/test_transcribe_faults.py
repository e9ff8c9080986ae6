"""
The fault table: what happens to a file when its worker fails in every way, seen from the shell.

The scripted engine breaks on cue in real worker processes. An undisturbed run
of the same file gives the text that every rescued run must give too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from program import COMMAND, Result, environment, noise_file, run_program, script_file

SIGNALS = ("SIGSEGV", "SIGABRT", "SIGILL", "SIGKILL")
DEATHS: list[dict[str, Any]] = [{"do": "die", "signal": name} for name in SIGNALS]
OTHERS: list[dict[str, Any]] = [
    {"do": "die", "status": 0},
    {"do": "stall"},
    {"do": "nonsense"},
    {"do": "raise", "message": "boom"},
]
EXHAUSTION: dict[str, Any] = {"do": "exhaust_memory"}
SMALL = {"YAMABIKO_WORKER_MEMORY_BYTES": str(400 * 2**20)}
IMPATIENT = {"YAMABIKO_WORKER_FIRST_ANSWER_S": "1", "YAMABIKO_WORKER_SILENCE_S": "1", "YAMABIKO_WORKER_LOAD_S": "1.5"}


def limits(fault: dict[str, Any]) -> dict[str, str]:
    """Short time limits where a worker stalls; elsewhere a busy machine must not be taken for one."""
    return IMPATIENT if fault["do"] == "stall" else {}


def name_of(fault: dict[str, Any]) -> str:
    return "-".join(str(value) for value in fault.values())


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three stretches of 30, 30 and 5 s, without speech finding."""
    return noise_file(tmp_path_factory.mktemp("fault-table") / "talk.wav", 65)


@pytest.fixture(scope="module")
def undisturbed(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("undisturbed")
    assert transcribe(recording, home, script_file(home / "script.json")).code == 0
    text = (home / "talk.txt").read_text("utf-8")
    assert len(set(text.splitlines())) == 3
    return text


def transcribe(recording: Path, home: Path, script: Path, *more: str, **environment: str) -> Result:
    return run_program(
        recording, "--engine", "scripted", "--model", script, "--vad_filter", "False", "--output_dir", home,
        "--output_format", "txt,json", *more, home=home, **environment,
    )  # fmt: skip


def receipt(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "talk.json").read_text("utf-8"))["yamabiko"]
    return found


@pytest.mark.parametrize("fault", [*DEATHS, *OTHERS], ids=name_of)
@pytest.mark.parametrize("moment", [{"at": "load"}, {"at": "chunk", "skip": 1}], ids=["loading", "middle"])
def test_a_worker_that_fails_once_costs_a_notice_and_not_the_text(
    fault: dict[str, Any], moment: dict[str, Any], recording: Path, undisturbed: str, tmp_path: Path
) -> None:
    script = script_file(tmp_path / "script.json", {**moment, **fault, "times": 1})
    result = transcribe(recording, tmp_path, script, **limits(fault))
    assert result.code == 0, result.err
    assert (tmp_path / "talk.txt").read_text("utf-8") == undisturbed
    told = receipt(tmp_path)
    assert len(told["fallbacks"]) == 1
    assert "we did" in result.err
    # There is nobody else whose work it could wait for: what failed took time, and the real-time factor says so.
    assert told["real_time_factor"] * told["audio_s"] == pytest.approx(told["timings"]["total_s"], rel=0.01)


@pytest.mark.parametrize("fault", [DEATHS[0], OTHERS[1], OTHERS[3]], ids=name_of)
def test_a_worker_that_always_fails_there_ends_in_a_finding_and_writes_no_file(
    fault: dict[str, Any], recording: Path, tmp_path: Path
) -> None:
    script = script_file(tmp_path / "script.json", {"at": "chunk", "skip": 1, **fault})
    result = transcribe(recording, tmp_path, script, **limits(fault))
    assert result.code == 6, result.err
    assert "evidence" in result.err
    assert not (tmp_path / "talk.txt").exists()


def test_what_was_done_before_the_end_is_not_done_again(recording: Path, undisturbed: str, tmp_path: Path) -> None:
    """The second chunk kills every worker; once it is mended, only what is missing is asked."""
    cue = {"at": "chunk", "skip": 1, "times": 50, "do": "die", "signal": "SIGSEGV"}
    script = script_file(tmp_path / "script.json", cue)
    assert transcribe(recording, tmp_path, script).code == 6
    (tmp_path / "script.json.counts/0").write_bytes(b"." * 51)
    assert transcribe(recording, tmp_path, script).code == 0
    assert (tmp_path / "talk.txt").read_text("utf-8") == undisturbed
    assert receipt(tmp_path)["chunks_resumed"] == 1


def test_another_model_under_the_same_path_does_not_go_on_with_the_words_of_the_first(
    recording: Path, tmp_path: Path
) -> None:
    script = script_file(
        tmp_path / "script.json", {"at": "chunk", "skip": 1, "do": "die", "signal": "SIGSEGV"}, says="ONE"
    )
    assert transcribe(recording, tmp_path, script).code == 6
    script_file(script, says="TWO")
    assert transcribe(recording, tmp_path, script).code == 0
    assert (tmp_path / "talk.txt").read_text("utf-8").split() == ["TWO"] * 3
    assert receipt(tmp_path)["chunks_resumed"] == 0


@pytest.mark.parametrize("fault", [DEATHS[1], DEATHS[3]], ids=name_of)
def test_a_gpu_that_kills_its_worker_costs_a_notice(
    fault: dict[str, Any], recording: Path, undisturbed: str, tmp_path: Path
) -> None:
    script = script_file(tmp_path / "script.json", {"at": "chunk", "skip": 1, "device": "cuda", **fault})
    result = transcribe(recording, tmp_path, script, "--device", "cuda")
    assert result.code == 0, result.err
    assert (tmp_path / "talk.txt").read_text("utf-8") == undisturbed
    assert receipt(tmp_path)["used_device"] == "cpu"
    assert "went on with cpu/int8" in result.err


def test_memory_that_runs_out_on_the_cpu_is_named_at_once(recording: Path, tmp_path: Path) -> None:
    """The cause is known and no rung needs less, so nothing is tried in vain."""
    script = script_file(tmp_path / "script.json", {"at": "load", **EXHAUSTION})
    result = transcribe(recording, tmp_path, script, **SMALL)
    assert result.code == 6
    assert "worker-out-of-memory" in result.err
    assert "we did" not in result.err


def test_memory_that_runs_out_on_the_gpu_costs_a_notice(recording: Path, undisturbed: str, tmp_path: Path) -> None:
    script = script_file(tmp_path / "script.json", {"at": "chunk", "skip": 1, "device": "cuda", **EXHAUSTION})
    result = transcribe(recording, tmp_path, script, "--device", "cuda", **SMALL)
    assert result.code == 0, result.err
    assert (tmp_path / "talk.txt").read_text("utf-8") == undisturbed
    assert "worker-out-of-memory" in result.err


def test_a_gpu_that_is_required_and_lies_is_refused(recording: Path, tmp_path: Path) -> None:
    script = script_file(tmp_path / "script.json", claims="cuda")
    result = transcribe(recording, tmp_path, script, "--device", "cuda", "--require_gpu")
    assert result.code == 5
    assert "gpu-not-used" in result.err
    assert not (tmp_path / "talk.txt").exists()
    again = transcribe(recording, tmp_path, script, "--device", "cuda", "--require_gpu")
    assert again.code == 5, "an answer that was not proved must not come back from the journal"


def test_a_lie_about_the_device_is_told_and_the_text_kept(recording: Path, undisturbed: str, tmp_path: Path) -> None:
    script = script_file(tmp_path / "script.json", claims="cuda")
    result = transcribe(recording, tmp_path, script, "--device", "cuda")
    assert result.code == 0
    assert (tmp_path / "talk.txt").read_text("utf-8") == undisturbed
    assert (receipt(tmp_path)["used_device"], receipt(tmp_path)["verdict"]) == ("cpu", "refuted")
    assert "refuted" in result.err.splitlines()[-1]


def test_without_fallback_the_first_failure_that_is_understood_is_the_end(recording: Path, tmp_path: Path) -> None:
    script = script_file(
        tmp_path / "script.json",
        {
            "at": "load",
            "device": "cuda",
            "do": "raise",
            "message": "Requested float16 compute type, but the target device or backend do not support efficient float16 computation.",
        },
    )
    result = transcribe(recording, tmp_path, script, "--device", "cuda", "--no_fallback")
    assert result.code == 5
    assert "ct2-compute-type-unsupported" in result.err


def test_a_precision_asked_for_by_name_is_kept_to_and_the_end_says_which_and_why(
    recording: Path, tmp_path: Path
) -> None:
    """It said of bfloat16 what holds for float16, and nothing of why no other precision was tried."""
    refusal = "Requested bfloat16 compute type, but the target device or backend do not support efficient bfloat16 computation."
    script = script_file(
        tmp_path / "script.json", {"at": "load", "compute_type": "bfloat16", "do": "raise", "message": refusal}
    )
    result = transcribe(recording, tmp_path, script, "--device", "cpu", "--compute_type", "bfloat16")
    assert result.code == 5
    assert "no kernels of bfloat16" in result.err
    assert "from compute capability 8.0 on" in result.err
    assert "asked: --compute_type bfloat16, so no other precision is taken" in result.err
    assert not (tmp_path / "talk.txt").exists()

    chosen = transcribe(recording, tmp_path, script, "--device", "cpu")
    assert chosen.code == 0, chosen.err


def test_a_flood_of_output_stops_nothing(recording: Path, undisturbed: str, tmp_path: Path) -> None:
    script = script_file(tmp_path / "script.json", {"at": "chunk", "do": "flood", "megabytes": 20})
    assert transcribe(recording, tmp_path, script).code == 0
    assert (tmp_path / "talk.txt").read_text("utf-8") == undisturbed


def test_a_folder_that_cannot_be_written_is_told_before_the_work(recording: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "results"
    blocked.write_text("in the way")
    script = script_file(tmp_path / "script.json", {"at": "load", "do": "raise", "message": "nothing may be loaded"})
    result = transcribe(recording, tmp_path, script, "-o", str(blocked))
    assert result.code == 8
    assert "output-not-writable" in result.err
    assert "nothing may be loaded" not in result.err


def test_an_output_that_fails_at_the_end_costs_the_output_and_not_the_work(recording: Path, tmp_path: Path) -> None:
    """Something took the place of the result; what was transcribed is taken from the journal afterwards."""
    script = script_file(tmp_path / "script.json")
    (tmp_path / "talk.txt").mkdir()
    failed = transcribe(recording, tmp_path, script, "-f", "txt", "--overwrite")
    assert failed.code == 8, failed.err
    (tmp_path / "talk.txt").rmdir()
    rescued = transcribe(recording, tmp_path, script, "-f", "txt")
    assert rescued.code == 0, rescued.err
    assert "by an earlier run" in rescued.err


def test_a_gpu_that_is_required_where_there_is_none_runs_nothing_on_the_cpu(recording: Path, tmp_path: Path) -> None:
    """The script claims nothing, so its rung on the GPU is refuted; the rung on the CPU is not even tried."""
    script = script_file(
        tmp_path / "script.json", {"at": "load", "device": "cpu", "do": "raise", "message": "on the cpu"}
    )
    result = transcribe(recording, tmp_path, script, "--require_gpu")
    assert result.code == 5, result.err
    assert "on the cpu" not in result.err
    assert transcribe(recording, tmp_path, script, "--require_gpu", "--device", "cpu").code == 2


def test_a_mistake_is_told_even_where_the_file_is_finished(recording: Path, tmp_path: Path) -> None:
    script = script_file(tmp_path / "script.json")
    assert transcribe(recording, tmp_path, script).code == 0
    assert transcribe(recording, tmp_path, script, "--device", "tpu").code == 2


def test_an_empty_name_is_not_this_folder(recording: Path, tmp_path: Path) -> None:
    noise_file(tmp_path / "here.wav", 1)
    assert run_program("", "--engine", "scripted", home=tmp_path).code == 3
    assert not (tmp_path / "here.txt").exists()


def test_what_is_printed_needs_no_heading_where_it_is_one_thing(recording: Path, tmp_path: Path) -> None:
    script = script_file(tmp_path / "script.json")
    one = transcribe(recording, tmp_path, script, "--print", "--output_format", "txt")
    text = (tmp_path / "talk.txt").read_text("utf-8")
    again = transcribe(recording, tmp_path, script, "--print", "--output_format", "txt", "--quiet")
    two = transcribe(recording, tmp_path, script, "--print", "--output_format", "txt,json")
    assert one.out == text != ""
    assert again.out == text
    assert len(again.err.splitlines()) == 1
    assert [line for line in two.out.splitlines() if line.startswith("==>")] == [
        "==> talk.txt <==",
        "==> talk.json <==",
    ]


def test_ctrl_c_before_anything_has_begun_shows_no_traceback(tmp_path: Path) -> None:
    """Half of a start is reading modules; a person who stops it there is no less polite."""
    code = (
        "import os, signal, sys, yamabiko.__main__ as start\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "start.run()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (130, "\n")


def test_two_at_once_on_one_stem_write_two_names(recording: Path, tmp_path: Path) -> None:
    """Each plans before the other has written: the one that comes second takes another name, and no text is lost."""
    talks = tmp_path / "talks"
    talks.mkdir()
    for name in ("talk.wav", "talk.wave"):
        shutil.copy(recording, talks / name)
    script = script_file(tmp_path / "script.json")
    command = [
        *COMMAND,
        "--engine",
        "scripted",
        "--model",
        str(script),
        "--vad_filter",
        "False",
        "--output_format",
        "txt",
    ]
    both = [
        subprocess.Popen(
            [*command, str(talks / name)], env=environment(tmp_path), cwd=tmp_path, stderr=subprocess.DEVNULL
        )
        for name in ("talk.wav", "talk.wave")
    ]
    assert [process.wait(120) for process in both] == [0, 0]
    assert len(list(talks.glob("*.txt"))) == 2


def test_an_option_may_stand_before_the_file(recording: Path, tmp_path: Path) -> None:
    """Whisper's users put `--model` first; it is no slip of `models`."""
    script = script_file(tmp_path / "script.json")
    result = run_program(
        "--engine", "scripted", "--model", script, "--vad_filter", "False", "--output_dir", tmp_path,
        "--output_format", "txt", recording, home=tmp_path,
    )  # fmt: skip
    assert result.code == 0, result.err


def test_a_value_that_the_engine_would_refuse_is_refused_before_any_work(recording: Path, tmp_path: Path) -> None:
    result = transcribe(recording, tmp_path, script_file(tmp_path / "script.json"), "--patience", "0")
    assert result.code == 2
    assert "--patience" in result.err

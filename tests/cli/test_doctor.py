"""`yamabiko doctor` as a person meets it: calm where nothing is wrong, exact where something is, and pasteable."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from casebook import PLATFORMS, platform
from casebook import facts as written_facts
from program import run_program
from yamabiko.diagnosis.articles import ids
from yamabiko.records import to_plain

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the files of Linux")

ERROR_35 = "Exception: CUDA failure! 35"


def saved(path: Path, name: str, **different: object) -> Path:
    """A file as `--save` writes it, of a machine of the casebook."""
    plain = platform(name) | different
    path.write_text(json.dumps({"facts": to_plain(written_facts(plain)), "findings": []}))
    return path


def nemo(**packages: str) -> list[dict[str, object]]:
    return [{"name": "venv", "packages": {"nemo-toolkit": "2.6.0", "torch": "2.9.1", **packages}}]


def test_a_machine_without_a_gpu_is_well(tmp_path: Path) -> None:
    result = run_program("doctor", "--quick", home=tmp_path)
    assert result.code == 0, result.out + result.err
    assert result.out.splitlines()[-1].startswith("Nothing is wrong here")
    assert "no GPU is visible here" in result.out
    assert result.err == ""


@pytest.mark.parametrize("name", PLATFORMS)
def test_saved_facts_of_a_healthy_machine_are_well_anywhere(name: str, tmp_path: Path) -> None:
    result = run_program("doctor", "--facts", saved(tmp_path / "facts.json", name), home=tmp_path)
    assert result.code == 0, result.out


def test_error_35_is_two_different_things(tmp_path: Path) -> None:
    """The same words: bindings newer than the driver in one place, no driver at all in another."""
    log = tmp_path / "log.txt"
    log.write_text(f"Traceback (most recent call last):\n{ERROR_35}\n")
    newer = saved(tmp_path / "a.json", "bare-ampere", environments=nemo(**{"cuda-bindings": "13.0.3"}))
    none = saved(tmp_path / "b.json", "cpu-only-linux")
    first = run_program("doctor", "--facts", newer, "--log", log, home=tmp_path)
    second = run_program("doctor", "--facts", none, "--log", log, home=tmp_path)
    assert (first.code, second.code) == (1, 1)
    assert "nemo-cuda35-bindings-newer-than-driver" in first.out
    assert "driver-none-or-container-without-runtime" not in first.out
    assert "driver-none-or-container-without-runtime" in second.out


def test_what_was_seen_is_quoted_and_remedies_come_cheapest_first(tmp_path: Path) -> None:
    facts = saved(tmp_path / "a.json", "bare-ampere", environments=nemo(**{"cuda-bindings": "13.0.3"}))
    result = run_program("doctor", "--facts", facts, "--json", home=tmp_path)
    [finding] = [f for f in json.loads(result.out)["findings"] if f["id"].startswith("nemo-cuda35")]
    assert any("13.0.3" in line for line in finding["evidence"])
    assert any("12.8" in line for line in finding["evidence"])
    costs = [("none", "effort", "speed", "accuracy").index(remedy["cost"]) for remedy in finding["remedies"]]
    assert costs == sorted(costs)


def test_words_that_nobody_knows_are_called_unknown_and_kept(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("RuntimeError: the flux capacitor is out of phase\n")
    result = run_program("doctor", "--quick", "--log", log, home=tmp_path)
    assert result.code == 1
    assert "log-unexplained" in result.out
    assert "flux capacitor" in result.out


def test_a_log_may_come_on_standard_input(tmp_path: Path) -> None:
    facts = saved(tmp_path / "b.json", "cpu-only-linux")
    result = run_program("doctor", "--facts", facts, "--log", "-", home=tmp_path, stdin=ERROR_35)
    assert "driver-none-or-container-without-runtime" in result.out


def test_a_saved_report_names_nobody(tmp_path: Path) -> None:
    home = tmp_path / "home/hanako"
    (home / "yamabiko").mkdir(parents=True)
    report = tmp_path / "report.json"
    secret = "hf_abcdefghijklmnop"
    result = run_program(
        "doctor", "--quick", "--save", report, home=home / "yamabiko",
        HOME=str(home), LD_LIBRARY_PATH=f"{home}/lib:/home/taro/lib", HF_TOKEN=secret, USER="hanako", LOGNAME="hanako",
    )  # fmt: skip
    assert result.code == 0, result.err
    text = report.read_text("utf-8")
    assert not [word for word in ("hanako", "taro", secret) if word in text]
    again = run_program("doctor", "--facts", report, home=tmp_path)
    assert again.code == 0, again.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "a.json"),
        ("[]", "no object"),
        ("{}", "system"),
        ('{"facts": {"system": {"name": "linux"}, "format": 99}}', "99"),
    ],
)
def test_a_file_without_facts_is_a_finding_and_no_answer(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    result = run_program("doctor", "--facts", path, home=tmp_path)
    assert result.code == 2
    assert "facts-unreadable" in result.err
    assert words in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_finding_can_be_explained(lang: str, tmp_path: Path) -> None:
    result = run_program(
        "doctor", "--explain", "driver-none-or-container-without-runtime", home=tmp_path, YAMABIKO_LANG=lang
    )
    assert result.code == 0
    assert ("コンテナー" in result.out) is (lang == "ja")


def test_a_slip_in_an_id_finds_the_near_one(tmp_path: Path) -> None:
    result = run_program("doctor", "--explain", "driver-none-or-container-without-runtim", home=tmp_path)
    assert result.code == 2
    assert "yamabiko doctor --explain driver-none-or-container-without-runtime" in result.err
    assert run_program("doctor", "--explain", "../../secret", home=tmp_path).code == 2
    assert len(ids()) > 100


def test_an_environment_of_the_users_is_looked_at(tmp_path: Path) -> None:
    site = tmp_path / "venv/lib/python3.12/site-packages"
    for name, version in (("nemo_toolkit", "2.6.0"), ("torch", "2.9.1")):
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n")
    result = run_program("doctor", "--quick", "--environment", tmp_path / "venv", home=tmp_path)
    assert result.code == 0, result.out
    assert "nemo-toolkit 2.6.0" in result.out
    (tmp_path / "empty/lib/python3.12/site-packages").mkdir(parents=True)
    empty = run_program("doctor", "--quick", "--environment", tmp_path / "empty", home=tmp_path)
    assert any("empty" in line and "no speech package in it" in line for line in empty.out.splitlines()), empty.out
    nowhere = run_program("doctor", "--quick", "--environment", tmp_path / "nowhere", home=tmp_path)
    assert nowhere.code == 2
    assert "environment-unknown" in nowhere.err


def test_the_whole_visit_tries_every_environment(ready_home: Path) -> None:
    result = run_program("doctor", "--json", home=ready_home)
    assert result.code == 0, result.out[-3000:] + result.err
    told = json.loads(result.out)
    assert told["findings"] == []
    tried = {(rung["environment"].split("-cpu-")[0], rung["what"].split()[0]) for rung in told["tried"]}
    assert {("faster-whisper", what) for what in ("load", "kernel", "speech")} <= tried
    assert all(rung["well"] for rung in told["tried"])
    assert any("cpu" in rung["what"] and "proved" in rung["what"] for rung in told["tried"])


def test_one_engine_alone_can_be_visited(ready_home: Path) -> None:
    told = json.loads(run_program("doctor", "--engine", "silero-vad", "--json", home=ready_home).out)
    assert {rung["environment"].split("-cpu-")[0] for rung in told["tried"]} == {"silero-vad"}


def test_a_model_that_nobody_has_needed_yet_is_no_problem(silero_home: Path) -> None:
    shutil.rmtree(silero_home / "cache/models/silero-onnx")
    result = run_program("doctor", home=silero_home)
    assert result.code == 0, result.out
    assert "model: silero-vad-v6 of silero-vad is not here" in result.out
    assert "yamabiko models pull silero-vad-v6" in result.out
    row = next(line for line in result.out.splitlines() if "onnxruntime" in line)
    assert row.startswith("✓")
    assert "speech" not in row, "it was not tried"


def test_an_engine_that_is_not_known_ends_the_visit(tmp_path: Path) -> None:
    result = run_program("doctor", "--engine", "fast-whisper", home=tmp_path)
    assert result.code == 2
    assert "engine-unknown" in result.err


def test_a_broken_environment_of_ours_is_seen_without_trying_anything(silero_home: Path) -> None:
    [site] = silero_home.glob("data/engines/silero-vad-*/lib/python3*/site-packages")
    for module in (site / "onnxruntime/capi").glob("*.so"):
        module.unlink()  # it is a link into a cache that others share
        module.touch()
    result = run_program("doctor", "--quick", home=silero_home)
    assert result.code == 1
    assert "engine-environment-broken" in result.out
    assert "yamabiko engines repair silero-vad" in result.out
    row = next(line for line in result.out.splitlines() if "not whole" in line)
    assert site.parents[2].name in row
    assert result.out.count(str(site.parents[2])) == 0, result.out  # the name says where it is
    listed = run_program("engines", "list", home=silero_home)
    assert "broken" in next(line for line in listed.out.splitlines() if line.startswith("silero-vad"))


def test_an_innocent_log_is_no_problem(tmp_path: Path) -> None:
    result = run_program("doctor", "--log", "-", "--quick", home=tmp_path, stdin="all fine\nnothing to see\n")
    assert result.code == 0, result.out


def test_a_log_that_is_no_text_is_said_so_at_once(tmp_path: Path) -> None:
    log = tmp_path / "talk.flac"
    log.write_bytes(b"fLaC\0\0\0\x22" + bytes(100))
    result = run_program("doctor", "--log", log, home=tmp_path)
    assert result.code == 2
    assert "log-unreadable" in result.err


def test_what_was_tried_goes_along_in_a_saved_visit(silero_home: Path, tmp_path: Path) -> None:
    saved_to = tmp_path / "visit.json"
    first = run_program("doctor", "--engine", "silero-vad", "--save", saved_to, home=silero_home)
    again = run_program("doctor", "--facts", saved_to, home=tmp_path)
    assert first.code == again.code == 0
    assert "load: ok" in again.out


def test_mending_and_taking_back_at_once_is_a_contradiction(tmp_path: Path) -> None:
    assert run_program("doctor", "--fix", "--undo", home=tmp_path).code == 2

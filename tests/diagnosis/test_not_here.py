"""A log may be of another machine: words whose cause this one rules out are named, with what speaks against it."""

from __future__ import annotations

import json

import pytest

from casebook import facts, platform
from program import run_program
from yamabiko.diagnosis import checkup, explained_log
from yamabiko.findings import Finding

OOM = "RuntimeError: CUDA failed with error out of memory"
CUDNN8 = (
    "Could not load library libcudnn_ops_infer.so.8. Error: libcudnn_ops_infer.so.8: cannot open shared object file"
)


def explained(machine: str, *lines: str) -> Finding:
    found = explained_log.with_log(checkup.check_facts(facts(platform(machine))), lines, may_probe=False)
    return found.findings[0]


@pytest.mark.parametrize(("line", "id_"), [(OOM, "cuda-oom"), (CUDNN8, "ct2-cudnn8-not-found")])
def test_what_needs_a_gpu_is_named_where_there_is_none(line: str, id_: str) -> None:
    finding = explained("cpu-only-linux", line)
    assert (finding.id, finding.severity) == ("log-unexplained", "unknown")
    assert f"not here: {id_} ({line})" in finding.evidence
    assert "speaks against" in finding.cause.en
    commands = [remedy.command or "" for remedy in finding.remedies]
    assert f"yamabiko doctor --explain {id_}" in commands[0]
    assert any("--facts report.json" in command for command in commands)


def test_what_the_facts_rule_out_is_not_called_possible() -> None:
    for machine in ("cpu-only-linux", "bare-ampere", "amd-supported"):
        for line in (OOM, "RuntimeError: CUDA error: unknown error", "NVML: Driver/library version mismatch"):
            maybe = [one for one in explained(machine, line).evidence if one.startswith("may be: ")]
            assert not [one for one in maybe if "wsl-" in one], (machine, line)
            assert not [one for one in maybe if "-amd" in one and machine != "amd-supported"], (machine, line)


def test_no_gpu_found_is_no_fault_where_there_is_none_and_is_told() -> None:
    finding = explained("cpu-only-linux", "whisper_backend_init_gpu: no GPU found")
    assert finding.severity == "info"
    assert any(line.startswith("not here: whispercpp-cpu-build-silent") for line in finding.evidence)


def test_an_end_alone_means_nothing_elsewhere() -> None:
    for said in ("Segmentation fault (core dumped)", "Speicherzugriffsfehler (Speicherabzug geschrieben)"):
        for machine in ("cpu-only-linux", "bare-ada", "amd-supported"):
            finding = explained(machine, said)
            assert not [line for line in finding.evidence if line.startswith("not here: ")], (machine, said)
            assert "speaks against" not in finding.cause.en


def test_an_empty_log_is_called_empty() -> None:
    assert "log: it is empty" in explained("bare-ampere").evidence


def test_a_saved_report_still_tells_what_its_log_came_from(tmp_path) -> None:
    log, saved = tmp_path / "a.log", tmp_path / "a.json"
    log.write_text("TypeError: hf_hub_download() got an unexpected keyword argument 'use_auth_token'\n")
    first = run_program("doctor", "--quick", "--log", str(log), "--save", str(saved), "--json", home=tmp_path)
    again = run_program("doctor", "--facts", str(saved), "--json", home=tmp_path)
    told, replayed = json.loads(first.out), json.loads(again.out)
    assert first.code == again.code == 1, again.err
    assert told["explaining"] == replayed["explaining"] == ["hf-use-auth-token-removed"]
    assert replayed["findings"][0] == told["findings"][0]

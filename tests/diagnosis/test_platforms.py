"""A command that is right on one machine does harm on another: nobody is shown one that his machine must not run."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from casebook import cases, facts, platform
from yamabiko.diagnosis import book
from yamabiko.diagnosis.articles import article, ids, read
from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts.records import Container, Facts, System, Wsl
from yamabiko.diagnosis.platforms import EVERYWHERE, Platform, as_typed_on

MUST_NOT = {
    # A Linux driver in WSL hides that of Windows; a container has no kernel modules of its own.
    r"ubuntu-drivers|\brmmod\b|\bmodprobe\b|nvidia-fabricmanager|\breboot\b": {"wsl", "container", "windows", "macos"},
    r"\bapt(?:-get)?\b|\bsystemctl\b|\bldconfig\b|--device /dev/|\bgetent\b|\bldd\b": {"windows", "macos"},
    r"\bsudo\b|\bgrep\b|\bexport\b|\bunset\b|\$\(|\benv -u|^[A-Z_0-9]+=\S+(?: |$)|/dev/| && ": {"windows"},
}
"""What a command does, and where nobody may be shown it."""


def shown(id_: str, on: Platform) -> list[str]:
    return [remedy.command for remedy in article(id_).remedies_on(frozenset((on,))) if remedy.command]


@pytest.mark.parametrize("on", sorted(EVERYWHERE))
def test_no_article_shows_a_command_where_it_does_harm_or_cannot_run(on: Platform) -> None:
    commands = [(id_, line) for id_ in ids() for command in shown(id_, on) for line in command.splitlines()]

    assert len(commands) > 150
    for does, places in MUST_NOT.items():
        if on in places:
            assert [(id_, line) for id_, line in commands if re.search(does, line)] == []


@pytest.mark.parametrize("on", sorted(EVERYWHERE))
def test_a_page_shows_none_of_them_either(on: Platform) -> None:
    pages = "\n".join(book.page(article(id_), 96, frozenset((on,))) for id_ in ids())

    told = [line for line in pages.splitlines() if line.startswith("       ")]
    harm = next(iter(MUST_NOT))
    assert bool([line for line in told if re.search(harm, line)]) == (on == "linux")


def test_no_comment_says_where_a_command_must_not_be_run() -> None:
    """It would be copied along, and keep nobody from it."""
    commented = [(id_, a.command) for id_ in ids() for a in article(id_).remedies if "#" in (a.command or "")]

    assert [c for _, c in commented if re.search(r"#.*(?:\bnot\b|only|except|WSL|Windows|macOS)", c or "")] == []


def on_wsl(seen: Facts) -> Facts:
    return replace(seen, wsl=Wsl(2, True))


HARMFUL = next(iter(MUST_NOT))
DRIVERS = [
    case
    for case in cases()
    if case.must and any(re.search(HARMFUL, one.command or "") for one in article(case.id).remedies)
]


@pytest.mark.parametrize("case", DRIVERS, ids=lambda case: f"{case.id}: {case.name}")
def test_no_finding_installs_a_driver_inside_wsl_or_a_container(case) -> None:
    """Whatever is found: its remedies are those for the machine that the facts are of, not for the one that reads them."""
    for seen in (on_wsl(case.facts), replace(case.facts, container=Container("docker", "/.dockerenv is there"))):
        found = explain(case.symptom, seen).confirmed if case.symptom else examine(seen)
        commands = [r.command for finding in found for r in finding.remedies if r.command]
        assert [c for c in commands if re.search(HARMFUL, c)] == []


OLD_DRIVER = "RuntimeError: The NVIDIA driver on your system is too old (found version 12040)."
TORCH_13 = {"name": "/home/USER/venv", "packages": {"torch": "2.9.1+cu130"}, "details": {"torch.cuda": "13.0"}}


@pytest.mark.parametrize(("machine", "installs"), [("cloud-vm", True), ("wsl2", False)])
def test_a_driver_that_is_too_old_is_mended_where_it_lies(machine: str, installs: bool) -> None:
    seen = facts({**platform(machine), "environments": [TORCH_13]})

    [finding] = explain(Symptom((OLD_DRIVER,)), seen).confirmed

    update = next(remedy for remedy in finding.remedies if "580" in remedy.what.en)
    assert "under WSL the one of Windows" in update.what.en
    assert (update.command is not None) == installs


def test_on_windows_a_variable_is_set_in_the_words_of_windows() -> None:
    windows = Facts(System("win32", "AMD64"), variables={"CUDA_VISIBLE_DEVICES": ""})
    said = "OMP: Error #15: Initializing libomp.dll, but found libiomp5md.dll already initialized."
    [finding] = explain(Symptom((said,)), windows).confirmed

    commands = [remedy.command for remedy in finding.remedies if remedy.command]

    assert any("$env:" in command for command in commands)
    assert not [command for command in commands if "export" in command]


@pytest.mark.parametrize(
    ("unix", "powershell"),
    [
        ("export OMP_NUM_THREADS=1", "$env:OMP_NUM_THREADS = '1'"),
        ("TORCH_COMPILE_DISABLE=1", "$env:TORCH_COMPILE_DISABLE = '1'"),
        ("A=1 B_2=two python your_program.py", "$env:A = '1'; $env:B_2 = 'two'; python your_program.py"),
        ("unset ONE TWO", "Remove-Item Env:ONE, Env:TWO"),
        ('pip install "torch>=2.13"', 'pip install "torch>=2.13"'),
        ("pip uninstall -y a && pip install b", "pip uninstall -y a; pip install b"),
        ("sudo usermod -aG render,video $USER", None),
        ("LD_LIBRARY_PATH=$(python -c x)/lib python y", None),
    ],
)
def test_what_powershell_calls_it(unix: str, powershell: str | None) -> None:
    assert as_typed_on(frozenset(("windows",)), unix) == powershell
    assert as_typed_on(frozenset(("linux",)), unix) == unix


def test_a_container_under_wsl_is_both() -> None:
    assert as_typed_on(frozenset(("wsl", "container")), "sudo ubuntu-drivers install") is None
    assert as_typed_on(frozenset(("wsl", "container")), "sudo apt install gcc") == "sudo apt install gcc"


def test_an_article_that_names_an_unknown_platform_is_refused() -> None:
    text = {"en": "x", "ja": "あ"}
    raw = {"area": "worker", "severity": "error", "confidence": "high", "sources": ["x"]}
    raw |= {"symptom": text, "cause": text, "known_by": text, "remedies": [{**text, "on": ["beos"]}]}

    with pytest.raises(ValueError, match="beos"):
        read("some-id", raw)

"""
How shells, supervisors and Python write that a process has died, and whose process it was.

Any program may have died in a log. An end counts where the line does not name
the program, as shells do, or names one that may run an engine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST = 2_000

_EXIT = r"exit(?:ed)?(?: with)?(?: code| status)?:? "
_ENDINGS = (
    ("SIGABRT", re.compile(rf"\bSIGABRT\b|\bAborted\b|{_EXIT}(?:134|-6)\b|signal 6\b")),
    ("SIGSEGV", re.compile(rf"\bSIGSEGV\b|(?i:segmentation fault)|{_EXIT}(?:139|-11)\b|signal 11\b")),
    ("SIGILL", re.compile(rf"\bSIGILL\b|(?i:illegal (?:hardware )?instruction)|{_EXIT}(?:132|-4)\b|signal 4\b")),
    ("SIGKILL", re.compile(rf"\bSIGKILL\b|^Killed$|{_EXIT}(?:137|-9)\b|signal 9\b")),
    ("0xC0000409", re.compile(r"(?i)0xC0000409|-1073740791|3221226505")),
)
# `nginx[991]: `, `./foo: `, behind a time and a host's name; `ffmpeg.exe exited`; what stands behind `(core dumped)`.
_BEFORE = re.compile(
    r"^\W*(?:[A-Z][a-z]{2} +\d+ [\d:]+ [\w.-]+ |\d{4}-\d\d-\d\d[T ][\d:.,Z+-]+ )?(?:\[[^\]]*\] ?)*([^\s:\[]+)(?:\[\d+\])?:\s"
)
_SUBJECT = re.compile(
    r"([\w./\\-]+(?:\.exe)?)(?:['\"])? (?:exited|crashed|died|terminated|has been killed|was killed)\b"
)
_COMMAND = re.compile(
    r"(?:\(core dumped\)|[Ss]egmentation fault|Aborted|Killed|[Ii]llegal (?:hardware )?instruction)\s+"
    r"(?:\(core dumped\)\s+)?(?:\w+=\S+\s+|(?:sudo|env|nohup|timeout \S+|time)\s+)*([^\s(|&;]+)"
)
_IN_A_CALL = re.compile(r"\bCommand '?\[?'?\"?([^\s',\"\]]+)")
_TELLS_OF_OTHERS = re.compile(
    r"(?:-?(?:ba|z|da|k)?sh|fish|systemd|kernel|make|docker|podman|kubelet|supervisord|pm2|[\w./-]+\.sh|Fatal|Error|ERROR|WARN\w*"
    r"|INFO|CRITICAL|\w+(?:Error|Exception|Warning)|\S+\.service|Process|process|[\w.]+\.\w+Error|exit|status|Exit|LLVM|CUDA"
    r"|.*[/\\]?\w+\.c(?:c|pp|u)?)"
)
_MAY_RUN_AN_ENGINE = re.compile(
    r"python|pypy|uvicorn|hypercorn|gunicorn|celery|streamlit|gradio|jupyter|ipykernel|torchrun|accelerate|\bray\b|\bvllm\b"
    r"|pytest|poetry|\buv\b|\buvx\b|pipx|conda|\.py\b|whisper|wyoming|yamabiko|transcri|speech|\basr\b|\bstt\b|\btts\b|voice"
    r"|sherpa|nemo|\bmain\b|\bapp\b|\bserver\b|worker|process|container|child|program|\bit\b",
    re.IGNORECASE,
)


def ending_in(lines: Sequence[str]) -> str:
    """The newest end by a signal that a log tells of a process that may run an engine; empty if it tells of none."""
    for line in reversed(lines):
        if name := ending_of(line):
            return name
    return ""


def ending_of(line: str) -> str:
    """The end that a line tells of: SIGABRT, 0xC0000409; empty if of none, or of another program's."""
    shown = line[:_LONGEST].strip()
    for name, pattern in _ENDINGS:
        if pattern.search(shown):
            return name if _may_be_an_engines(shown) else ""
    return ""


def tells_an_end(line: str) -> bool:
    """Whether a line tells how a process has ended, whosever it was."""
    return any(pattern.search(line[:_LONGEST].strip()) for _, pattern in _ENDINGS)


def tells_an_interrupt(line: str) -> bool:
    """What a terminal shows of Ctrl+C."""
    return line.lstrip().startswith("^C")


def was_interrupted(lines: Sequence[str]) -> bool:
    return any(map(tells_an_interrupt, lines))


def _may_be_an_engines(line: str) -> bool:
    named = [m[1] for pattern in (_COMMAND, _IN_A_CALL, _SUBJECT) if (m := pattern.search(line))]
    before = _BEFORE.match(line)
    if before is not None and not _TELLS_OF_OTHERS.fullmatch(before[1]):
        named.append(before[1])
    return all(_MAY_RUN_AN_ENGINE.search(name) for name in named)

"""
Take out of facts what names a person or a machine, or opens a door; leave in what decides.

By what a string is, not by how it reads: names and versions (packages,
sonames, GPUs) stay, of places the owner goes, and only in free text (log lines,
evidence, values of variables) is a bare name looked for. Somebody may be called
torch.
"""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from yamabiko.diagnosis.facts.secrets import path_without_secrets, without_secrets, without_tokens

Kind = Literal["name", "place", "text"]

_MAIL = re.compile(r"[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b")
_PROMPT = re.compile(r"(?<![\w.-])[a-z_][\w.-]*@[\w-]+(?=:[~/])")
_OF_A_HOST = re.compile(
    r"(?<!\w)((?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)?"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?) )"
    r"(?!(?i:DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|CRITICAL|FATAL|TRACE)\b)[A-Za-z0-9][\w.-]*"
    r"(?= (?:[\w./@-]+(?:\[\d+\])?:\s|[\w./@-]+ (?:\d+|-) \S+ ))"
)
"""Behind the time of syslog's and journalctl's lines, and before the program; of whatever machine the log is."""
_MAC = re.compile(r"(?i)(?<![\w:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:])")
_IPV6 = re.compile(
    r"(?i)(?<![\w:.])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:fe80|f[cd][0-9a-f]{2}|[23][0-9a-f]{3})(?::[0-9a-f]{1,4}){0,6}::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?)(?![\w:])"
)
_IPV4 = re.compile(r"(?<![\w.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\w+]|\.\d|-\w)")
_NETWORK_WORD = re.compile(
    r"(?i)(?:\b(?:from|to|at|on|by|via|host|hosts|hostname|server|client|peer|remote|address|addr|ip|ipv4|inet|gateway|dns"
    r"|nameserver|proxy|endpoint|connect|connected|connection|connecting|listen|listening|bind|bound|ping|resolved?)\b"
    r"[\s:=('\"\[]*|//|@)$"
)
_VERSIONED = re.compile(r"[A-Za-z][\w.+-]*(?:\[[\w,]+\])?[\"')\]]?\s*(?:[-=<>~!:,(@^]|\bv)*\s*$")

_HOMES = re.compile(
    r"""(?ix)
    (?P<root> (?:[A-Z]: | [\\/] [A-Z] | )? [\\/]+ (?:Users|Documents\ and\ Settings) [\\/]+
            | (?:/var|/export|/usr|/data)? /home/+ | /run/media/ | /media/ )
    (?P<name> [^\s\\/:"'<>|,;]+ )
    """
)
_MORE_OF_IT = re.compile(r"((?: [^\s\\/:\"'<>|,;]+){1,4})(?=[\\/\"'])")
"""`Taro Yamada/` is one name: its parts go on to the end of the path's component."""
_NAME_IN_CAPITALS = re.compile(r"(?: (?![A-Z]{2,}\b)[^\W\d_a-z][^\s\\/:\"'<>|,;]*){1,3}")
_EVERYBODYS = frozenset({"shared", "public", "default", "all users", "user", "root", "runner", "linuxbrew"})

_PATH = re.compile(r"(?<![\w.$}~-])(?:[A-Za-z]:[\\/]|~?/|\\\\)[^\s:;\"'<>|,()]*")
_SYSTEM = re.compile(
    r"(?i)(?:/+(?:usr|opt|lib\d*|etc|proc|sys|dev|bin|sbin|snap|nix|Library|System)(?=/|$)|[A-Z]:[\\/]+(?:Program|Windows))"
)
_PACKAGES = re.compile(r"[\\/](?:site|dist)-packages(?:[\\/]|$)")

_WORDS = """
nvidia amd intel apple cuda rocm hip cpu gpu gpus npu tpu mps metal vulkan opencl directml linux windows win32 darwin macos
wsl docker podman torch pytorch torchaudio torchvision torchcodec onnx onnxruntime ort tensorrt cudnn cublas nccl nvml
nvrtc ctranslate2 ct2 faster whisper whispercpp whisperx nemo parakeet sherpa silero vad pyannote numpy scipy triton numba llvm
llvmlite ggml openmp mkl ffmpeg transformers huggingface hub hf xet driver device kernel library libc glibc python pip uv
conda venv ubuntu debian fedora arch alpine root user admin test model models load loading count error failed memory engine
worker yamabiko speech audio build version compute float16 float32 int8 bfloat16 main lib bin local data home server host
a an as at be by do go he if in is it me my no of on or so to up us we the and for not was will can has had
"""
_TRADE = frozenset(_WORDS.split())
"""Words that logs of engines are made of: as a bare word such a name says nothing of anybody."""


_AROUND = {
    "USER": (r"(?:user(?:name)?|owner|login|logname)[\"']?[ =:]\s*[\"']?|uid=\d+\(|~", "@"),
    "HOST": (r"host(?:name)?[\"']?[ =:]\s*[\"']?|//|@|(?<=:\d\d) ", r"\.local\b|\.lan\b|\.home\b"),
    "DOMAIN": (r"\.", r"/"),
}
"""What stands before a name, and what after it, so that it can be nothing else."""


@dataclass(frozen=True)
class Redactor:
    """
    Called with free text, it gives the text without names, addresses and secrets; `record` cleans a whole saved file.
    """

    user: str = ""
    host: str = ""
    home: str = ""
    kept: frozenset[str] = frozenset()
    """Words and versions that stand in the record as names: they are not a person's."""

    def __call__(self, text: str) -> str:
        text = self.place(text)
        text = without_secrets(text)
        text = _MAC.sub("***", _IPV6.sub("IP", _PROMPT.sub("USER@HOST", text)))
        text = _IPV4.sub(self._address, text)
        text = _OF_A_HOST.sub(r"\1HOST", text)
        for pattern, instead in self._bare:
            text = pattern.sub(instead, text)
        return text

    def place(self, text: str) -> str:
        """A path, or a sentence of ours that may hold one."""
        text = self.name(text)
        text = _MAIL.sub("***@***", text)
        return _PATH.sub(self._without_owner, text)

    def name(self, text: str) -> str:
        """What is a name or a version, as far as it is one."""
        if self._home is not None:
            text = self._home.sub("~", text)
        return _without_homes(without_tokens(text))

    def record(self, facts: Any, findings: Any, tried: Any) -> dict[str, Any]:
        """All three as plain values, clean."""
        known = frozenset(_words_of(facts))
        clean = Redactor(self.user, self.host, self.home, self.kept | known)
        return {
            "facts": clean.walk(facts, "text"),
            "findings": clean.walk(findings, "text"),
            "tried": clean.walk(tried, "text"),
        }

    def walk(self, value: Any, kind: Kind) -> Any:
        if isinstance(value, str):
            ways: dict[Kind, Callable[[str], str]] = {"name": self.name, "place": self.place, "text": self}
            return ways[kind](value)
        if isinstance(value, dict):
            return {key: self.walk(item, _kind(key, kind)) for key, item in value.items()}
        return [self.walk(item, kind) for item in value] if isinstance(value, list) else value

    @cached_property
    def _home(self) -> re.Pattern[str] | None:
        parts = Path(self.home).parts
        if len(parts) < 2 or (len(parts) < 4 and _SYSTEM.match(self.home)):  # `/` or `/usr`: nobody's in particular
            return None
        return re.compile(rf"(?<![\w.~-]){re.escape(self.home)}(?![\w.-])")

    @cached_property
    def _names(self) -> tuple[tuple[str, str], ...]:
        """
        Each name with its mark, the longest first: most hosts are named after their owners, and `USER-pc` tells both.
        """
        short, _, domain = self.host.partition(".")
        names = {self.user: "USER", short: "HOST", self.host: "HOST"}
        if "." in domain:
            names[domain] = "DOMAIN"
        told = ((name, mark) for name, mark in names.items() if name and name.lower() not in ("root", "localhost"))
        return tuple(sorted(told, key=lambda pair: -len(pair[0])))

    def _is_a_word(self, name: str) -> bool:
        """As a bare word it may be something else than a name."""
        return len(name) < 2 or name.lower() in _TRADE | self.kept

    @cached_property
    def _bare(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        """What is looked for in free text, with what stands there instead."""
        found = []
        for name, mark in self._names:
            word = rf"(?i)(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])"
            if not self._is_a_word(name):
                found.append((re.compile(word), mark))
            before, after = _AROUND[mark]
            found.append(
                (re.compile(rf"(?i)(?<![A-Za-z0-9])({before}){re.escape(name)}(?![A-Za-z0-9])"), rf"\g<1>{mark}")
            )
            found.append((re.compile(rf"{word}(?={after})"), mark))
        return tuple(found)

    def _without_owner(self, match: re.Match[str]) -> str:
        """
        A path of this user's or host's: a name goes where it is a whole component, or a word in a folder's name,
        outside of what a system or a package holds.
        """
        path = match[0]
        inside = _PACKAGES.search(path)
        end = inside.start() if inside else len(path)
        outside, system = path[:end], bool(_SYSTEM.match(path))
        for name, mark in self._names:
            word = re.escape(name)
            if (system or mark != "USER") and name.lower() in _TRADE | self.kept:
                continue
            outside = re.sub(rf"(?i)(?<=[\\/]){word}(?=[\\/]|$)", mark, outside)
            if len(name) > 1 and not system:
                outside = re.sub(rf"(?i)(?<![A-Za-z0-9]){word}(?![A-Za-z0-9])(?=[^\\/]*[\\/])", mark, outside)
        return path_without_secrets(outside) + path[end:]

    def _address(self, match: re.Match[str]) -> str:
        """`10.3.5.147` may be a network's address or a version of cuRAND: what stands before it tells."""
        numbers = [int(number) for number in match.groups()]
        if match[0] in self.kept or max(numbers) > 255 or numbers[0] in (0, 127):
            return match[0]
        before, after = match.string[: match.start()], match.string[match.end() :]
        private = (
            numbers[:2] == [192, 168] or numbers[:2] == [169, 254] or (numbers[0] == 172 and 16 <= numbers[1] < 32)
        )
        told = _NETWORK_WORD.search(before) or re.match(r":\d{2,5}\b", after)
        return "IP" if private or told or not _VERSIONED.search(before) else match[0]


def redactor() -> Redactor:
    """For this user on this machine."""
    return Redactor(_user(), socket.gethostname(), str(Path.home()))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without a name
        return ""


def _without_homes(text: str) -> str:
    """Of anybody: logs come from other machines too."""
    cleaned, begin = [], 0
    for match in _HOMES.finditer(text):
        if match.start() < begin or match["name"].lower() in _EVERYBODYS:
            continue
        end = match.end()
        if "home" in match["root"].lower() or "media" in match["root"]:
            more = _MORE_OF_IT.match(text, end)
        else:
            more = _MORE_OF_IT.match(text, end) or _NAME_IN_CAPITALS.match(text, end)
        cleaned += [text[begin : match.end("root")], "USER"]
        begin = more.end() if more else end
    return "".join((*cleaned, text[begin:]))


_FIELDS = """
id severity area version soname hides needed mentions owners winner engine probe ended ending what finding cost flags groups
commands kind gfx driver cuda cuda_from rocm capability compute_mode machine release distribution glibc glibcxx python model
package lost made yamabiko system cpu memory gpus packages native contested device_files
"""
_NAMES = frozenset(_FIELDS.split())
_MAY_HOLD_PATHS = """
name path runpath environment values details cause we_did remedies command found_by disks libraries shadows unread_journal
interpreter
"""
_PLACES = frozenset(_MAY_HOLD_PATHS.split())


def _kind(key: str, around: Kind) -> Kind:
    """What stands under a field of a record; inside a package's files nothing is a place, whatever the field's name."""
    if key in ("because", "said", "words", "broken", "evidence"):
        return "text"
    if around == "name" or key in _NAMES:
        return "name"
    return "place" if around == "place" or key in _PLACES else around


def _words_of(facts: Any, kind: Kind = "text") -> Iterable[str]:
    """Words and versions of everything that is kept as a name."""
    if isinstance(facts, dict):
        for key, value in facts.items():
            yield from _words_of(value, _kind(key, kind))
    elif isinstance(facts, list):
        for value in facts:
            yield from _words_of(value, kind)
    elif isinstance(facts, str) and kind == "name":
        yield facts
        yield from re.findall(r"[a-z][\w-]*|[a-z]+", facts.lower())

"""
uv, run as a program: what it was told, how far it is, and what it says when it fails.

uv draws byte-exact progress bars on a terminal only, so where the platform has
pseudo-terminals it gets one; elsewhere its plain lines give the finished
downloads alone (not verified on Windows).
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yamabiko
from yamabiko import children
from yamabiko.engines.pip_settings import PipSettings, find_uv, for_uv, mask
from yamabiko.i18n import Text


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes to download that are here, of all that are announced so far. `total` 0: nothing to measure yet."""

    done: int
    total: int
    what: Text


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class UvEnd:
    """How a run of uv ended, and all that it wrote, without drawing and without credentials."""

    ending: children.Ending
    lines: tuple[str, ...]

    @property
    def well(self) -> bool:
        return self.ending.kind == "exit" and self.ending.status == 0

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


_KEPT_UV_VARIABLES = re.compile(
    r"UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|INDEX_\w+_(USERNAME|PASSWORD)|FIND_LINKS|CACHE_DIR|NO_CACHE"
    r"|CONFIG_FILE|NO_CONFIG|NO_SYSTEM_CONFIG|HTTP_\w+|REQUEST_TIMEOUT|INSECURE_HOST|SYSTEM_CERTS|NATIVE_TLS"
    r"|KEYRING_PROVIDER|CREDENTIALS_DIR|LINK_MODE|OFFLINE|CONCURRENT_\w+|LOCK_TIMEOUT)"
)
"""What says how to reach packages; not what changes which ones are installed, or where."""


def environment_for_uv(settings: PipSettings, environ: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """
    The user's environment without what would send uv to another Python or to other packages.

    Second, the arguments for what uv reads from no variable.
    """
    in_uv_words = for_uv(settings, environ)
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("UV_", "PYTHON", "VIRTUAL_ENV", "CONDA_", "PIP_")) or _KEPT_UV_VARIABLES.fullmatch(name)
    }
    environment = {
        **kept,
        **in_uv_words.environment,
        "UV_PYTHON_DOWNLOADS": "never",
        # Every file is pinned by its hash, so it may come from any index, as with pip.
        "UV_INDEX_STRATEGY": "unsafe-first-match",
        "UV_NO_WRAP": "1",
        "NO_COLOR": "1",
        "TERM": "xterm",
    }
    return environment, in_uv_words.arguments


_START = """\
import os, sys
sys.path.insert(0, sys.argv[1])
from yamabiko.children import die_with_parent
die_with_parent(int(sys.argv[2]))
os.execv(sys.argv[3], sys.argv[3:])
"""
"""On Linux uv ends with us, even by kill -9: else it would go on writing where nobody waits for it."""


def run_uv(arguments: Sequence[str], environment: Mapping[str, str], report: Report | None = None) -> UvEnd:
    """Run uv to its end, from the file system's root: a project's own uv settings are not the user's."""
    command = [find_uv(), *arguments]
    if sys.platform == "linux":
        source = str(Path(yamabiko.__file__).parents[1])
        command = [sys.executable, "-E", "-S", "-c", _START, source, str(os.getpid()), *command]
    process, output = _start(command, environment)
    meter = Meter(report)
    try:
        for block in output:
            meter.read(block)
        return UvEnd(children.ending(process.wait()), meter.lines())
    finally:
        if process.poll() is None:
            children.kill_group(process)


NOTHING_FITS = "No solution found when resolving"
"""uv's words for: the indexes were read, and have not all that is wanted."""


def run_uv_on_indexes(arguments: Sequence[str], environment: Mapping[str, str], report: Report | None = None) -> UvEnd:
    """
    The same, for what may come from any of several indexes.

    uv takes a version from the first index that has it, and looks at no other: of two that have 2.0, one of them as
    2.0+cpu as well, it takes what was pinned. Where the first has no file for this platform, the others do count.

    Of an index that refuses us uv is silent then, and says only that a package was not found; asked one
    after the other, it names the index: so what was not found is looked for once more that way.
    """
    end = run_uv(arguments, environment, report)
    if NOTHING_FITS in end.text:
        merged = run_uv(arguments, {**environment, "UV_INDEX_STRATEGY": "unsafe-best-match"}, report)
        if merged.well:
            return merged
    if "was not found in the" in end.text:
        named = run_uv(arguments, {**environment, "UV_INDEX_STRATEGY": "first-index"}, report)
        if "error:" in named.text:  # one that ends without a word tells less than the one before it
            return named
    return end


_COLUMNS = 250
"""Of the terminal that uv sees."""


def _start(command: Sequence[str], environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], Iterator[bytes]]:
    how = {"stdin": subprocess.DEVNULL, "env": dict(environment), "cwd": Path(sys.executable).anchor}
    if sys.platform == "win32":
        piped = children.start_lasting(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)
        assert piped.stdout is not None
        return piped, blocks(piped.stdout.fileno())
    import pty
    import termios

    ours, theirs = pty.openpty()
    try:
        termios.tcsetwinsize(theirs, (400, _COLUMNS))  # a bar that does not fit is not drawn
        process = children.start_lasting(command, stdout=theirs, stderr=theirs, **how)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return process, _closing(ours)


def _closing(descriptor: int) -> Iterator[bytes]:
    try:
        yield from blocks(descriptor)
    finally:
        os.close(descriptor)


def blocks(descriptor: int) -> Iterator[bytes]:
    """
    All that is written to a pipe, or to the other side of a pseudo-terminal, until nobody is left who could write.

    By EIO Linux says that the other side is gone, and may say so with its last words still unread: it looks for words
    first and for the other side second (n_tty_read, drivers/tty/n_tty.c), and who writes and ends between the two has
    been heard by neither. Whoever is gone writes no more, so a second EIO is the truth.
    """
    for _ in range(2):
        try:
            while block := os.read(descriptor, 64 * 1024):
                yield block
        except OSError as error:
            if error.errno != errno.EIO:
                raise


_ERASE = re.compile(r"\x1b\[[0-9]*K")
"""What came before is gone from the screen, and uv may write on without a new line."""
_DRAWING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BAR = re.compile(r"([A-Za-z0-9][\w.-]*)\s+-+\s+([\d.]+ ?[KMGT]?i?B)/([\d.]+ ?[KMGT]?i?B)")
_ANNOUNCED = re.compile(r"^\s*Downloading (\S+) \(([\d.]+ ?[KMGT]?i?B)\)")
_ARRIVED = re.compile(r"^\s*Downloaded (\S+)")
_PASSING = re.compile(r"^\s*[⠀-⣿░█]|^\s*$")
"""A spinner, an empty bar, or nothing: drawn over by the next line."""
_SAID = re.compile(r"[×▶]|\b(?:error|cause|warning|hint):")
"""What uv says, though it be written behind what it drew."""
_LABEL = re.compile(r"(?:error|cause|warning|hint):")
"""Before what it says, and written before it: a bar may be drawn between the two."""
_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}


def _is_drawn(line: str) -> bool:
    return bool(_PASSING.match(line) or _BAR.search(line)) and not _SAID.search(line)


def size_bytes(shown: str) -> int:
    """`5.72 MiB` as bytes. 0 for a unit that we do not know."""
    number, unit = re.findall(r"[\d.]+|[A-Za-z]+", shown)[:2]
    return round(float(number) * _UNITS.get(unit, 0))


class Meter:
    """Reads what uv writes, in blocks cut anywhere: how much of each download is here, and the lines that stay."""

    def __init__(self, report: Report | None) -> None:
        self._report = report
        self._rest = ""
        self._partial = b""
        self._kept: list[str] = []
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}
        self._placing = False
        self._last: Progress | None = None

    def read(self, block: bytes) -> None:
        data = self._partial + block
        cut = len(data)
        while cut and len(data) - cut < 3 and data[cut - 1] & 0x80:  # perhaps in the middle of a character
            cut -= 1
        self._partial = data[cut:]
        *ended, self._rest = re.split(r"[\r\n]", self._rest + data[:cut].decode("utf-8", "replace"))
        for line in ended:
            self._take_drawn(line)

    def lines(self) -> tuple[str, ...]:
        """What uv said, without what it drew; ends the reading."""
        self._take_drawn(self._rest + self._partial.decode("utf-8", "replace"))
        self._rest, self._partial = "", b""
        return tuple(self._kept)

    def _take_drawn(self, drawn: str) -> None:
        for part in _ERASE.split(drawn):
            line = _DRAWING.sub("", part)
            while len(line) > _COLUMNS and _is_drawn(line[:_COLUMNS]):
                self._take(line[:_COLUMNS].rstrip())  # a full row: the terminal goes on in the next one by itself
                line = line[_COLUMNS:]
            self._take(line.rstrip())

    def _take(self, line: str) -> None:
        for name, done, total in _BAR.findall(line):
            self._done[name], self._total[name] = size_bytes(done), max(size_bytes(total), size_bytes(done))
        if found := _ANNOUNCED.match(line):
            self._done[found[1]], self._total[found[1]] = 0, size_bytes(found[2])
        if (found := _ARRIVED.match(line)) and found[1] in self._total:
            self._done[found[1]] = self._total[found[1]]
        if not _is_drawn(line):
            label = f"{self._kept.pop()} " if self._kept and _LABEL.fullmatch(self._kept[-1]) else ""
            self._kept.append(label + mask(line.lstrip() if label else line))
        self._tell(line)

    def _tell(self, line: str) -> None:
        if self._report is None:
            return
        if line.startswith(("Prepared ", "Installed ")):
            self._placing, self._done = True, dict(self._total)
        done, total = sum(self._done.values()), sum(self._total.values())
        if self._placing:
            what = Text("putting the packages in place", "パッケージを配置しています")
        elif total:
            missing = {name: self._total[name] - self._done[name] for name in self._total}
            awaited = sorted((name for name in missing if missing[name]), key=lambda name: -missing[name])
            names = ", ".join(awaited[:3]) + (" ..." if awaited[3:] else "")
            what = Text(f"downloading {names}".strip(), f"ダウンロード中 {names}".strip())
        else:
            what = Text("finding the packages", "パッケージを探しています")
        progress = Progress(done, total, what)
        if progress != self._last:
            self._last = progress
            self._report(progress)

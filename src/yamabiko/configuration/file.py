"""
The text of a config.toml: read whatever editor wrote it, and written so that it is there whole or not at all.

Byte-order marks, UTF-16 and the line ends of Windows are survived, and kept where the file is changed.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yamabiko.configuration import told
from yamabiko.findings import Problem

MOST_BYTES = 1 << 20
"""A settings file is a hundredth of it; reading stops here."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEY})[ \t]*\]")
_ASSIGNED = re.compile(rf"[ \t]*({_KEY})[ \t]*=")
_PLACE = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True)
class ConfigFile:
    path: Path
    text: str
    """With `\\n` for every line end."""
    values: Mapping[str, Any]
    """As tomllib gives them."""
    mark: bytes = b""
    encoding: str = "utf-8"
    windows_lines: bool = False
    lines: Mapping[str, int] = field(default_factory=dict)
    """By key or table, where it is first written, from 1."""

    def line(self, key: str) -> int | None:
        """Of the key, or of the nearest table around it."""
        while key:
            if key in self.lines:
                return self.lines[key]
            key = key.rpartition(".")[0]
        return None

    def place(self, key: str) -> str:
        """`/home/anna/.config/yamabiko/config.toml:12`."""
        number = self.line(key)
        return f"{self.path}:{number}" if number else str(self.path)

    def with_text(self, text: str) -> bytes:
        """`text` as bytes, in the way that this file is written."""
        lines = text.replace("\n", "\r\n") if self.windows_lines else text
        return self.mark + lines.encode(self.encoding)


def read(path: Path) -> ConfigFile | None:
    """None where there is none. Raises: Problem (config-unreadable)."""
    data = _bytes(path)
    if data is None:
        return None
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    try:
        raw = data.removeprefix(mark).decode(encoding)
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise Problem(told.not_text(path, number)) from None
    return parse(path, raw.replace("\r\n", "\n"), mark, encoding, windows_lines="\r\n" in raw)


def parse(
    path: Path, text: str, mark: bytes = b"", encoding: str = "utf-8", *, windows_lines: bool = False
) -> ConfigFile:
    """Raises: Problem (config-unreadable)."""
    if "\0" in text:
        raise Problem(told.not_text(path, text[: text.index("\0")].count("\n") + 1))
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise Problem(told.unreadable(path, "parser: tables or lists stand too deep in each other")) from None
    except ValueError as error:  # TOMLDecodeError is one, and so is what int() says to a thousand digits
        said = str(error)
        found = _PLACE.search(said)
        raise Problem(told.broken(path, int(found[1]) if found else None, said)) from None
    return ConfigFile(path, text, values, mark, encoding, windows_lines, _lines(text))


def write_new(path: Path, text: str) -> bool:
    """
    A file that was not there, for its owner's eyes alone; False if somebody was quicker. Raises: OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    made = _beside(path, text.encode())
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                os.chmod(file.fileno() if os.chmod in os.supports_fd else path, 0o600)
                file.write(text)
        except FileExistsError:
            return False
    finally:
        made.unlink(missing_ok=True)
    return True


def replace(path: Path, data: bytes) -> None:
    """Instead of what is there, with its permissions; a link stays one. Raises: OSError."""
    path = path.resolve()
    mode = stat.S_IMODE(path.stat().st_mode)
    made = _beside(path, data)
    try:
        made.chmod(mode)
        os.replace(made, path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _beside(path: Path, data: bytes) -> Path:
    number, name = tempfile.mkstemp(prefix=".config-", suffix=".new", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    return made


def _bytes(path: Path) -> bytes | None:
    """Raises: Problem (config-unreadable)."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise Problem(told.unreadable(path, "system: a link that leads nowhere")) from None
        return None
    except (OSError, ValueError) as error:
        raise Problem(told.unreadable(path, f"system: {error}")) from None
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise Problem(told.unreadable(path, "system: it is no plain file"))
        with contextlib.closing(os.fdopen(number, "rb", closefd=False)) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Problem(told.unreadable(path, f"system: {error}")) from None
    finally:
        os.close(number)
    if len(data) > MOST_BYTES:
        raise Problem(told.unreadable(path, f"file: more than {MOST_BYTES} bytes, and settings take a few thousand"))
    return data


def _lines(text: str) -> dict[str, int]:
    """Where each key and table is first written. The file was parsed before, so a line that looks like a key is one."""
    found: dict[str, int] = {}
    table, counts, open_quote = "", dict[str, int](), ""
    for number, line in enumerate(text.split("\n"), 1):
        if open_quote:
            open_quote = "" if line.count(open_quote) % 2 else open_quote
            continue
        if header := _HEADER.match(line):
            table = plain_key(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = f"{table}[{counts[table]}]"
            found.setdefault(table, number)
        elif assigned := _ASSIGNED.match(line):
            found.setdefault(".".join(filter(None, (table, plain_key(assigned[1])))), number)
        for quote in ('"""', "'''"):
            if line.count(quote) % 2:
                open_quote = quote
    return found


def plain_key(written: str) -> str:
    """`"server" . port` as `server.port`."""
    return ".".join(part.strip().strip("\"'") for part in re.findall(_NAME, written))


def headers(text: str) -> list[tuple[int, str, str]]:
    """Every table's line from 0, its brackets and its name, in order."""
    found, open_quote = [], ""
    for number, line in enumerate(text.split("\n")):
        if open_quote:
            open_quote = "" if line.count(open_quote) % 2 else open_quote
            continue
        if header := _HEADER.match(line):
            found.append((number, header[1], plain_key(header[2])))
        open_quote = next((quote for quote in ('"""', "'''") if line.count(quote) % 2), "")
    return found

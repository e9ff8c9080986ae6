"""
A multipart form, read while it comes: files go straight to the disk, in a folder that is gone with the request.

Nothing of a body is held in memory but its short fields. Caps are counted while
reading, so that what is too large is refused before it fills the disk.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from yamabiko.findings import Remedy
from yamabiko.i18n import Text
from yamabiko.server.address import address
from yamabiko.server.problems import Refused, refused

if TYPE_CHECKING:
    from starlette.requests import Request

MOST_PARTS = 200
MOST_FIELD_BYTES = 1 << 20
"""Of all short fields together: prompts, hotwords, options."""
LONG_FIELDS = ("known_speaker_references",)
"""Kept on the disk as files are, though they come without a file's name: recordings inside the form, as text."""


@dataclass(frozen=True, slots=True)
class Upload:
    path: Path
    """Where the bytes are: in a folder of ours, under what is harmless of the client's name."""
    name: str
    """As the client calls it: words for people, never a path."""
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Form:
    fields: dict[str, list[str]] = field(default_factory=dict)
    """By name; brackets at its end are left out, so that `x[]` and `x` are one."""
    files: list[tuple[str, Upload]] = field(default_factory=list)

    def file(self, name: str = "file") -> Upload:
        """Raises: Refused (file-missing)."""
        found = next((upload for given, upload in self.files if given == name), None)
        if found is None:
            raise refused(
                "file-missing",
                Text(f"The form has no file in the field “{name}”.", f"フォームに「{name}」のファイルがありません。"),
                f"form: fields {', '.join([*self.fields, *(given for given, _ in self.files)]) or 'none'}",
                param=name,
            )
        return found

    def only_file(self, name: str = "file") -> Upload:
        """Raises: Refused (file-missing, parameter-invalid if there are several)."""
        count = sum(given == name for given, _ in self.files)
        if count > 1:
            raise refused(
                "parameter-invalid",
                Text(
                    f"The form has {count} files in the field “{name}”, and one is answered at a time.",
                    f"フォームの「{name}」にファイルが {count} 個あります。一度に処理できるのは 1 個です。",
                ),
                f"form: {count} files named {name}",
                param=name,
                remedies=(Remedy(Text("Leave several as jobs", "複数まとめて送る"), "POST /v1/jobs"),),
            )
        return self.file(name)

    def first(self, name: str) -> str | None:
        return next(iter(self.fields.get(name, ())), None)


async def read_form(request: Request, folder: Path, most_bytes: int, free_disk_bytes: int) -> Form:
    """Raises: Refused (form-malformed, upload-too-large, upload-incomplete, disk-full)."""
    from python_multipart.exceptions import FormParserError
    from starlette.requests import ClientDisconnect

    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most_bytes:
        raise _too_large(most_bytes, f"header: content-length {announced}")
    reader: _Reader | None = None
    try:
        reader = _Reader(request.headers.get("content-type", ""), folder, most_bytes, free_disk_bytes)
        async for chunk in _stream(request):
            await asyncio.to_thread(reader.take, chunk)
        return reader.end()
    except (FormParserError, _Malformed) as error:
        raise _malformed(str(error), address(request)) from None
    except ClientDisconnect:
        raise refused(
            "upload-incomplete",
            Text(
                "The connection ended before the whole form had come.", "フォームをすべて受け取る前に接続が切れました。"
            ),
        ) from None
    finally:
        if reader is not None:
            reader.close()


async def _stream(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        if chunk:
            yield chunk


class _Malformed(Exception):
    """With evidence: where, and what."""


class _Reader:
    """Takes the body piece by piece, as python-multipart cuts it."""

    def __init__(self, content_type: str, folder: Path, most_bytes: int, free_disk_bytes: int) -> None:
        from python_multipart.multipart import MultipartParser, parse_options_header

        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise _Malformed(f"header: content-type {content_type[:200] or 'missing'}")
        self._parse_header = parse_options_header
        self._folder, self._most, self._floor = folder, most_bytes, free_disk_bytes
        self._taken = self._short = self._parts = 0
        self._form = Form()
        self._name = ""
        self._ended = False
        self._headers: dict[bytes, bytes] = {}
        self._key = self._value = b""
        self._text = bytearray()
        self._file: IO[bytes] | None = None
        self._file_name = ""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._start,
                "on_part_data": self._data,
                "on_part_end": self._finish,
                "on_end": self._all,
            },
        )

    def take(self, chunk: bytes) -> None:
        self._taken += len(chunk)
        if self._taken > self._most:
            raise _too_large(self._most, f"form: more than {self._taken - len(chunk)} bytes had come")
        self._parser.write(chunk)

    def end(self) -> Form:
        self._parser.finalize()
        if not self._ended:
            raise refused(
                "upload-incomplete",
                Text("The form ends in the middle.", "フォームのデータが途中で終わっています。"),
                f"form: {self._taken} bytes, and no closing boundary",
            )
        return self._form

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    # ---- what the parser calls ---------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise _Malformed(f"form: more than {MOST_PARTS} parts")
        self._headers, self._text = {}, bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._key += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._key.lower()] = self._value
        self._key = self._value = b""

    def _start(self) -> None:
        _, options = self._parse_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name")
        if name is None:
            raise _Malformed("form: a part without a name")
        self._name = _text(name).removesuffix("[]")
        if b"filename" in options or self._name in LONG_FIELDS:
            self._file_name = _text(options.get(b"filename", b""))
            free = shutil.disk_usage(self._folder).free
            if free < self._floor:
                raise _disk_full(free, self._floor)
            place = self._folder / str(len(self._form.files))
            place.mkdir()
            self._file = (place / _safe(self._file_name)).open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            self._short += end - start
            if self._short > MOST_FIELD_BYTES:
                raise _too_large(MOST_FIELD_BYTES, f"form: field “{self._name[:100]}”")
            self._text += data[start:end]
            return
        try:
            self._file.write(data[start:end])
        except OSError as error:
            raise _disk_full(0, self._floor, str(error)) from None

    def _finish(self) -> None:
        if self._file is None:
            self._form.fields.setdefault(self._name, []).append(_text(bytes(self._text)))
            return
        path, size = Path(self._file.name), self._file.tell()
        try:
            self._file.close()
        except OSError as error:
            raise _disk_full(0, self._floor, str(error)) from None
        self._file = None
        self._form.files.append((self._name, Upload(path, self._file_name or "audio", size)))

    def _all(self) -> None:
        self._ended = True


def _safe(name: str) -> str:
    """A plain file's name of what a client may have written, so that findings speak of the file as people know it."""
    plain = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]', "_", name).encode("utf-8", "replace")[-100:].decode("utf-8", "ignore")
    return plain.strip(". ") or "audio"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _malformed(why: str, server: str) -> Refused:
    return refused(
        "form-malformed",
        Text("The body is no multipart form that can be read.", "本文を multipart フォームとして読めません。"),
        *([why] if ": " in why else [f"form: {why}"]),
        remedies=(
            Remedy(
                Text("Send the file as a form", "ファイルをフォームとして送る"),
                f"curl -F file=@talk.mp3 -F model=whisper-1 {server}/v1/audio/transcriptions",
            ),
        ),
    )


def _too_large(most_bytes: int, evidence: str) -> Refused:
    shown: Any = f"{most_bytes / 2**20:.0f} MiB"
    return refused(
        "upload-too-large",
        Text(f"The upload is larger than the {shown} allowed.", f"アップロードが上限（{shown}）を超えています。"),
        evidence,
        remedies=(
            Remedy(
                Text("Allow more, on the server", "サーバー側で上限を上げる"), "yamabiko serve --max-upload-mb 4096"
            ),
        ),
    )


def _disk_full(free: int, floor: int, why: str = "") -> Refused:
    return refused(
        "disk-full",
        Text("The server's disk has no room for the upload.", "サーバーのディスクに空きがありません。"),
        why or f"disk: {free} bytes free, of which {floor} are to be left untouched",
    )

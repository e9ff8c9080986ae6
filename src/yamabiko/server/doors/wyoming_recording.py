"""One recording as it comes in over Wyoming, chunk by chunk onto the disk."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

from yamabiko.findings import Remedy
from yamabiko.i18n import Text
from yamabiko.server.config import MIB
from yamabiko.server.doors.bare_samples import HEADER_BYTES, Form, header
from yamabiko.server.problems import Refused, refused

MOST_RATE = 384_000
MOST_CHANNELS = 32
AT_ONCE = 1 << 18
"""Bytes that wait in memory for the disk."""
_NAMES = ("rate", "width", "channels")


class Recording:
    """
    A WAV file that is being written. `add`, then `finish`; `close` on every path.

    The chunks say what the samples are, and `audio-start` only for chunks that do not.
    """

    def __init__(self, path: Path, most_bytes: int, free_disk_bytes: int) -> None:
        self.path = path
        self.bytes = 0
        self._most, self._floor = most_bytes, free_disk_bytes
        self._announced: dict[str, Any] = {}
        self._form: Form | None = None
        self._waiting = bytearray(HEADER_BYTES)
        self._file = path.open("wb", buffering=0)

    def close(self) -> None:
        self._file.close()

    def announce(self, data: dict[str, Any]) -> None:
        """What `audio-start` says. Raises: Refused (parameter-invalid)."""
        self._announced = {name: data[name] for name in _NAMES if name in data}
        if len(self._announced) == len(_NAMES):
            _form(self._announced)

    def chunk(self, data: dict[str, Any]) -> None:
        """What a chunk says of its samples. Raises: Refused (parameter-invalid)."""
        form = _form(self._announced | data)
        if self._form not in (None, form):
            raise _invalid(f"wyoming: first {self._form}, now {form}", "every chunk of a recording must be of one kind",
                           "録音の途中で音声形式が変わっています")  # fmt: skip
        self._form = form

    async def add(self, block: bytes) -> None:
        """Raises: Refused (upload-too-large, disk-full)."""
        self.bytes += len(block)
        if self.bytes > self._most:
            raise _too_large(self._most)
        self._waiting += block
        if len(self._waiting) >= AT_ONCE:
            await self._put()

    async def finish(self) -> bool:
        """The file is whole; False: there is not one sample in it. Raises: Refused (disk-full)."""
        form = self._form
        if form is None or self.bytes < form.frame_bytes:
            return False
        await self._put()
        whole = self.bytes // form.frame_bytes * form.frame_bytes
        self._file.seek(0)
        self._file.write(header(form, whole))
        self._file.truncate(HEADER_BYTES + whole)
        self._file.close()
        return True

    async def _put(self) -> None:
        block, self._waiting = self._waiting, bytearray()
        try:
            free = shutil.disk_usage(self.path.parent).free
            if free < self._floor:
                raise _disk_full(f"disk: {free} bytes free, of which {self._floor} are to be left untouched")
            await asyncio.to_thread(self._write, block)
        except OSError as error:
            raise _disk_full(f"system: {error.strerror}") from None

    def _write(self, block: bytearray) -> None:
        rest = memoryview(block)
        while rest:  # a file without a buffer may take a part only
            rest = rest[self._file.write(rest) or 0 :]


def _form(data: dict[str, Any]) -> Form:
    values = {name: data.get(name) for name in _NAMES}
    rate, width, channels = (
        value if isinstance(value, int) and not isinstance(value, bool) else 0 for value in values.values()
    )
    if not (1 <= rate <= MOST_RATE and 1 <= width <= 4 and 1 <= channels <= MOST_CHANNELS):
        shown = ", ".join(f"{name} {str(value)[:50]}" for name, value in values.items())
        raise _invalid(
            f"wyoming: {shown}",
            f"rate is 1 - {MOST_RATE} Hz, width 1 - 4 bytes, channels 1 - {MOST_CHANNELS}",
            f"rate は 1〜{MOST_RATE} Hz、width は 1〜4 バイト、channels は 1〜{MOST_CHANNELS} です",
        )
    return Form(rate, width, channels)


def _invalid(evidence: str, en: str, ja: str) -> Refused:
    return refused(
        "parameter-invalid",
        Text(f"These samples cannot be read: {en}.", f"この音声データは読めません（{ja}）。"),
        evidence,
        param="rate, width, channels",
    )


def _too_large(most_bytes: int) -> Refused:
    shown = f"{most_bytes / MIB:.0f} MiB"
    return refused(
        "upload-too-large",
        Text(f"The recording is larger than the {shown} allowed.", f"録音が上限（{shown}）を超えています。"),
        f"wyoming: more than {most_bytes} bytes without an audio-stop",
        remedies=(
            Remedy(
                Text("Allow more, on the server", "サーバー側で上限を上げる"), "yamabiko serve --max-upload-mb 4096"
            ),
        ),
    )


def _disk_full(why: str) -> Refused:
    return refused(
        "disk-full",
        Text("The server's disk has no room for the recording.", "サーバーのディスクに空きがありません。"),
        why,
    )

"""
One opened file to mono float32 at 16 kHz, in constant memory. Runs in the decoder's child process only.

FFmpeg is given a Python file object and no path, no protocol and no demuxer
that reads other files: what the file says cannot make it open anything.
"""

from __future__ import annotations

import errno
import importlib
import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yamabiko.audio.decode_child import one_line
from yamabiko.audio.decode_walls import Refused, allowed_formats, refuse_opening, refuse_playlist
from yamabiko.audio.downmix import Samples
from yamabiko.audio.mono16k import Mono16k, refuse_absurd

if TYPE_CHECKING:  # PyAV is imported where it is used: no other process of ours may load it by mistake
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.stream import AudioStream
    from av.container import InputContainer

READ_ERRORS_IN_A_ROW = 20


@dataclass
class Complaints:
    """What the decoder said went wrong: how often, and its first and latest lines."""

    count: int = 0
    first: list[str] = field(default_factory=list)
    latest: str = ""
    duration_is_a_guess: bool = False

    def note(self, line: str) -> None:
        line = one_line(line)
        self.count += 1
        self.latest = line
        if len(self.first) < 3:
            self.first.append(line)

    def take(self, logs: list[tuple[int, str, str]]) -> None:
        """FFmpeg's errors move from its log to here; `logs` is emptied, since it lives as long as the file."""
        import av.logging

        for level, name, message in logs:
            if level <= av.logging.ERROR:
                self.note(f"{name}: {message.strip()}" if name else message.strip())
            elif "Estimating duration from bitrate" in message:
                self.duration_is_a_guess = True
        logs.clear()

    def lines(self) -> tuple[str, ...]:
        return (*self.first, self.latest) if self.latest and self.latest not in self.first else tuple(self.first)


class Source:
    """A file object for PyAV that keeps the file's ending and nothing else of its name."""

    def __init__(self, file: io.RawIOBase | io.BytesIO, suffix: str) -> None:
        self._file = file
        self.name = (
            f"recording{suffix}" if suffix[1:].isalnum() and suffix.isascii() and len(suffix) < 9 else "recording"
        )

    def read(self, size: int) -> bytes:
        return self._file.read(size) or b""

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -1  # a file may claim any offset: for FFmpeg an answer, not an event

    def tell(self) -> int:
        return self._file.tell()


@dataclass
class Stream:
    """What was opened, and what became known while it was decoded."""

    container: str
    codec: str
    sample_rate: int
    channels: int
    index: int
    audio_streams: int
    claimed_s: float | None
    complaints: Complaints
    gaps: int = 0
    gap_s: float = 0.0
    not_finite: int = 0
    scaled_by: float = 1.0


def warm_up() -> None:
    """
    Decode a moment of silence from memory, so that everything PyAV imports on first use is imported.

    Afterwards the process may be forbidden to open files.
    """
    # Of a video's tracks PyAV makes objects of each kind, wanted or not.
    for part in ("codeccontext", "stream", "subtitle"):
        importlib.import_module(f"av.subtitles.{part}")

    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 1636, b"WAVE", b"fmt ", 16, 1, 2, 8000, 32000, 4, 16, b"data", 1600
    )
    decode(io.BytesIO(header + bytes(1600)), ".wav", lambda _: None)


def decode(file: io.RawIOBase | io.BytesIO, suffix: str, write: Callable[[Samples], None]) -> Stream:
    """
    Hand all sound in `file` to `write`, as float32 in -1..1, a few seconds at a time.

    Raises: Refused, MemoryError, and whatever `write` raises.
    """
    import av.error
    import av.logging

    refuse_playlist(file)
    complaints = Complaints()
    av.logging.set_level(av.logging.WARNING)
    av.logging.set_skip_repeated(False)
    with av.logging.Capture() as logs:
        container = _open(Source(file, suffix), complaints, logs)
        with container:
            audio, codec, stream = _choose(container, complaints)
            mono = Mono16k(stream, _start_s(container), write)
            for packet in _packets(container, audio, complaints):
                try:
                    frames = codec.decode(packet)
                except (av.error.FFmpegError, OSError, ValueError) as error:
                    _note(error, complaints, logs)
                    continue
                if logs:
                    complaints.take(logs)
                for frame in frames:
                    mono.frame(frame)
            mono.finish()
            complaints.take(logs)
    return stream


def _open(source: Source, complaints: Complaints, logs: list[tuple[int, str, str]]) -> InputContainer:
    import av.error
    import av.logging

    try:
        container = av.open(
            source,
            mode="r",
            container_options={"protocol_whitelist": "none", "format_whitelist": allowed_formats()},
            metadata_errors="replace",  # tags in Shift-JIS must not cost the recording
            buffer_size=64 * 1024,
            io_open=refuse_opening,
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        for level, name, message in logs:
            if level <= av.logging.ERROR and "not on whitelist" in message:
                if name == "image2":  # FFmpeg's name for any picture, single or numbered
                    raise Refused("input-not-audio", "decoder: the file is a picture") from error
                raise Refused("input-playlist", f"decoder: the format is “{name}”, which reads other files") from error
        _note(error, complaints, logs)
        raise Refused("input-not-audio", *_as_evidence(complaints)) from error
    complaints.take(logs)
    return container


def _choose(container: InputContainer, complaints: Complaints) -> tuple[AudioStream, AudioCodecContext, Stream]:
    """FFmpeg's own choice among the audio streams: the one marked default, else the fullest."""
    from av.audio.stream import AudioStream

    found = [(stream.index, stream.type) for stream in container.streams]
    best = container.streams.best("audio")
    if not isinstance(best, AudioStream):
        listed = ", ".join(f"stream {index}: {kind}" for index, kind in found) or "no streams"
        code = "input-not-audio" if any(kind == "audio" for _, kind in found) else "input-no-audio-stream"
        raise Refused(code, f"decoder: {container.format.name}: {listed}", *_as_evidence(complaints))
    codec = best.codec_context
    if codec is None:
        raise Refused("input-not-audio", "decoder: no decoder for the codec of this stream", *_as_evidence(complaints))
    refuse_absurd(codec.sample_rate, codec.channels)
    codec.thread_count = 1
    claimed: float | None = None
    if best.duration and best.time_base:
        claimed = float(best.duration * best.time_base)
    elif container.duration and len(found) == 1:  # beside a picture, the sound may end earlier
        claimed = container.duration / 1_000_000
    stream = Stream(
        container=container.format.name,
        codec=codec.name,
        sample_rate=codec.sample_rate,
        channels=codec.channels,
        index=best.index,
        audio_streams=sum(kind == "audio" for _, kind in found),
        claimed_s=None if complaints.duration_is_a_guess else claimed,
        complaints=complaints,
    )
    # Complaints so far came from looking at the file; the same places are met again when they are decoded.
    complaints.count = 0
    return best, codec, stream


def _start_s(container: InputContainer) -> float | None:
    return None if container.start_time is None else container.start_time / 1_000_000


def _packets(container: InputContainer, stream: AudioStream, complaints: Complaints) -> Iterator[Any]:
    """Packets, past places that cannot be read, and at last None: time to flush."""
    import av.error

    errors_in_a_row = 0
    while errors_in_a_row < READ_ERRORS_IN_A_ROW:
        try:
            for packet in container.demux(stream):
                if packet.size:  # PyAV ends with an empty one, which we replace by None
                    errors_in_a_row = 0
                    yield packet
            break
        except (av.error.FFmpegError, OSError, ValueError) as error:
            errors_in_a_row += 1
            _note(error, complaints, [])
    yield None


def _note(error: Exception, complaints: Complaints, logs: list[tuple[int, str, str]]) -> None:
    import av.error

    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        raise MemoryError(str(error)) from error
    if isinstance(error, EOFError):
        return
    before = complaints.count
    complaints.take(logs)
    if complaints.count == before or not isinstance(error, av.error.FFmpegError):
        complaints.note(f"{getattr(error, 'strerror', None) or error}")


def _as_evidence(complaints: Complaints) -> tuple[str, ...]:
    return tuple(f"decoder: {line}" for line in complaints.lines())

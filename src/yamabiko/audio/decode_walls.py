"""
What keeps a media file from making the decoder read anything but itself.

Walls in the order a hostile file meets them: its first bytes are looked at; no
demuxer that opens files is allowed; opening is refused by our callback; and the
kernel lets the process open nothing (`decode_child`).
"""

from __future__ import annotations

import errno
import io
from typing import Any

# Each line: what FFmpeg calls a demuxer that opens more than the file it was given.
READS_OTHER_FILES = {
    *("applehttp", "hls", "dash", "webm_dash_manifest", "concat", "imf", "image2", "mlv", "vobsub", "dvdvideo"),
    *("rtp", "rtsp", "sap", "sdp", "bluray", "avisynth", "vapoursynth"),
}
DEVICES = {
    *("alsa", "android_camera", "avfoundation", "caca", "decklink", "dshow", "fbdev", "gdigrab", "iec61883", "jack"),
    *("kmsgrab", "lavfi", "libcdio", "libdc1394", "openal", "oss", "pulse", "sndio", "v4l2", "vfwcap"),
    *("video4linux2", "x11grab", "xcbgrab"),
}
PLAYLIST_STARTS = (b"#extm3u", b"ffconcat", b"[playlist]", b"<asx", b"<smil", b"[reference]", b"v=0\r", b"v=0\n")
PLAYLIST_WORDS = (b"<mpd", b"<playlist", b"<compositionplaylist", b"<smoothstreamingmedia")


class Refused(Exception):
    """This file is not decoded; `code` is the finding's id."""

    def __init__(self, code: str, *evidence: str) -> None:
        super().__init__(code, *evidence)
        self.code = code
        self.evidence = evidence


def refuse_playlist(file: io.RawIOBase | io.BytesIO) -> None:
    """Know a list by its first bytes, so that FFmpeg never sees it. Raises: Refused (input-playlist)."""
    start = (file.read(4096) or b"").removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    low = start.lower()
    if low.startswith(PLAYLIST_STARTS) or (low.startswith(b"<") and any(word in low for word in PLAYLIST_WORDS)):
        first_line = start.splitlines()[0][:80].decode("utf-8", "replace")
        raise Refused("input-playlist", f"file: begins with {first_line!r}")


def refuse_opening(url: str, *_: Any) -> Any:
    """For `av.open(io_open=...)`: a demuxer wants another file."""
    raise PermissionError(errno.EACCES, "the file asked to read another file", url)


def allowed_formats() -> str:
    """Every demuxer of this FFmpeg but those that read other files or devices, in FFmpeg's own list form."""
    import av

    refused = READS_OTHER_FILES | DEVICES
    return ",".join(name for name in sorted(av.formats_available) if refused.isdisjoint(name.split(",")))

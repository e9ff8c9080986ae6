"""
Speakers whom the client knows: their names, and a recording of each as a data URL inside the form.

They are held against OpenAI's rules in every request, and used where speakers are told apart.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from pathlib import Path

from yamabiko.audio.decode import decode
from yamabiko.findings import Problem
from yamabiko.i18n import Text
from yamabiko.server.fields import invalid
from yamabiko.server.forms import Form, Upload
from yamabiko.server.problems import Refused
from yamabiko.settings import Settings
from yamabiko.transcription.diarizing import KnownSpeaker

NAMES, REFERENCES = "known_speaker_names", "known_speaker_references"
MOST = 4
SHORTEST_S, LONGEST_S = 2.0, 10.0
MOST_BYTES = 32 << 20
"""Of one data URL: ten seconds of the largest format that anybody sends."""
_SLACK_S = 0.05
"""Lossy formats pad a recording by a frame or two."""


def known(form: Form, folder: Path, settings: Settings) -> tuple[KnownSpeaker, ...]:
    """
    With their recordings in `folder`. Blocks: each is decoded to see how long it is.

    Raises: Refused (parameter-invalid), Problem.
    """
    names = [name for name in form.fields.get(NAMES, ()) if name.strip()]
    references = [upload for name, upload in form.files if name == REFERENCES]
    if len(names) > MOST:
        raise invalid(NAMES, ", ".join(names), Text(f"At most {MOST} are allowed.", f"{MOST} 人までです。"))
    if len(names) != len(references):
        given = f"{len(names)} / {len(references)}"
        rule = Text("Each name needs one recording.", "名前と録音は同じ数だけ必要です。")
        raise invalid(REFERENCES, given, rule)
    if len(set(names)) != len(names):
        raise invalid(NAMES, ", ".join(names), Text("A name stands twice.", "同じ名前が 2 回あります。"))
    found = []
    for number, (name, reference) in enumerate(zip(names, references, strict=True)):
        place = folder / f"speaker-{number}"
        place.mkdir()
        found.append(KnownSpeaker(name, _unpacked(reference, place / "reference")))
        _check_length(found[-1].recording, place, settings, name)
    return tuple(found)


def _unpacked(reference: Upload, target: Path) -> Path:
    """The recording that stands in the data URL. Raises: Refused."""
    if reference.size_bytes > MOST_BYTES:
        raise _no_data_url(f"{reference.size_bytes} bytes")
    text = reference.path.read_bytes()
    head, comma, content = text.partition(b",")
    if not comma or not head.lower().startswith(b"data:") or not head.lower().endswith(b";base64"):
        raise _no_data_url(head[:60].decode("utf-8", "replace"))
    try:
        target.write_bytes(base64.b64decode(content, validate=True))
    except binascii.Error as error:
        raise _no_data_url(str(error)) from None
    return target


def _check_length(recording: Path, folder: Path, settings: Settings, name: str) -> None:
    """Raises: Refused."""
    limit = replace(settings, longest_audio_s=LONGEST_S + 1)
    try:
        found_s = decode(recording, folder / "decoded.f32", limit).duration_s
    except Problem as problem:
        if problem.finding.id == "input-too-long":
            found_s = LONGEST_S + 1
        elif problem.finding.area == "input":
            raise invalid(REFERENCES, name, problem.finding.cause) from problem
        else:
            raise
    if not SHORTEST_S - _SLACK_S <= found_s <= LONGEST_S + _SLACK_S:
        shown = f"{found_s:.1f} s" if found_s <= LONGEST_S else f"> {LONGEST_S:g} s"
        rule = Text(
            f"A recording of a speaker is {SHORTEST_S:g} to {LONGEST_S:g} s long; this one is {shown}.",
            f"話者の録音は {SHORTEST_S:g}～{LONGEST_S:g} 秒です（この録音は {shown}）。",
        )
        raise invalid(REFERENCES, name, rule)


def _no_data_url(given: str) -> Refused:
    rule = Text(
        "It is a data URL: data:audio/wav;base64, and the recording.",
        "data:audio/wav;base64,... の形のデータURLで指定します。",
    )
    return invalid(REFERENCES, given, rule)

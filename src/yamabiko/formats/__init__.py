"""
The formats, as data: adding one is one file and one line here.

Rendering is pure; `write` is the only function that touches the disk.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.formats import ass, diarized_json, lrc, rttm, srt, tsv, txt, verbose_json, vtt, whisper_json
from yamabiko.formats.contract import Format, Layout
from yamabiko.formats.output import put
from yamabiko.formats.text import encodable
from yamabiko.i18n import Text
from yamabiko.speech import Transcript

__all__ = ["ALL", "FORMATS", "Format", "Layout", "ending", "names", "render", "write"]

FORMATS: dict[str, Format] = {
    "txt": txt.FORMAT,
    "vtt": vtt.FORMAT,
    "srt": srt.FORMAT,
    "tsv": tsv.FORMAT,
    "json": whisper_json.FORMAT,
    "verbose_json": verbose_json.FORMAT,
    "ass": ass.FORMAT,
    "lrc": lrc.FORMAT,
    "rttm": rttm.FORMAT,
    "diarized_json": diarized_json.FORMAT,
}

ALL = ("txt", "vtt", "srt", "tsv", "json")
"""What `--output-format all` means in Whisper, and so here."""


def names(spec: str, *, speakers: bool = True) -> tuple[str, ...]:
    """
    The formats that `srt,json` or `all` asks for, each once, in that order.

    `speakers`: whether they will be told apart. Raises: Problem (format-unknown, with the nearest name there is;
    speakers-not-told-apart, for a format that says nothing without them: before hours of work, not after).
    """
    found: dict[str, None] = {}
    for part in spec.split(","):
        name = part.strip().lower()
        if name == "all":
            found |= dict.fromkeys(ALL)
        elif name in FORMATS:
            found[name] = None
        else:
            raise Problem(_unknown(part.strip(), spec))
    without = [name for name in found if FORMATS[name].needs_speakers and not speakers]
    if without:
        raise Problem(_not_told_apart(without[0], "--output-format json"))
    return tuple(found)


def ending(name: str) -> str:
    """What the names of a format's files end in, behind the last part of the recording's: `srt`, `verbose.json`."""
    return FORMATS[name].ending or name


def render(transcript: Transcript, name: str, layout: Layout | None = None) -> str:
    """
    The transcript in the format `name`: text that UTF-8 can hold, lines ending in a line feed.

    Raises: Problem (format-unknown, speakers-not-told-apart).
    """
    if name not in FORMATS:
        raise Problem(_unknown(name))
    if FORMATS[name].needs_speakers and transcript.turns is None:
        raise Problem(_not_told_apart(name))
    return encodable(FORMATS[name].render(transcript, layout or Layout()))


def write(transcript: Transcript, name: str, path: Path, layout: Layout | None = None) -> None:
    """
    Put the transcript into the file `path`, whole or not at all.

    Raises: Problem (format-unknown, speakers-not-told-apart, output-not-writable, disk-full, output-name-too-long).
    """
    put(render(transcript, name, layout), path)


def _not_told_apart(name: str, command: str | None = None) -> Finding:
    """Of a format that names speakers, where nobody told them apart: its file would be empty, or its names made up."""
    return Finding(
        id="speakers-not-told-apart",
        severity="error",
        area="usage",
        cause=Text(
            f"{name} names speakers, and nobody tells them apart in this recording.",
            f"{name} は話者名を含む形式ですが、この録音では話者の区別をしていません。",
        ),
        evidence=(f"{Text('format', '形式')}: {name}",),
        remedies=(
            Remedy(
                Text("Take the times without speakers, as json has them", "話者なしの時刻を json 形式で受け取る"),
                command,
                "accuracy",
            ),
        ),
    )


def _unknown(name: str, spec: str = "") -> Finding:
    """`spec`: the whole list that the name stood in."""
    words = [word for word in re.split(r"[\s,;+/、，]+", spec.lower()) if word]
    cause = Text(f"There is no output format named “{name}”.", f"「{name}」という出力形式はありません。")
    meant = next(iter(difflib.get_close_matches(name.lower(), [*FORMATS, "all"], n=1, cutoff=0.6)), None)
    if words and all(word in (*FORMATS, "all") for word in words):
        cause, meant = _badly_listed(name, spec), ",".join(dict.fromkeys(words))
    asked_for = (
        Remedy(Text(f"Did you mean {meant}?", f"{meant} でしょうか？"), f"yamabiko FILE --output-format {meant}")
        if meant
        else Remedy(
            Text(
                f"Take those that Whisper writes: {', '.join(ALL)}", f"Whisper と同じ形式（{'、'.join(ALL)}）で書き出す"
            ),
            "yamabiko FILE --output-format all",
        )
    )
    return Finding(
        id="format-unknown",
        severity="error",
        area="usage",
        cause=cause,
        evidence=(f"{Text('formats known here', '使える形式')}: {', '.join([*FORMATS, 'all'])}",),
        remedies=(asked_for,),
    )


def _badly_listed(name: str, spec: str) -> Text:
    """Names that there are, with a space or another sign between them, or with one comma too many."""
    if not name:
        return Text(
            f"A comma in “{spec}” has no output format beside it.", f"「{spec}」のコンマの隣に出力形式がありません。"
        )
    return Text(
        f"Output formats are listed with commas between them: “{spec}”.",
        f"出力形式が複数あるときは、コンマで区切ります: 「{spec}」。",
    )

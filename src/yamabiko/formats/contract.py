"""What a format is, and how subtitles are laid out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from yamabiko.findings import Finding, Problem
from yamabiko.i18n import Text
from yamabiko.speech import Transcript


@dataclass(frozen=True, slots=True)
class Layout:
    """
    How subtitles are laid out. The names are Whisper's; formats without cues ignore it.

    None lifts a limit. Raises: Problem (layout-invalid), if a limit is below one.
    """

    max_line_width: int | None = 42
    """Display columns: a full-width character counts two."""
    max_line_count: int | None = 2
    """Lines a cue."""
    max_words_per_line: int | None = None
    """As in Whisper, each line is then a cue of its own."""
    highlight_words: bool = False
    """Underline each word while it is spoken; needs word times."""

    def __post_init__(self) -> None:
        for name in ("max_line_width", "max_line_count", "max_words_per_line"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise Problem(
                    Finding(
                        id="layout-invalid",
                        severity="error",
                        area="usage",
                        cause=Text(f"--{name} must be at least 1.", f"--{name} は1以上でなければなりません。"),
                        evidence=(f"option: --{name} {value}",),
                    )
                )


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a transcript down."""

    summary: Text
    """What `--help` says of it."""
    render: Callable[[Transcript, Layout], str]
    """Pure. May leave lone surrogates in the text: `formats.render` mends them."""
    ending: str | None = None
    """Of its files' names, without the dot in front; None: the format's own name."""
    needs_speakers: bool = False
    """It says nothing without them: `formats.render` refuses a transcript in which nobody told speakers apart."""

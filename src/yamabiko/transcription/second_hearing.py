"""A phrase over and over that no sign speaks against, asked once more: which pieces, and what their answers tell. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from yamabiko.audio.chunks import Chunk
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, Dropped, Segment, Span
from yamabiko.transcription.repeats import Repeat, begins_s, cut_off, heard_again, refuted, repeats

SHORTEST_S = 2.0
"""Less speech than this is too little to tell what else is said there."""


class Verdict(Enum):
    """What a second hearing tells of a phrase over and over."""

    SAID = auto()
    """It is heard again."""
    OTHER = auto()
    """Something else is said there."""
    OPEN = auto()


@dataclass(frozen=True, slots=True)
class SecondHearing:
    owner: int
    """Which answer it is about."""
    repeat: Repeat
    stretch: Span
    """From the second copy on, on the clock of the recording."""
    pieces: tuple[Chunk, ...]
    text: str
    """All copies but the first, as they are written."""

    @property
    def spans(self) -> list[Span]:
        return [piece.span for piece in self.pieces]

    def verdict(self, heard: Mapping[Span, Sequence[Segment]]) -> Verdict:
        texts = ["".join(segment.text for segment in heard[span]) for span in self.spans]
        spoken_s = sum(part.duration_s for piece in self.pieces for part in piece.speech)
        if refuted(self.repeat.phrase, texts, spoken_s):
            return Verdict.OTHER
        return Verdict.SAID if heard_again(self.repeat.phrase, texts) else Verdict.OPEN

    def without(self, said: Sequence[Segment]) -> tuple[tuple[Segment, ...], tuple[Dropped, ...]]:
        """`said`, the answer that it is about, with the first copy alone; and what was taken out."""
        return cut_off(
            said, self.repeat, 0, "repeated: asked again, the engine hears something else there", covered=False
        )


def second_hearings(
    owner: int, chunk: Chunk, said: Sequence[Segment], cut: Callable[[Sequence[Span], Span], tuple[Chunk, ...]]
) -> Iterator[SecondHearing]:
    """For each phrase over and over in `said`, the answer to `chunk`, ordered. `cut`: speech in a stretch, in pieces."""
    for repeat in repeats(said):
        begin_s = begins_s(said, repeat)
        after = said[repeat.last + 1 :][:1]
        end_s = min(after[0].start_s, chunk.span.duration_s) if after else chunk.span.duration_s
        if not begin_s < end_s:
            continue
        at = chunk.span.start_sample
        stretch = Span(at + int(begin_s * SAMPLE_RATE), at + int(end_s * SAMPLE_RATE))
        pieces = cut(chunk.speech, stretch)
        if sum(part.samples for piece in pieces for part in piece.speech) < SHORTEST_S * SAMPLE_RATE:
            continue
        _, copies = cut_off(said, repeat, 0, "", covered=False)
        yield SecondHearing(owner, repeat, stretch, pieces, "".join(copy.text for copy in copies))


def repetition_kept(hearings: Sequence[SecondHearing]) -> Finding:
    """That a phrase stays though nothing confirms it: how often, where, and what to do."""
    places = [
        f"{one.stretch.start_s:.1f}-{one.stretch.end_s:.1f} s: {one.repeat.times} times: {one.text.strip()[:60]}"
        for one in hearings[:5]
    ]
    count = len(hearings)
    return Finding(
        id="repeated-text-kept",
        severity="info",
        area="engine",
        cause=Text(
            f"The engine wrote one phrase over and over ({count} {'place' if count == 1 else 'places'}), and did not"
            " hear it again when asked anew; nothing shows that nobody said it, so it stays.",
            f"エンジンが同じ言葉を何度も続けて出しました（{count} か所）。その箇所を改めて処理すると出ませんでしたが、"
            "話されていないという確かな証拠もないため、残しています。",
        ),
        evidence=(*places, *((f"and {count - 5} more",) if count > 5 else ())),
        remedies=(
            Remedy(Text("Listen to these places", "その箇所を聞いて確かめる"), None, "effort"),
            Remedy(Text("Try a larger model", "より大きいモデルで試す"), "--model small --overwrite", "speed"),
        ),
    )

"""
Where somebody speaks in a recording: the chunks to transcribe, and whether so much speech may have no text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from yamabiko.audio import speech_spans
from yamabiko.audio.chunks import Chunk
from yamabiko.audio.decode import Decoded
from yamabiko.audio.speech_spans import SpeechOptions
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.scheduling import signals
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.scheduling.turns import Ticket
from yamabiko.speech import SAMPLE_RATE, Dropped, Segment, Span
from yamabiko.transcription import clips as clipping
from yamabiko.transcription.clips import Clip
from yamabiko.transcription.guarding import told

if TYPE_CHECKING:
    from numpy.typing import NDArray

SURE_SPEECH_S = 1.0
"""From this much speech on, no text at all is a failure and not an answer."""
SURE_SPEECH = 0.7
"""How likely the windows of that speech must be speech, in the mean."""


@dataclass(frozen=True, slots=True)
class Heard:
    chunks: tuple[Chunk, ...]
    spans: tuple[Span, ...]
    listened: bool
    """False: nobody looked for speech, and the spans are simply everything."""
    likelihood: float | None = None
    """Mean probability of speech where somebody surely speaks; None for less than a second of it."""
    probabilities: NDArray[Any] | None = None
    window: int = 1
    notices: tuple[Finding, ...] = ()

    def surely(self, span: Span) -> bool:
        """Whether somebody surely speaks in a stretch, and not merely something sounds like it."""
        found = None if self.probabilities is None else likelihood(self.probabilities, [span], self.window)
        return found is not None and found >= SURE_SPEECH

    @property
    def speech_s(self) -> float:
        return sum(span.duration_s for span in self.spans) if self.listened else 0.0


def listen(
    decoded: Decoded, finder: Outfit | None, options: SpeechOptions, asked: Sequence[Clip], longest_s: float,
    pool: Pool, ticket: Ticket, looked_at: Callable[[int], None],
) -> Heard:  # fmt: skip
    """
    The chunks to transcribe, at most `longest_s` seconds each, inside the clips that were `asked` for.

    A speech finder that fails costs a notice: then everything is transcribed. `looked_at`: told of samples.
    """
    clips = clipping.spans(asked, decoded.samples)
    if finder is None:
        return _everything(clips, longest_s)
    try:
        probabilities, window = signals.find_speech(
            Run(pool, finder, Conduct(), ticket=ticket), decoded.path, looked_at
        )
        spans = clipping.within(speech_spans.spans(probabilities, window, decoded.samples, options), clips)
    except (Problem, ValueError) as error:
        return _everything(clips, longest_s, _speech_finder_failed(error))
    chunks = clipping.cut(spans, clips, longest_s=longest_s, probabilities=probabilities, window_samples=window)
    notices = () if chunks else (_no_speech(clips, part=bool(asked)),)
    return Heard(chunks, spans, True, likelihood(probabilities, spans, window), probabilities, window, notices)


def _everything(clips: tuple[Span, ...], longest_s: float, *notices: Finding) -> Heard:
    return Heard(clipping.cut(clips, clips, longest_s=longest_s), clips, False, notices=notices)


def likelihood(probabilities: NDArray[Any], spans: Sequence[Span], window: int) -> float | None:
    """Mean over the windows in which somebody speaks: padding left out."""
    inside = [probabilities[span.start_sample // window : -(-span.end_sample // window)] for span in spans]
    spoken = [part[part >= 0.5] for part in inside]
    loud = numpy.concatenate(spoken) if spoken else numpy.zeros(0)
    return float(loud.mean()) if loud.size * window >= SURE_SPEECH_S * SAMPLE_RATE else None


def no_empty_success(
    heard: Heard, segments: Sequence[Segment], run: Run, engine: str, dropped: Sequence[Dropped] = ()
) -> tuple[Finding, ...]:
    """
    Speech was heard and no text came back: that is a failure. Where nobody looked for speech, it is told.

    Raises: Problem (no-text-for-speech).
    """
    if heard.likelihood is None or heard.likelihood < SURE_SPEECH or any(s.text.strip() for s in segments):
        untold = heard.chunks and not heard.listened and not segments and not dropped
        return (_no_words(engine, len(heard.chunks)),) if untold else ()
    raise Problem(
        Finding(
            id="no-text-for-speech",
            severity="error",
            area="worker",
            cause=Text(
                f"{heard.speech_s:.1f} s of speech were heard, and {engine} gave no text for them.",
                f"{heard.speech_s:.1f} 秒の話し声を検出しましたが、{engine} の結果は空でした。",
            ),
            evidence=(
                f"speech finder: mean probability {heard.likelihood:.2f} over what it calls speech",
                f"engine: ran on {run.used_device}, {len(heard.chunks)} chunks answered, {'all left out' if dropped else 'all empty'}",
                *(told(dropped).evidence if dropped else ()),
            ),
            remedies=(
                *(told(dropped).remedies if dropped else ()),
                Remedy(
                    Text("Check the engine", "エンジンを確かめる"),
                    f"yamabiko engines verify {engine}",
                ),
                Remedy(Text("Try another precision", "別の数値型で試す"), "--compute-type float32", "speed"),
                Remedy(
                    Text("If nobody speaks in it, be stricter about speech", "話し声がないなら、判定を厳しくする"),
                    "--vad-threshold 0.8",
                    "accuracy",
                ),
            ),
        )
    )


# ---- what is said about it --------------------------------------------------------------------------------------


def _no_words(engine: str, chunks: int) -> Finding:
    """The engine alone was asked, since nothing looked for speech, and it wrote nothing."""
    return Finding(
        id="no-speech",
        severity="info",
        area="input",
        cause=Text(
            f"{engine} found no words in this recording, so its transcript is empty; speech was not looked for.",
            f"{engine} が文字を見つけなかったため、結果は空です。話し声の検出は行っていません。",
        ),
        evidence=(f"engine: chunks without text: {chunks}",),
    )


def _no_speech(heard: Sequence[Span], *, part: bool) -> Finding:
    """`part`: not all of the recording was to be heard."""
    cause = Text("Nobody speaks in this recording, so its transcript is empty.", "話し声がないため、結果は空です。")
    if part:
        cause = Text(
            "Nobody speaks in the parts of this recording that were asked for, so its transcript is empty.",
            "録音の指定された部分に話し声がないため、結果は空です。",
        )
    return Finding(
        id="no-speech",
        severity="info",
        area="input",
        cause=cause,
        evidence=(f"speech finder: no speech in {sum(span.duration_s for span in heard):.1f} s",),
    )


def _speech_finder_failed(error: Problem | ValueError) -> Finding:
    inner = error.finding.evidence if isinstance(error, Problem) else (f"speech finder: {error}",)
    name = error.finding.id if isinstance(error, Problem) else "answer of the wrong shape"
    return Finding(
        id="speech-finder-failed",
        severity="warning",
        area="worker",
        cause=Text(f"The speech finder failed ({name}).", f"音声区間の検出に失敗しました（{name}）。"),
        evidence=inner,
        remedies=(Remedy(Text("Make its environment anew", "環境を作り直す"), "yamabiko engines repair silero-vad"),),
        we_did=Text(
            "transcribed the whole recording; in its silences text may be invented",
            "録音全体を文字起こししました。無音の部分に存在しない文が混ざることがあります",
        ),
    )

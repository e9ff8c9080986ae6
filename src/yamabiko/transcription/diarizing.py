"""
Who speaks when in a recording: the speaker finder asked, voices put together, people who are known recognised.

It comes before the transcript is asked for: where a format needs speakers, a failure costs no hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamabiko.audio.decode import Decoded, decode
from yamabiko.audio.speaker_turns import Heard, speakers, voice_print
from yamabiko.engines.contract import SpeakerCount
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.scheduling import signals
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.scheduling.turns import Ticket
from yamabiko.settings import Settings
from yamabiko.speech import Segment, Span, SpeakerReceipt, Turn
from yamabiko.transcription.speakers import labelled, tell_apart

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class KnownSpeaker:
    """A person whose voice is at hand."""

    name: str
    recording: Path
    """In which this person speaks, and nobody else: some seconds suffice."""


@dataclass(frozen=True, slots=True)
class SpeakersAsked:
    """That speakers are to be told apart, and what is known of them."""

    finder: Outfit
    count: SpeakerCount = field(default_factory=SpeakerCount)
    known: tuple[KnownSpeaker, ...] = ()
    required: bool = False
    """Whether the transcript is worth nothing without: then a failure is one."""


@dataclass(frozen=True, slots=True)
class Diarized:
    """Who speaks when."""

    turns: tuple[Turn, ...] | None
    """None: nobody could be told apart, and `notices` say why."""
    receipt: SpeakerReceipt | None
    notices: tuple[Finding, ...]

    def joined(self, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        """The segments with their speakers, cut where the speaker changes."""
        return tell_apart(segments, self.turns) if self.turns else segments


def diarize(
    decoded: Decoded, spans: Sequence[Span], asked: SpeakersAsked, pool: Pool, ticket: Ticket, settings: Settings,
    heard: Callable[[int], None],
) -> Diarized:  # fmt: skip
    """
    The turns in `spans`. `heard` is told how many samples are done.

    Raises: Problem, if it fails and the transcript is worth nothing without.
    """
    run = Run(pool, asked.finder, Conduct(), ticket=ticket)
    notices: list[Finding] = []
    try:
        known = {}
        for number, person in enumerate(asked.known):
            place = decoded.path.with_name(f"known-{number}.f32")
            found = _enrolled(person, place, run, settings)
            if found is None:
                notices.append(_not_heard(person))
            else:
                known[person.name] = found
        voices = _heard(signals.find_speakers(run, decoded.path, spans, asked.count, heard)) if spans else ()
    except Problem as problem:
        if asked.required:
            raise
        return Diarized(None, None, (*notices, _failed(problem, asked.finder)))
    found_out = speakers(voices, at_least=asked.count.at_least, at_most=asked.count.at_most, known=known)
    turns = labelled(turns_in_speech(found_out.turns, spans), known)
    people = len({turn.speaker for turn in turns})
    if people < asked.count.at_least and spans:
        notices.append(_fewer(people, asked.count))
    receipt = replace(_receipt(asked.finder, run), people=people)
    return Diarized(turns, replace(receipt, likeness=tuple(sorted(found_out.likeness.items()))), tuple(notices))


def _heard(found: Iterable[tuple[Any, NDArray[Any]]]) -> list[Heard]:
    return [Heard(voices.window, voices.people, prints, voices.tracks) for voices, prints in found]


def _enrolled(person: KnownSpeaker, place: Path, run: Run, settings: Settings) -> NDArray[Any] | None:
    """How a known person sounds; None where too little was heard. Raises: Problem."""
    clip = decode(person.recording, place, settings)
    try:
        everything = (Span(0, clip.samples),)
        return voice_print(_heard(signals.find_speakers(run, clip.path, everything, SpeakerCount(1, 1))))
    finally:
        place.unlink(missing_ok=True)


def turns_in_speech(turns: Iterable[Turn], spans: Sequence[Span]) -> list[Turn]:
    """Turns that touch a stretch in which the speech finder heard speech: it knows noise better than voices do."""
    return [t for t in turns if any(s.start_s < t.end_s and t.start_s < s.end_s for s in spans)]


def _receipt(finder: Outfit, run: Run) -> SpeakerReceipt:
    loaded = run.ready.loaded if run.ready else None
    return SpeakerReceipt(
        engine=finder.card.name,
        engine_version=loaded.engine_version if loaded else "",
        model=finder.model_name,
        model_revision=finder.model_revision,
        used_device=run.used_device,
        verdict=run.ruling.verdict if run.ruling else "not proved",
        evidence=run.evidence,
        fallbacks=tuple(run.fallbacks),
    )


def _failed(problem: Problem, finder: Outfit) -> Finding:
    inner = problem.finding
    anew = Remedy(Text("Make its environment anew", "環境を作り直す"), f"yamabiko engines repair {finder.card.name}")
    return Finding(
        id="speaker-finder-failed",
        severity="warning",
        area="worker",
        cause=Text(
            f"The speakers could not be told apart ({inner.id}): {inner.cause.en}",
            f"話者を区別できませんでした（{inner.id}）。{inner.cause.ja}",
        ),
        evidence=inner.evidence,
        remedies=inner.remedies if inner.area == "input" else (anew,),
        we_did=Text("transcribed without speakers", "話者の区別なしで文字起こししました"),
    )


def _fewer(people: int, asked: SpeakerCount) -> Finding:
    exact = asked.at_least == asked.at_most
    return Finding(
        id="fewer-speakers-found",
        severity="warning",
        area="input",
        cause=Text(
            f"{'There should be' if exact else 'There should be at least'} {asked.at_least} speakers, and only {people} could be "
            "told apart: of another voice there was no moment in which it is surely the one that speaks.",
            f"話者は{asked.at_least}人{'' if exact else '以上'}との指定ですが、区別できたのは{people}人です。"
            "それ以外の声が確実に話している箇所は見つかりませんでした。",
        ),
        remedies=(
            Remedy(Text("Leave the number to be found", "人数の指定をやめて判定に任せる"), "--diarize"),
            Remedy(
                Text("Or give a recording of each voice", "または、それぞれの声の録音を指定する"),
                "--known-speaker NAME=FILE",
                "effort",
            ),
        ),
        we_did=Text("kept the speakers that were found", "見つかった話者で結果を作成しました"),
    )


def _not_heard(person: KnownSpeaker) -> Finding:
    return Finding(
        id="known-speaker-not-heard",
        severity="warning",
        area="input",
        cause=Text(
            f"The recording of “{person.name}” holds too little of one voice to know it by.",
            f"「{person.name}」の録音は、声を覚えるには話し声が短すぎます。",
        ),
        evidence=(f"recording: {person.recording.name}",),
        remedies=(
            Remedy(
                Text(
                    "Give some seconds in which this person speaks alone",
                    "本人だけが話している数秒の録音を指定する",
                )
            ),
        ),
        we_did=Text("left this name unused", "この名前は使っていません"),
    )

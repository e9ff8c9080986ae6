"""
Does an engine do its work here? Tried with recordings whose text we know, through the same walk as any recording.

"Installed" says that files are there. A verification says what was heard, how
far that is from what was said, and on which device, with the receipts.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from yamabiko import bundled
from yamabiko.audio import speaker_turns, speech_spans
from yamabiko.audio.decode import Decoded, decode
from yamabiko.diagnosis import fixes
from yamabiko.diagnosis.checkup import climb
from yamabiko.diagnosis.facts.gather import gather
from yamabiko.diagnosis.labels import rung_name, rung_said
from yamabiko.diagnosis.probes import Place
from yamabiko.engines import environments, models, naming
from yamabiko.engines.contract import Card, Placement, Profile, SpeakerCount
from yamabiko.engines.environments import Environment
from yamabiko.engines.profile_choice import choose_profile, gpus_to_try
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.gpu_marks import gpu_marks
from yamabiko.i18n import Text
from yamabiko.scheduling import signals
from yamabiko.scheduling.ladder import parse_device, plan
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.scheduling.setup import usable_threads
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE, Receipt, Segment, Span, Timings
from yamabiko.transcription import asking, pipeline
from yamabiko.transcription.alignment import align, characters_of
from yamabiko.transcription.verification_checks import (
    Check,
    coverage_check,
    device_check,
    silence_check,
    speakers_check,
    speaks,
    transcript_checks,
    words_check,
)
from yamabiko.transcription.workspace import workspace
from yamabiko.workers.messages import Stretch

SILENCE_S = 5.0
SILENCE_LEVEL = 1e-4
"""-80 dBFS of noise, as a quiet converter gives: digital zeros would be too easy."""

Report = Callable[[Text, int, int], None]


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of trying one engine from one environment."""

    engine: str
    profile: str
    checks: tuple[Check, ...]
    receipts: tuple[Receipt, ...] = ()
    """One a recording."""
    texts: tuple[str, ...] = ()
    """What was heard in each; none from a speech finder."""
    problem: Finding | None = None
    """What ended it early."""

    @property
    def ok(self) -> bool:
        return self.problem is None and bool(self.checks) and all(check.ok for check in self.checks)

    @property
    def finding(self) -> Finding | None:
        """Why it failed; None if it did not."""
        return self.problem or (None if self.ok else _failed(self))


def verify(
    card: Card, settings: Settings, *, profile: str | None = None, device: str = "auto",
    model: str | None = None, report: Report = lambda *_: None, probing: bool = True, trust_pickle: bool = False,
) -> Verification:  # fmt: skip
    """
    Try the engine from the environment of `profile` (by default the one for `device`). Fetches nothing.

    `model`: a name or a path, instead of the engine's usual one; `trust_pickle`: as in a Wish.
    `probing`: False where the doctor's probes have been there already.

    What is wrong with the engine, its environment or its model stands in the answer.
    Raises: Problem for what was asked wrongly (device-unknown, engine-profile-unknown, device-not-supported ...).
    """
    family, index = parse_device(device)
    chosen = _profile(card, profile, device, settings)
    which, which_ja = (f" ({chosen.name})", f"（{chosen.name}）") if card.profiles else ("", "")
    told = Text(f"verifying {card.name}{which}", f"{card.name}{which_ja}を検証中")
    trial = _Trial(
        card, chosen, device, model, settings, lambda done, total: report(told, done, total), probing, trust_pickle
    )
    try:
        trial.run(family, index)
    except Problem as problem:
        if problem.finding.area == "usage":
            raise
        return trial.result(problem.finding)
    return trial.result(None)


def _profile(card: Card, name: str | None, device: str, settings: Settings) -> Profile:
    """Raises: Problem (engine-profile-unknown, engine-profile-device)."""
    if name is None or not card.profiles:
        return choose_profile(card, device, gpu_marks(), environments.has(card, settings))
    chosen = environments.profile_of(card, name)
    family = parse_device(device)[0]
    if family != "auto" and family not in chosen.devices:
        raise Problem(
            Finding(
                id="engine-profile-device",
                severity="error",
                area="usage",
                cause=Text(
                    f"The environment {card.name} ({name}) is not made for {device}.",
                    f"{card.name}（{name}）の環境は {device} 用ではありません。",
                ),
                evidence=(f"card: {name} is for {', '.join(chosen.devices)}",),
                remedies=(Remedy(Text("Let yamabiko choose the environment", "環境の選択を任せる"), "--device auto"),),
            )
        )
    return chosen


class _Trial:
    """One verification on its way: what is known when it ends early is not lost."""

    def __init__(
        self, card: Card, profile: Profile, device: str, model: str | None, settings: Settings,
        progress: Callable[[int, int], None], probing: bool, trust_pickle: bool,
    ) -> None:  # fmt: skip
        self.card, self.profile, self.device, self.settings, self.progress = card, profile, device, settings, progress
        self.wanted_model = model or card.default_model
        self.probing, self.trust_pickle = probing, trust_pickle
        self.checks: list[Check] = []
        self.receipts: list[Receipt] = []
        self.texts: list[str] = []

    def result(self, problem: Finding | None) -> Verification:
        return Verification(
            self.card.name, self.profile.name, tuple(self.checks), tuple(self.receipts), tuple(self.texts), problem
        )

    def run(self, family: str, index: int | None) -> None:
        marks = gpu_marks()
        self.progress(0, 0)
        gpus = gpus_to_try(self.card, marks, environments.has(self.card, self.settings))
        rungs = plan(self.card, self.device, "auto", gpus=gpus, may_fall=family == "auto")
        rungs = tuple(rung for rung in rungs if not self.card.profiles or rung.device in self.profile.devices)
        environment = self._environment()
        self._climb(environment, rungs[0])
        with naming.named_for(self.card):
            model, name, revision = self._model()
        homes = {rung.device: environment for rung in rungs}
        kept = fixes.variables(self.settings)
        outfit = Outfit(self.card, homes, model, name, revision, rungs, index, usable_threads(), kept)
        with Pool(self.settings) as pool, workspace(self.settings) as folder:
            # Journals and decoded audio of a trial live and go with it: an answer from last time would prove nothing.
            apart = dataclasses.replace(self.settings, home=folder)
            if self.card.job == "find-speech":
                self._find_speech(outfit, pool, apart)
            elif self.card.job == "find-speakers":
                self._find_speakers(outfit, pool, apart)
            elif self.card.job == "align":
                self._align(outfit, pool, apart)
            else:
                self._transcribe(outfit, pool, apart)
        if self.receipts:
            self.checks.append(device_check(self.receipts, self.device, self.profile, marks))

    def _environment(self) -> Environment:
        """Raises: Problem (engine-not-installed, engine-environment-broken)."""
        state = environments.state(self.card, self.settings, self.profile.name, thorough=True)
        if state.why:
            raise Problem(state.why)
        environment = environments.require(self.card, self.settings, self.profile.name)
        whole = Text(
            f"{environment}: every file is what its package says",
            f"{environment}: すべてのファイルがパッケージの記録と一致",
        )
        own = Text(f"{environment}, Python {state.python}", f"yamabiko 自身の Python {state.python}")
        managed = environment.origin == "managed"
        self.checks.append(Check(Text("environment", "環境"), True, whole if managed else own))
        return environment

    def _climb(self, environment: Environment, best: Placement) -> None:
        """
        The doctor's probes: does it load, does it compute? Raises: Problem, where nothing above can work.

        A device that was not asked for by name may fail: the recordings show what is used instead.
        """
        if environment.origin != "managed" or not self.probing:
            return
        variables = fixes.variables(self.settings)
        place = Place(environment.path.name, environment.python, environment.library_paths, variables)
        for rung, why, _ in climb(self.card, place, best, lambda: gather(self.settings).of_engine(self.card.name)):
            self.checks.append(Check(rung_name(rung.what), rung.well, rung_said(rung)))
            if why is not None and (rung.what == "load" or self.device != "auto"):
                raise Problem(why)

    def _model(self) -> tuple[str, str, str | None]:
        """Path, name, revision. Raises: Problem (model-not-here, model-wrong-hash)."""
        if self.card.model_format is None or self.wanted_model is None:
            return "", "none", None
        local = models.require(self.wanted_model, format=self.card.model_format, settings=self.settings)
        if not self.trust_pickle:
            models.refuse_code(local, self.card.model_format, instead=models.Instead(self.card.default_model))
        known = Text("as pinned", "固定値と一致") if local.pinned else Text("not pinned", "固定値なし")
        self.checks.append(
            Check(
                Text("model", "モデル"),
                True,
                Text(f"{local.name}, {known.en}: {local.path}", f"{local.name}（{known.ja}）: {local.path}"),
            )
        )
        return str(local.path), local.name, local.revision

    # ---- transcribers ------------------------------------------------------------------------------------------

    def _transcribe(self, outfit: Outfit, pool: Pool, settings: Settings) -> None:
        request = pipeline.Request(
            outfit=outfit,
            speech_finder=None,  # the engine alone is on trial
            conduct=Conduct(may_fall=self.device == "auto"),
            requested_device=self.device,
        )
        clips = self._clips()
        for number, clip in enumerate(clips):
            self.progress(number, len(clips))
            transcript = pipeline.transcribe(clip.path, request, pool, settings, _Quiet())
            known = self._languages(outfit, pool)
            if clip.language not in known and any(other.language in known for other in clips):
                continue  # this model writes other languages, and one of the other clips is in one of them
            self.receipts.append(transcript.receipt)
            self.texts.append(" ".join(segment.text.strip() for segment in transcript.segments))
            self.checks += transcript_checks(self.card, clip, transcript)

    def _languages(self, outfit: Outfit, pool: Pool) -> tuple[str, ...]:
        """Those that the loaded model says it knows; empty where it does not say."""
        run = Run(pool, outfit, Conduct(may_fall=self.device == "auto"))
        run.survive(lambda worker: None)  # the worker is there; it is asked for what it said when it had loaded
        return run.ready.loaded.languages if run.ready else ()

    def _clips(self) -> Sequence[bundled.Clip]:
        """Those in a language of the engine; if there is none, the first will show whether it answers at all."""
        clips = bundled.clips()
        return [clip for clip in clips if speaks(self.card, clip.language)] or clips[:1]

    # ---- speech finders ----------------------------------------------------------------------------------------

    def _find_speech(self, outfit: Outfit, pool: Pool, settings: Settings) -> None:
        clips = bundled.clips()
        for number, clip in enumerate(clips):
            self.progress(number, len(clips) + 1)
            begun = time.perf_counter()
            decoded = decode(clip.path, settings.work_dir / "audio.f32", settings)
            decode_s = time.perf_counter() - begun
            found = self._listen(outfit, pool, decoded, decode_s)
            sound = numpy.fromfile(decoded.path, "<f4")
            self.checks.append(coverage_check(clip.language, sound, found))
        self.progress(len(clips), len(clips) + 1)
        silence = _silence(settings.work_dir / "silence.f32")
        self.checks.append(silence_check(SILENCE_S, self._listen(outfit, pool, silence, 0.0)))

    def _listen(self, outfit: Outfit, pool: Pool, decoded: Decoded, decode_s: float) -> tuple[Span, ...] | ValueError:
        """The spans, or why the answer makes none. Raises: Problem."""
        begun = time.perf_counter()
        run = Run(pool, outfit, Conduct(may_fall=self.device == "auto"))
        probabilities, window = signals.find_speech(run, decoded.path)
        found: tuple[Span, ...] | ValueError
        try:
            found = speech_spans.spans(probabilities, window, decoded.samples)
        except ValueError as error:
            found = error
        spans = () if isinstance(found, ValueError) else found
        total_s = decode_s + time.perf_counter() - begun
        self.receipts.append(_finder_receipt(outfit, run, self.device, decoded, spans, decode_s, total_s))
        return found

    # ---- aligners ----------------------------------------------------------------------------------------------

    def _align(self, outfit: Outfit, pool: Pool, settings: Settings) -> None:
        """Each clip's text over its sound; the model knows one language, as a rule, and so one of the clips."""
        clips = bundled.clips()
        found = []
        for number, clip in enumerate(clips):
            self.progress(number, len(clips))
            begun = time.perf_counter()
            decoded = decode(clip.path, settings.work_dir / f"{clip.language}.f32", settings)
            decode_s = time.perf_counter() - begun
            said = (Segment(0.0, decoded.duration_s, clip.text),)
            stretch = Stretch(Span(0, decoded.samples), characters_of(said))
            run = Run(pool, outfit, Conduct(may_fall=self.device == "auto"))
            [(log_probs, frame_s)] = signals.align(run, decoded.path, [stretch])
            found.append((clip, align(said, log_probs, frame_s, stretch.characters)))
            total_s = time.perf_counter() - begun
            spans = (stretch.span,)
            self.receipts.append(_finder_receipt(outfit, run, self.device, decoded, spans, decode_s, total_s))
        self.checks.append(words_check(found))

    # ---- speaker finders ---------------------------------------------------------------------------------------

    def _find_speakers(self, outfit: Outfit, pool: Pool, settings: Settings) -> None:
        """The bundled clips, one after the other: each is read by somebody else."""
        clips = bundled.clips()
        self.progress(0, 1)
        begun = time.perf_counter()
        decoded = [decode(clip.path, settings.work_dir / f"{clip.language}.f32", settings) for clip in clips]
        joined = numpy.concatenate([numpy.fromfile(one.path, "<f4") for one in decoded])
        path = settings.work_dir / "audio.f32"
        joined.tofile(path)
        decode_s = time.perf_counter() - begun
        whole = Decoded(path, joined.size, joined.size / SAMPLE_RATE, "none", "none", SAMPLE_RATE, 1, 0)
        run = Run(pool, outfit, Conduct(may_fall=self.device == "auto"))
        everything = (Span(0, joined.size),)
        voices = signals.find_speakers(run, path, everything, SpeakerCount())
        found = speaker_turns.speakers(
            [speaker_turns.Heard(one.window, one.people, prints, one.tracks) for one, prints in voices]
        )
        total_s = time.perf_counter() - begun
        self.receipts.append(_finder_receipt(outfit, run, self.device, whole, everything, decode_s, total_s))
        ends = numpy.cumsum([one.samples for one in decoded]) / SAMPLE_RATE
        self.checks.append(speakers_check(found.turns, [0.0, *ends.tolist()]))


def _failed(verification: Verification) -> Finding:
    name = verification.engine
    wrong = [check for check in verification.checks if not check.ok]
    model = next((receipt.model for receipt in verification.receipts if receipt.model != "none"), None)
    check_model = Remedy(
        Text("Check the model's files", "モデルのファイルを確かめる"), f"yamabiko models verify {model}"
    )
    return Finding(
        id="engine-verification-failed",
        severity="error",
        area="engine",
        cause=Text(
            f"{name} ({verification.profile}) ran, but did not do what it should: "
            f"{', '.join(check.name.en for check in wrong)}.",
            f"{name}（{verification.profile}）は動きましたが、結果が正しくありません"
            f"（{'、'.join(check.name.ja for check in wrong)}）。",
        ),
        evidence=tuple(f"{check.name.en}: {check.evidence.en}" for check in wrong),
        remedies=(
            *((check_model,) if model else ()),
            Remedy(Text("Make its environment anew", "環境を作り直す"), f"yamabiko engines repair {name}", "effort"),
        ),
    )


# ---- small parts ----------------------------------------------------------------------------------------------------


def _silence(path: Path) -> Decoded:
    samples = int(SILENCE_S * SAMPLE_RATE)
    numpy.random.default_rng(0).normal(0.0, SILENCE_LEVEL, samples).astype("<f4").tofile(path)
    return Decoded(path, samples, SILENCE_S, "none", "none", SAMPLE_RATE, 1, 0)


def _finder_receipt(
    outfit: Outfit, run: Run, device: str, decoded: Decoded, spans: Sequence[Span], decode_s: float, total_s: float
) -> Receipt:
    assert run.ready is not None
    assert run.ruling is not None
    return Receipt(
        engine=outfit.card.name,
        engine_version=run.ready.loaded.engine_version,
        environment=str(next(iter(outfit.environments.values()))),
        model=outfit.model_name,
        model_revision=outfit.model_revision,
        requested_device=device,
        requested_compute_type="auto",
        used_device=run.used_device,
        used_compute_type=run.ready.loaded.compute_type,
        verdict=run.ruling.verdict,
        evidence=run.evidence,
        timings=Timings(decode_s=decode_s, load_s=run.load_s, inference_s=run.inference_s, total_s=total_s),
        audio_s=decoded.duration_s,
        speech_s=sum(span.duration_s for span in spans),
        fallbacks=tuple(run.fallbacks),
        notices=tuple(run.notices),
    )


class _Quiet:
    """A Watcher that leaves everything to the receipt."""

    def progress(self, stage: asking.Stage, done_s: float, total_s: float | None) -> None:
        pass

    def segments(self, segments: Sequence[Segment]) -> None:
        pass

    def notice(self, finding: Finding) -> None:
        pass

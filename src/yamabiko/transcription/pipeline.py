"""
A recording goes in, a transcript comes out.

decode > find speech > cut > (language) > ask the engine > merge > receipt. Each
stage is a function below; the scheduler survives the workers, the journal
survives us.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from yamabiko.audio.chunks import Chunk
from yamabiko.audio.decode import Decoded, decode
from yamabiko.audio.decode_start import Start
from yamabiko.audio.speech_spans import SpeechOptions
from yamabiko.engines.catalog import DEFAULT_ENGINE
from yamabiko.engines.contract import DetectedLanguage
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.scheduling.turns import Ticket
from yamabiko.settings import Settings
from yamabiko.speech import SAMPLE_RATE, Receipt, Timings, TranscribeOptions, Transcript
from yamabiko.transcription.aligning import time_words
from yamabiko.transcription.asking import Answers, Asking, HearsLanguage, Watcher
from yamabiko.transcription.clips import Clip
from yamabiko.transcription.diarizing import Diarized, SpeakersAsked, diarize
from yamabiko.transcription.guarding import Guarding, hearing, sounding, told
from yamabiko.transcription.journal import Journal, discard, files_of, fingerprint, open_journal
from yamabiko.transcription.listening import Heard, listen, no_empty_success
from yamabiko.transcription.merge import merge, within_speech
from yamabiko.transcription.readable import readable
from yamabiko.transcription.workspace import workspace

if TYPE_CHECKING:
    pass

SURE_LANGUAGE = 0.5
"""A first guess at least this likely is taken; else more of the recording is listened to."""
LANGUAGE_CHUNKS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done with each recording."""

    outfit: Outfit
    speech_finder: Outfit | None
    """None: every second of the recording is transcribed, in stretches of equal length."""
    options: TranscribeOptions = TranscribeOptions()
    speech: SpeechOptions = SpeechOptions()
    conduct: Conduct = Conduct()
    language_per_chunk: bool = False
    guard: bool = True
    """Whether text that nobody said is left out of the transcript, and put into the receipt."""
    speakers: SpeakersAsked | None = None
    """None: they are not told apart."""
    readable_words: bool = True
    """Whether words are what people read as one; False: as the engine cuts its text, in tokens of Japanese."""
    aligner: Outfit | None = None
    """What times the words; None: the engine itself, where it can."""
    clips: tuple[Clip, ...] = ()
    """Where only a part of the recording is to be transcribed."""
    language_only: bool = False
    """The answer is the language, found as for a transcript, and no text at all."""
    ticket: Ticket = field(default_factory=Ticket)
    """Its place in the queue for workers; cancelled, `transcribe` raises Cancelled."""
    requested_device: str = "auto"
    requested_compute_type: str = "auto"

    @property
    def outfit_notices(self) -> tuple[Finding, ...]:
        """What stood in the way of setting up what was wished for; each receipt holds it too."""
        finder = self.speakers.finder if self.speakers else None
        outfits = (self.outfit, self.speech_finder, finder, self.aligner)
        return tuple(dict.fromkeys(notice for outfit in outfits if outfit for notice in outfit.notices))


@dataclass(slots=True)
class _Course:
    """What has come together so far, for the receipt."""

    waited_before_s: float
    """Of the ticket, which may have served other recordings."""
    begun: float = field(default_factory=time.perf_counter)
    decode_s: float = 0.0
    find_speech_s: float = 0.0
    find_speakers_s: float = 0.0
    align_s: float = 0.0
    resumed: int = 0
    notices: list[Finding] = field(default_factory=list)


def transcribe(recording: Path, request: Request, pool: Pool, settings: Settings, watcher: Watcher) -> Transcript:
    """
    The transcript of one recording. No segments means that nobody speaks in it.

    What was answered before an interruption is taken from the journal, which
    is kept until `forget`. Raises: Problem.
    """
    course = _Course(waited_before_s=request.ticket.waited_s)
    if request.outfit.card.for_tests:
        _tell((_text_from_a_script(request.outfit),), watcher, course)
    with ExitStack() as stack:
        folder = stack.enter_context(workspace(settings))
        with pool.decoding(request.ticket) as start:
            decoded = _decode(recording, folder, settings, watcher, course, start)
        heard = _listen(decoded, request, pool, watcher, course)
        diarized = _find_speakers(decoded, heard, request, pool, settings, watcher, course)
        chunks = heard.chunks
        run = Run(pool, request.outfit, request.conduct, watcher.notice, request.ticket)
        language: DetectedLanguage | None = None
        answers: Answers = []
        guarding = _guarding(decoded, heard) if request.guard else None
        if chunks:
            journal = stack.enter_context(open_journal(_journals(settings), _job(recording, request)))
            if journal.elsewhere:
                _tell((_in_work_elsewhere(recording),), watcher, course)
            run.loading = _teller(watcher, sum(chunk.span.duration_s for chunk in chunks))
            language = _language(decoded, chunks, request, run, journal)
            if language is not None and isinstance(watcher, HearsLanguage):
                watcher.language(language.language)
            options = request.options if request.language_per_chunk else _with_language(request.options, language)
            asking = Asking(run, decoded.path, options, journal, watcher, guarding)
            answers = asking.everything(() if request.language_only else chunks)
            answers = asking.again_what_is_repeated(answers)
            if heard.listened and not request.language_only:
                answers = asking.again_what_was_passed_over(answers, heard.surely)
            course.resumed = asking.resumed
            course.notices += asking.notices
            answers = _align(answers, decoded, request, pool, watcher, course)
        spoken = [(chunk, within_speech(chunk, said)) for chunk, said in answers]
        segments = () if request.language_only else merge(spoken, speech=heard.spans)
        segments = guarding.whole(segments) if guarding else segments
        spoken_in = request.options.language or (language.language if language else _only_language(run))
        segments = diarized.joined(segments) if diarized else segments
        segments = readable(segments, spoken_in) if request.readable_words else segments
        dropped = guarding.all_dropped() if guarding else ()
        empty: tuple[Finding, ...] = ()
        try:
            if not request.language_only:
                empty = no_empty_success(heard, segments, run, request.outfit.card.name, dropped)
        except Problem:
            forget(recording, request, settings)  # or the next run would take the same silence for answers
            raise
        _tell((told(dropped),) if dropped else empty, watcher, course)
        if not segments and not request.language_only:
            spoken_in, language = request.options.language, None  # that of noise or of silence is nobody's
        receipt = replace(
            _receipt(request, decoded, heard, run, course),
            dropped=dropped,
            speakers=diarized.receipt if diarized else None,
        )
    return Transcript(
        source=recording.name,
        duration_s=decoded.duration_s,
        task=request.options.task,
        language=spoken_in,
        language_probability=language.probability if language else None,
        segments=segments,
        receipt=receipt,
        turns=diarized.turns if diarized else None,
    )


def forget(recording: Path, request: Request, settings: Settings) -> None:
    """The transcript is safely written: what the journal kept for it may go."""
    with contextlib.suppress(OSError):  # the recording is gone: its journal will be forgotten with age
        discard(_journals(settings), _job(recording, request))


def _journals(settings: Settings) -> Path:
    return settings.state_dir / "journals"


def _job(recording: Path, request: Request) -> str:
    """The job's name in the journals: the recording and all that shapes the text."""
    outfit = request.outfit
    place = (request.requested_device, request.requested_compute_type, request.conduct.require_gpu)
    engine = (outfit.card.name, outfit.model, outfit.model_revision, files_of(outfit.model), place)
    cut = (request.speech_finder is not None, request.speech, request.conduct.batch_size, request.clips)
    return fingerprint(recording, (engine, cut, request.options, request.language_per_chunk))


# ---- stages -----------------------------------------------------------------------------------------------------


def _decode(
    recording: Path, folder: Path, settings: Settings, watcher: Watcher, course: _Course, start: Start
) -> Decoded:
    begun = time.perf_counter()
    watcher.progress("decode", 0.0, None)
    decoded = decode(
        recording, folder / "audio.f32", settings, lambda done_s: watcher.progress("decode", done_s, None), start
    )
    course.decode_s = time.perf_counter() - begun
    _tell(decoded.notices, watcher, course)
    return decoded


def _teller(watcher: Watcher, total_s: float) -> Callable[[bool], None]:
    """Of the model that finds the language: loading it is a part of the transcribing that it is for."""
    return lambda begun: watcher.progress("load" if begun else "transcribe", 0.0, total_s)


def _listen(decoded: Decoded, request: Request, pool: Pool, watcher: Watcher, course: _Course) -> Heard:
    begun = time.perf_counter()
    if request.speech_finder is not None:
        watcher.progress("find speech", 0.0, decoded.duration_s)
    heard = listen(
        decoded, request.speech_finder, request.speech, request.clips, request.outfit.card.longest_chunk_s,
        pool, request.ticket,
        lambda samples: watcher.progress(
            "find speech", min(samples / SAMPLE_RATE, decoded.duration_s), decoded.duration_s
        ),
    )  # fmt: skip
    course.find_speech_s = time.perf_counter() - begun
    _tell(heard.notices, watcher, course)
    return heard


def _align(
    answers: Answers, decoded: Decoded, request: Request, pool: Pool, watcher: Watcher, course: _Course
) -> Answers:
    """With words timed by the aligner, if one was asked for. A translation is not what was said: it has no such times."""
    if request.aligner is None or request.language_only or request.options.task == "translate":
        return answers
    total_s = sum(chunk.span.duration_s for chunk, said in answers if said)
    watcher.progress("align", 0.0, total_s)
    run = Run(pool, request.aligner, replace(request.conduct, require_gpu=False), watcher.notice, request.ticket)
    found = time_words(
        answers, decoded.path, request.aligner, run, lambda done_s: watcher.progress("align", done_s, total_s)
    )
    course.align_s = found.spent_s
    _tell(found.notices, watcher, course)
    return found.answers


def _guarding(decoded: Decoded, heard: Heard) -> Guarding:
    """Who asked not to look for speech may have singing or whispers, so then only silence without any sound counts."""
    if heard.probabilities is None:
        return Guarding(sounding(decoded.path))
    return Guarding(hearing(heard.probabilities, heard.window), heard.probabilities, heard.window)


def _find_speakers(
    decoded: Decoded, heard: Heard, request: Request, pool: Pool, settings: Settings, watcher: Watcher,
    course: _Course,
) -> Diarized | None:  # fmt: skip
    """None where nobody asked. Raises: Problem, if it fails and the transcript is worth nothing without."""
    if request.speakers is None or request.language_only:
        return None
    begun = time.perf_counter()
    watcher.progress("find speakers", 0.0, decoded.duration_s)
    found = diarize(
        decoded, heard.spans, request.speakers, pool, request.ticket, settings,
        lambda samples: watcher.progress("find speakers", samples / SAMPLE_RATE, decoded.duration_s),
    )  # fmt: skip
    course.find_speakers_s = time.perf_counter() - begun
    _tell(found.notices, watcher, course)
    return found


def _language(
    decoded: Decoded, chunks: Sequence[Chunk], request: Request, run: Run, journal: Journal
) -> DetectedLanguage | None:
    """
    Once a file, from its first chunk; if that is not sure, from three spread over it, the likeliest sum winning.
    """
    if request.options.language or request.language_per_chunk:
        return None
    if journal.language is not None:
        return journal.language
    votes: dict[str, list[float]] = {}
    places = dict.fromkeys([0, len(chunks) // 2, len(chunks) - 1])
    for place in list(places)[:LANGUAGE_CHUNKS]:
        detected = run.detect_language(decoded.path, chunks[place].span, request.options.languages)
        if detected is None:
            return None
        votes.setdefault(detected.language, []).append(detected.probability)
        if detected.probability >= SURE_LANGUAGE:
            break
    best = max(votes, key=lambda code: sum(votes[code]))
    language = DetectedLanguage(best, max(votes[best]))
    journal.keep_language(language)
    return language


def _only_language(run: Run) -> str | None:
    """Of a model that knows one language, which has none to find."""
    known = run.ready.loaded.languages if run.ready else ()
    return known[0] if len(known) == 1 else None


def _with_language(options: TranscribeOptions, language: DetectedLanguage | None) -> TranscribeOptions:
    return replace(options, language=language.language) if language else options


# ---- what is said about it --------------------------------------------------------------------------------------


def _tell(findings: Sequence[Finding], watcher: Watcher, course: _Course) -> None:
    course.notices.extend(findings)
    for finding in findings:
        watcher.notice(finding)


def _receipt(request: Request, decoded: Decoded, heard: Heard, run: Run, course: _Course) -> Receipt:
    total_s = time.perf_counter() - course.begun
    return replace(
        ran(request, run),
        timings=Timings(
            decode_s=course.decode_s,
            find_speech_s=course.find_speech_s,
            find_speakers_s=course.find_speakers_s,
            queue_s=request.ticket.waited_s - course.waited_before_s,
            load_s=run.load_s,
            inference_s=run.inference_s + course.align_s,
            total_s=total_s,
        ),
        audio_s=decoded.duration_s,
        speech_s=heard.speech_s,
        chunks=len(heard.chunks),
        chunks_resumed=course.resumed,
        notices=(*course.notices, *run.notices),
    )


def ran(request: Request, run: Run) -> Receipt:
    """What was asked, and what ran where, with its proof; figures of the recording are the caller's to add."""
    loaded = run.ready.loaded if run.ready else None
    return Receipt(
        engine=request.outfit.card.name,
        engine_version=loaded.engine_version if loaded else "",
        environment=str(next(iter(request.outfit.environments.values()))),
        model=request.outfit.model_name,
        model_revision=request.outfit.model_revision,
        requested_device=request.requested_device,
        requested_compute_type=request.requested_compute_type,
        used_device=run.used_device,
        used_compute_type=loaded.compute_type if loaded else "none",
        verdict=run.ruling.verdict if run.ruling else "not proved",
        evidence=run.evidence,
        fallbacks=tuple(run.fallbacks),
    )


def _in_work_elsewhere(recording: Path) -> Finding:
    return Finding(
        id="recording-in-work",
        severity="info",
        area="input",
        cause=Text(
            "Another run transcribes this recording in the same way right now, so the work is done twice.",
            "別の yamabiko が、同じ録音を同じ設定で処理しています。同じ作業を二重に行うことになります。",
        ),
        evidence=(f"recording: {recording.name}: its journal is held by another process",),
        remedies=(Remedy(Text("Wait for that one, and copy its result", "そちらの終了を待って結果をコピーする")),),
        we_did=Text(
            "went on alone, keeping no progress: stopped, it begins anew",
            "単独で続けています。途中経過は保存されないため、中断すると最初からになります",
        ),
    )


def _text_from_a_script(outfit: Outfit) -> Finding:
    return Finding(
        id="text-from-script",
        severity="warning",
        area="engine",
        cause=Text(
            f"The engine “{outfit.card.name}” is for tests: the text is a script's, and no transcription.",
            f"「{outfit.card.name}」は試験用です。結果は台本の文であり、文字起こしではありません。",
        ),
        evidence=(f"script: {outfit.model or 'none; it says how much audio it was given'}",),
        remedies=(
            Remedy(
                Text("Transcribe with a real engine", "実際のエンジンで文字起こしする"), f"--engine {DEFAULT_ENGINE}"
            ),
        ),
    )

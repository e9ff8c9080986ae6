"""
The same promises of every engine, asked of its real library in its real environment.

A CARD in the catalog is tested here without a word: all it needs is a models_*.py beside this file and, where it promises
any of the search, a spy in promises_search_inside.py. An engine is loaded once for all that is asked of it; what ends a
worker has one of its own.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import pytest
from piece_model import PIECES, Piece
from promises import (
    PLAIN,
    REAL,
    Bench,
    Recording,
    ask,
    assert_named_as_broken,
    ends_when_told_to,
    error_rate,
    given_up,
    models,
    noise,
    patient,  # noqa: F401 - a fixture
    recordings,
    set_up,
)
from promises_search import all_missed, given

from program import run_program
from yamabiko.diagnosis.verdict import backend_lines, decide
from yamabiko.engines import catalog
from yamabiko.engines.contract import Card
from yamabiko.speech import SAMPLE_RATE, Segment, Span, TranscribeOptions, Word
from yamabiko.workers import process
from yamabiko.workers.messages import Ready
from yamabiko.workers.process import Worker, WorkerFailed

WHISPER = ("faster-whisper", "whisper.cpp", "openai-whisper", "transformers", "whisperx")
"""They run the same weights, Whisper base."""
FRAME_S = 0.001
"""Seconds: what times are rounded to."""
LEADS_S = (0.3, 1.1)
CLOSE_S, FAR_S = 0.25, 0.6
"""How far words may end from where the sound is cut. Measured: 0.17 at worst; whisper.cpp, which has its own way, 0.36."""


def _together(card: Card) -> object:
    """All tests of one engine in one process (`pytest --dist loadgroup`): there it is loaded once."""
    return pytest.param(card, id=card.name, marks=pytest.mark.xdist_group(card.name))


@pytest.fixture(scope="session", params=map(_together, REAL))
def bench(request: pytest.FixtureRequest, ready_home: Path, run_folder: Path) -> Bench:
    return set_up(request.param, ready_home, run_folder)


@dataclass(slots=True)
class Running:
    bench: Bench
    worker: Worker
    ready: Ready

    @property
    def languages(self) -> tuple[str, ...]:
        return self.bench.languages(self.ready.loaded.languages)


@pytest.fixture(scope="session")
def running(bench: Bench) -> Iterator[Running]:
    """Loaded, for tests that leave it as it is."""
    with bench.worker() as worker:
        yield Running(bench, worker, worker.load(str(bench.model), 1))


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    return recordings(tmp_path_factory.mktemp("decoded"))


def heard(spoken: dict[str, Recording], languages: tuple[str, ...]) -> Recording:
    """A clip in a language that the model knows."""
    return spoken["en" if not languages or "en" in languages else "ja" if "ja" in languages else "en"]


def options(recording: Recording, languages: tuple[str, ...], **more: object) -> TranscribeOptions:
    known = not languages or recording.clip.language in languages
    return replace(PLAIN, language=recording.clip.language if known else None, **more)  # type: ignore[arg-type]


def timely(segments: list[Segment], span: Span) -> bool:
    starts = [segment.start_s for segment in segments]
    inside = all(0 <= s.start_s <= s.end_s <= span.duration_s + FRAME_S for s in segments)
    return inside and starts == sorted(starts)


def test_every_engine_has_a_model_to_be_tested_with() -> None:
    ours = {name for name in models() if catalog.card(name).job == "transcribe"}
    assert ours == {card.name for card in REAL}


def test_it_loads_from_a_path_and_says_what_it_runs_on(running: Running) -> None:
    told = running.ready.loaded
    assert told.device == "cpu"
    assert told.compute_type
    assert told.engine_version[0].isdigit()


def test_times_lie_inside_the_clip_in_order_and_the_device_is_proved(
    running: Running, spoken: dict[str, Recording]
) -> None:
    recording = heard(spoken, running.languages)
    said = ask(running.worker, recording.path, [recording.whole], options(recording, running.languages))
    [segments] = said.segments
    assert segments, "the clip is speech"
    assert timely(segments, recording.whole)
    assert all(segment.text.strip() for segment in segments), "what is empty is no segment"
    if running.bench.true:
        assert error_rate(said.text(), recording.clip.text) < 0.3
        assert segments[-1].end_s > recording.clip.seconds / 2
    introspection = [one for one in said.evidence if one.kind == "introspection"]
    assert ("introspection" in running.bench.card.evidence) == bool(introspection)
    ruling = decide(running.ready.loaded.device, said.evidence)
    assert (ruling.verdict, running.ready.loaded.device) == ("proved", "cpu"), said.evidence


def test_words_have_times_where_the_card_says_so(running: Running, spoken: dict[str, Recording]) -> None:
    if "word-times" not in running.bench.card.features:
        pytest.skip("the CARD promises none")
    for recording in spoken.values():
        if running.languages and recording.clip.language not in running.languages:
            continue
        asked = options(recording, running.languages, word_timestamps=True)
        [segments] = ask(running.worker, recording.path, [recording.whole], asked).segments
        words = [word for segment in segments for word in segment.words]
        assert words, "the clip is speech"
        joined = "".join(word.text for word in words)
        assert "".join(joined.split()) == "".join("".join(s.text for s in segments).split())
        assert all(0 <= w.start_s <= w.end_s <= recording.clip.seconds + FRAME_S for w in words)
        assert [word.start_s for word in words] == sorted(word.start_s for word in words)
        if running.bench.true:
            assert len(words) > 8, "Japanese is no single word"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_words_are_timed_where_they_were_put(
    running: Running, spoken: dict[str, Recording], language: str, tmp_path: Path
) -> None:
    """
    The clip behind silences of two lengths: words end where the sound is cut, wherever it was put.

    Only where one piece follows another at once: all that grew out of Whisper begins the first word after a pause with
    the pause. Random models: see test_words_begin_where_... in test_onnx_asr.py and test_parakeet.py, which true tiny
    ones hear, and test_the_padding_is_not_on_the_clock in test_reazonspeech.py.
    """
    card = running.bench.card
    if "word-times" not in card.features or not running.bench.true:
        pytest.skip("no word times that mean anything")
    clip = numpy.fromfile(spoken[language].path, "<f4")
    edges_s: list[list[float]] = []
    for lead_s in LEADS_S:
        silence = numpy.zeros(round(lead_s * SAMPLE_RATE), numpy.float32)
        sound = numpy.concatenate([silence, clip, silence])
        sound.tofile(tmp_path / "put.f32")
        asked = options(spoken[language], running.languages, word_timestamps=True)
        [segments] = ask(running.worker, tmp_path / "put.f32", [Span(0, len(sound))], asked).segments
        words = [word for segment in segments for word in segment.words]
        assert error_rate("".join(word.text for word in words), spoken[language].clip.text) == 0
        ends_s = {sum(map(len, map(_letters, words[: n + 1]))): word.end_s for n, word in enumerate(words)}
        edges_s.append([ends_s[said] - lead_s - at_s for said, at_s in _joints(language)])
    worst_s = FAR_S if card.name == "whisper.cpp" else CLOSE_S
    assert numpy.abs(edges_s).max() <= worst_s, edges_s
    assert numpy.abs(numpy.subtract(*edges_s)).max() <= worst_s / 2, "it moves with the sound"


def _letters(word: Word | Piece) -> str:
    return "".join(character for character in word.text if character.isalnum())


def _joints(language: str) -> Iterator[tuple[int, float]]:
    """How many letters are said before a piece that follows another at once, and when that one ends."""
    said = 0
    for piece, after in itertools.pairwise(piece for piece in PIECES if piece.language == language):
        said += len(_letters(piece))
        if after.start_s - piece.end_s < 0.1:
            yield said, piece.end_s


def test_nothing_of_what_was_said_before_is_in_the_next_answer(running: Running, spoken: dict[str, Recording]) -> None:
    """Requests of all people go to one worker: each is answered as if it were the first."""
    recording = heard(spoken, running.languages)

    def answer(to: Recording) -> tuple[list[object], list[float | None]]:
        [segments] = ask(running.worker, to.path, [to.whole], options(to, running.languages)).segments
        return [(s.text, s.tokens, s.start_s, s.end_s) for s in segments], [s.avg_logprob for s in segments]

    for other in spoken.values():
        answer(other)
    said, likely = answer(recording)
    assert said, "the clip is speech"
    assert answer(recording) == (said, pytest.approx(likely, abs=1e-4))


def test_the_language_is_found_where_the_card_says_so(running: Running, spoken: dict[str, Recording]) -> None:
    finds = "language-detection" in running.bench.card.features and len(running.languages) != 1
    for language, recording in spoken.items():
        detected = running.worker.detect_language(recording.path, recording.whole)
        assert (detected is not None) == finds
        if detected is not None:
            assert 0 < detected.probability <= 1 + 1e-6
            assert detected.language == language or not running.bench.true
    if finds and not running.languages:
        among = running.worker.detect_language(spoken["ja"].path, spoken["ja"].whole, ("de", "fr"))
        assert among is not None
        assert among.language in ("de", "fr")


GUIDED = {
    "en": ("hello and welcome to the muzeum the tour is", "good morning and welcome"),
    "ja": ("きょうはあめです", "きょうは"),
}
"""A prompt in small letters, one in kana, and how the clip is written after it; without, it is written otherwise."""


def _needs(running: Running, feature: str) -> None:
    if feature not in running.bench.card.features:
        pytest.skip("the CARD promises none")
    if not running.bench.true:
        pytest.skip("random weights have no spelling")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_prompt_guides_the_spelling_where_the_card_says_so(
    running: Running, spoken: dict[str, Recording], language: str
) -> None:
    """The same words are heard, and written as the prompt writes."""
    _needs(running, "prompt")
    prompt, so = GUIDED[language]
    assert so not in _written(running, spoken[language])
    assert so in _written(running, spoken[language], initial_prompt=prompt)


def test_hotwords_guide_the_spelling_where_the_card_says_so(running: Running, spoken: dict[str, Recording]) -> None:
    _needs(running, "hotwords")
    assert "10 o'clock" in _written(running, spoken["en"])
    assert "ten o'clock" in _written(running, spoken["en"], hotwords="ten o'clock")


def test_what_is_said_is_translated_where_the_card_says_so(running: Running, spoken: dict[str, Recording]) -> None:
    """Into English, of which Whisper base finds the words, if not the sense."""
    _needs(running, "translation")
    english = _written(running, spoken["ja"], task="translate").casefold()
    assert "rain" in english
    assert all(letter.isascii() for letter in english if letter.isalpha()), english


def _written(running: Running, recording: Recording, **more: object) -> str:
    return ask(running.worker, recording.path, [recording.whole], options(recording, running.languages, **more)).text()


def test_what_is_asked_of_the_search_reaches_the_library_where_the_card_says_so(
    bench: Bench, spoken: dict[str, Recording]
) -> None:
    """Each name under `search`, as it was asked; where to look for it is said in promises_search_inside.py."""
    if not bench.card.search:
        pytest.skip("the CARD promises none")
    told = given(bench, heard(spoken, bench.languages(())))
    assert told.promised <= bench.card.search, "a model may heed less than the CARD says"
    assert all_missed(bench.card, told) == []


def test_two_chunks_give_what_each_gives_alone(running: Running, spoken: dict[str, Recording]) -> None:
    recording = heard(spoken, running.languages)
    middle = recording.samples // 2
    chunks = [Span(0, middle), Span(middle, recording.samples)]
    asked = options(recording, running.languages)
    together = ask(running.worker, recording.path, chunks, asked)
    again = ask(running.worker, recording.path, chunks, asked)
    assert [together.text(n) for n in (0, 1)] == [again.text(n) for n in (0, 1)], "the same, every time"
    for number, chunk in enumerate(chunks):
        alone = ask(running.worker, recording.path, [chunk], asked)
        assert alone.text(), "both halves are speech"
        assert error_rate(together.text(number), alone.text()) < 0.1
        assert timely(together.segments[number], chunk)


def test_what_holds_next_to_nothing_does_no_harm(running: Running, tmp_path: Path) -> None:
    asked = replace(PLAIN, language=running.languages[0] if running.languages else "en")
    for seconds in (1 / SAMPLE_RATE, 0.01, 0.2, min(30.0, running.bench.card.longest_chunk_s)):
        path, span = noise(tmp_path, seconds)
        [segments] = ask(running.worker, path, [span], asked).segments
        assert timely(segments, span), seconds


@pytest.mark.usefixtures("patient")
def test_it_can_be_cancelled_and_asked_again_and_ends_when_told_to(bench: Bench, spoken: dict[str, Recording]) -> None:
    """
    Given time, every engine stops before it has answered all of three chunks, and is as good as new.

    Who hears all chunks in one pass is given up while it is at it; who hears one after the other, at its first segment.
    """
    with bench.worker() as worker:
        languages = bench.languages(worker.load(str(bench.model), 1).loaded.languages)
        recording = heard(spoken, languages)
        asked, chunks = options(recording, languages), [recording.whole] * 3
        first = ask(worker, recording.path, [recording.whole], asked)
        assert (bool(first.text()), first.whole, first.cancelled) == (True, {0}, False)
        if "batch" in bench.card.features:
            said = given_up(worker, lambda: ask(worker, recording.path, chunks, asked))
        else:
            said = ask(worker, recording.path, chunks, asked, at_first=worker.interrupt)
        assert said.cancelled
        assert said.whole < set(range(len(chunks))), "it did all the work that nobody wanted any more"
        again = ask(worker, recording.path, [recording.whole], asked)
        assert (again.cancelled, again.text()) == (False, first.text())
        assert ends_when_told_to(worker)


def test_one_that_does_not_look_up_in_time_is_ended_and_its_death_is_said(
    ready_home: Path, run_folder: Path, spoken: dict[str, Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's promise, not the engine's: so one will do, for which no time is enough."""
    monkeypatch.setattr(process, "CANCEL_GRACE_S", 0.0)
    bench = set_up(catalog.card("faster-whisper"), ready_home, run_folder)
    with bench.worker() as worker:
        worker.load(str(bench.model), 1)
        recording = spoken["en"]
        with pytest.raises(WorkerFailed) as failed:
            given_up(worker, lambda: ask(worker, recording.path, [recording.whole], PLAIN))
    death = failed.value.exit
    assert (death.kind, death.ending and death.ending.name) == ("died", "SIGKILL")


PRINTED_ELSEWHERE = {
    "onnx-asr": "by ONNX Runtime's wheel for CUDA; that for the CPU has no provider that could fail to be made",
}
"""Engines whose CARD says last-words, of which none come in an environment for the CPU."""


def test_what_libraries_print_of_a_gpu_they_cannot_have_comes_where_the_card_says_so(
    bench: Bench, spoken: dict[str, Recording]
) -> None:
    """Asked for a GPU in an environment for the CPU, an engine goes on on the CPU or fails; some say so in print alone."""
    wanted = next((place for place in bench.card.placements if place.device != "cpu"), None)
    assert wanted is not None
    with bench.worker(placement=wanted) as worker:
        try:
            languages = bench.languages(worker.load(str(bench.model), 1).loaded.languages)
            recording = heard(spoken, languages)
            ask(worker, recording.path, [recording.whole], options(recording, languages))
        except WorkerFailed:
            assert worker.alive, "it raised, and died of nothing"
        printed = backend_lines(worker.last_words())
    promised = "last-words" in bench.card.evidence and bench.card.name not in PRINTED_ELSEWHERE
    assert {(one.kind, one.says) for one in printed} == ({("last-words", "cpu")} if promised else set())


def test_a_model_that_is_cut_off_is_named_as_the_cause(bench: Bench, tmp_path: Path) -> None:
    assert_named_as_broken(bench, models()[bench.card.name].broken(bench.home, tmp_path))


def test_installing_ends_in_a_verification_that_it_passes(bench: Bench) -> None:
    """As `engines install` ends: a probe of its kernels, a transcription of the bundled clips, the proof of its device."""
    if not bench.true:
        pytest.skip("random weights write nothing that could be verified")
    done = run_program(
        "engines", "verify", bench.card.name, "--profile", "cpu", "--model", bench.model, "--trust-model",
        "--trust-pickle", "--json", home=bench.home,
    )  # fmt: skip
    [verified] = json.loads(done.out)["verifications"]
    assert (done.code, verified["ok"]) == (0, True), verified


@pytest.mark.parametrize("language", ["en", "ja"])
def test_all_whisper_engines_hear_the_same(
    ready_home: Path, run_folder: Path, spoken: dict[str, Recording], language: str
) -> None:
    """The same weights, converted: texts agree within 10 % of the characters, each with each."""
    cards = [card for card in REAL if card.name in WHISPER]
    told = {card.name: _text(card, ready_home, run_folder, spoken[language]) for card in cards}
    assert len(told) > 1
    rates = {(one, other): error_rate(told[one], told[other]) for one, other in itertools.combinations(told, 2)}
    assert max(rates.values()) <= 0.10, (rates, told)


def _text(card: Card, home: Path, run_folder: Path, recording: Recording) -> str:
    bench = set_up(card, home, run_folder)
    with bench.worker() as worker:
        languages = bench.languages(worker.load(str(bench.model), 1).loaded.languages)
        return ask(worker, recording.path, [recording.whole], options(recording, languages)).text()

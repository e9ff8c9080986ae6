"""Words of real speech timed by a wav2vec2 model: pieces of the bundled clips in new orders, so that times are exact."""

from __future__ import annotations

import itertools
import json
import statistics
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import piece_model
import pytest
from own_environment import installed, made
from piece_model import PIECES, RATE, Piece, sound_of
from promises import recordings

from program import run_program
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.settings import Settings
from yamabiko.speech import Character, Segment, Span
from yamabiko.transcription.alignment import align, characters_of
from yamabiko.workers.messages import Stretch
from yamabiko.workers.process import Worker

Sound = numpy.ndarray
LANGUAGES = ("en", "ja")
MEDIAN_S, WORST_S = 0.02, 0.06
"""How far starts and ends may be off: one frame of the model, and three. Measured: 0.005 and 0.027."""


@pytest.fixture(scope="session")
def home(ready_home: Path, run_folder: Path) -> Path:
    return installed("wav2vec2-aligner", ready_home, run_folder)


@pytest.fixture(scope="session")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: one.path for name, one in recordings(tmp_path_factory.mktemp("clips")).items()}


@pytest.fixture(scope="session")
def model(home: Path, run_folder: Path, decoded: dict[str, Path]) -> Path:
    return made("wav2vec2-aligner", piece_model, home, run_folder, *(decoded[name] for name in LANGUAGES))


@pytest.fixture(scope="session")
def clips(decoded: dict[str, Path]) -> dict[str, Sound]:
    return {name: numpy.fromfile(path, "<f4") for name, path in decoded.items()}


@dataclass(frozen=True, slots=True)
class Talk:
    """Pieces one after the other, and when each begins and ends, in seconds."""

    text: str
    sound: Sound
    pieces: tuple[tuple[Piece, float, float], ...]


def put_together(pieces: Sequence[Piece], gaps_s: Sequence[float], clips: dict[str, Sound]) -> Talk:
    """`gaps_s`: the silence before each, and behind the last one."""
    parts, places = [], []
    for piece, gap_s in zip(pieces, gaps_s, strict=False):
        parts.append(numpy.zeros(round(gap_s * RATE), numpy.float32))
        starts_s = sum(map(len, parts)) / RATE
        parts.append(sound_of(piece, clips))
        places.append((piece, starts_s, sum(map(len, parts)) / RATE))
    parts.append(numpy.zeros(round(gaps_s[-1] * RATE), numpy.float32))
    sound = numpy.concatenate(parts)
    hiss = numpy.random.default_rng(1).normal(0, 0.0005, len(sound))
    between = " " if pieces[0].language == "en" else ""
    return Talk(between.join(p.text for p in pieces), (sound + hiss).astype("<f4"), tuple(places))


def shuffled(language: str, seed: int, clips: dict[str, Sound]) -> Talk:
    """All pieces of a language in an order that nobody ever said, silences of 0 to 0.7 s between them."""
    random = numpy.random.default_rng(seed)
    own = [piece for piece in PIECES if piece.language == language]
    order = random.permutation(len(own))
    gaps_s = random.uniform(0.1, 0.7, len(own) + 1) * (random.random(len(own) + 1) < 0.7)
    return put_together([own[at] for at in order], gaps_s.tolist(), clips)


def errors_s(talk: Talk, characters: Sequence[Character]) -> list[float]:
    """How far the first character of each piece begins, and its last one ends, from where the piece does."""
    left = iter(characters)
    found = []
    for piece, start_s, end_s in talk.pieces:
        own = list(itertools.islice(left, sum(c.isalnum() for c in piece.text)))
        assert "".join(c.text for c in own) == "".join(c for c in piece.text if c.isalnum())
        found += [own[0].start_s - start_s, own[-1].end_s - end_s]
    return found


@pytest.fixture(scope="module")
def worker(home: Path, model: Path) -> Iterator[Worker]:
    outfit = prepare(Wish("wav2vec2-aligner", str(model), "cpu", trust_model=True), Settings(home=home))
    started = Worker(outfit.launch(0), Settings(home=home))
    started.load(str(model), 1)
    yield started
    started.kill()


@pytest.mark.parametrize("language", LANGUAGES)
def test_pieces_in_any_order_are_timed_where_they_were_put(
    language: str, worker: Worker, clips: dict[str, Sound], tmp_path: Path
) -> None:
    errors: list[float] = []
    for seed in range(4):
        talk = shuffled(language, seed, clips)
        talk.sound.tofile(tmp_path / "audio.f32")
        said = [Segment(0.0, 1.0, talk.text)]
        asked = Stretch(Span(0, len(talk.sound)), characters_of(said))
        (message, payload), _ = worker.align(tmp_path / "audio.f32", [asked])  # type: ignore[misc]
        log_probs = numpy.frombuffer(payload, "<f4").reshape(-1, message.columns)
        aligned = align(said, log_probs, message.frame_s, asked.characters)
        assert aligned is not None
        assert "".join(word.text for word in aligned[0].words) == talk.text
        characters = [c for word in aligned[0].words for c in word.characters if c.text.isalnum()]
        errors += errors_s(talk, characters)
    assert statistics.median(map(abs, errors)) <= MEDIAN_S
    assert max(map(abs, errors)) <= WORST_S, errors


def written(path: Path, talk: Talk) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((talk.sound * 32767).astype("<i2").tobytes())
    return path


def aligned_by_the_program(recording: Path, model: Path, home: Path, *options: str | Path) -> dict[str, Any]:
    done = run_program(
        "transcribe", recording, *options, "--align", model, "--trust-model", "-f", "json", "-o", recording.parent,
        home=home,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "words-not-aligned" not in done.err
    return json.loads(recording.with_suffix(".json").read_text("utf-8"))


def in_characters(words: Sequence[dict[str, Any]]) -> list[Character]:
    told = (character for word in words for character in word["characters"])
    return [Character(c["start"], c["end"], c["character"], None) for c in told if c["character"].isalnum()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_that_came_without_times_gets_those_of_the_speech(
    language: str, home: Path, model: Path, clips: dict[str, Sound], tmp_path: Path
) -> None:
    """The command, on an engine that writes the text of the pieces and no times."""
    talk = shuffled(language, 7, clips)
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"says": talk.text, "language": language}), "utf-8")
    told = aligned_by_the_program(
        written(tmp_path / "talk.wav", talk), model, home, "--engine", "scripted", "--model", script,
        "--vad_filter", "False",
    )  # fmt: skip
    [segment] = told["segments"]
    words = segment["words"]
    assert "".join(word["word"] for word in words) == segment["text"] == talk.text
    assert max(map(abs, errors_s(talk, in_characters(words)))) <= WORST_S
    if language == "en":
        assert [word["word"].strip() for word in words] == talk.text.split()
    else:
        assert not {word["word"][0] for word in words} & set("っょ"), "small kana are read with what stands before"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_whisper_writes_is_timed_where_it_was_said(
    language: str, home: Path, model: Path, clips: dict[str, Sound], tmp_path: Path
) -> None:
    """Both sentences of the clip, the second first, by real Whisper base: each begins and ends where it was put."""
    own = [piece for piece in PIECES if piece.language == language]
    first, second = [piece for piece in own if piece.start_s < 3.2], [piece for piece in own if piece.start_s > 3.2]
    sentences = [replace(part[0], end_s=part[-1].end_s) for part in (second, first)]
    talk = put_together(sentences, (0.4, 0.9, 0.6), clips)
    told = aligned_by_the_program(
        written(tmp_path / "talk.wav", talk), model, home, "--language", language, "--beam_size", "1"
    )
    words = [word for segment in told["segments"] for word in segment["words"]]
    pauses = [other["start"] - one["end"] for one, other in itertools.pairwise(words)]
    change = pauses.index(max(pauses)) + 1
    for part, (_, start_s, end_s) in zip((words[:change], words[change:]), talk.pieces, strict=True):
        assert abs(part[0]["start"] - start_s) <= WORST_S, part
        assert abs(part[-1]["end"] - end_s) <= WORST_S, part

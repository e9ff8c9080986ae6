"""Speakers told apart on the real weights, in the engine's real environment: by the program, the server, the SDK."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import campplus_inside
import models_campplus
import numpy
import pytest
import two_voices
from openai.types.audio import TranscriptionDiarized
from promises import (
    Bench,
    assert_named_as_broken,
    ends_when_told_to,
    given_up,
    orderly,
    patient,  # noqa: F401 - a fixture
    set_up,
)
from two_voices import decoded, voices, written

from homes import run_once
from program import Result, run_program
from served import Served, begin, beside, end
from yamabiko.diagnosis.verdict import decide
from yamabiko.engines import catalog
from yamabiko.engines.contract import SpeakerCount, Voices
from yamabiko.speech import SAMPLE_RATE, Span
from yamabiko.workers.exits import WorkerFailed
from yamabiko.workers.messages import Done
from yamabiko.workers.process import Worker

SOURCES = Path(__file__).parents[2] / "src"


NEAR_S = 0.5
"""How far a turn may begin or end from where its clip does; the clips begin and end with a breath of silence."""


@pytest.fixture(scope="session")
def home(ready_home: Path, run_folder: Path) -> Path:
    done = run_once(run_folder, "engines", "install", "campplus", home=ready_home)
    assert done.code == 0, done.err
    return ready_home


@pytest.fixture(scope="session")
def sounds() -> dict[str, numpy.ndarray]:
    """The bundled clips by language: each is read by somebody else."""
    return voices()


@pytest.fixture(scope="session")
def talk(sounds: dict[str, numpy.ndarray], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    return two_voices.talk(tmp_path_factory.mktemp("talk") / "talk.wav", sounds)


def told(folder: Path, recording: Path, home: Path, *options: str | Path) -> tuple[dict[str, object], Result]:
    done = run_program(
        "transcribe", recording, "--engine", "scripted", "-f", "json", "-o", folder, *options, home=home
    )  # fmt: skip
    assert done.code == 0, done.err
    return json.loads((folder / f"{recording.stem}.json").read_text("utf-8")), done


def stretches(turns: list[dict[str, float | str]]) -> list[tuple[str, float, float]]:
    """Turns of one person, one after the other, as one: speaker, start, end."""
    found: list[tuple[str, float, float]] = []
    for turn in turns:
        who, start, end_s = str(turn["speaker"]), float(turn["start"]), float(turn["end"])
        if found and found[-1][0] == who:
            found[-1] = (who, found[-1][1], end_s)
        else:
            found.append((who, start, end_s))
    return found


def test_two_voices_are_told_apart_where_they_change(
    home: Path, talk: tuple[Path, list[float]], tmp_path: Path
) -> None:
    recording, edges = talk
    answer, _ = told(tmp_path, recording, home, "--diarize")
    found = stretches(answer["turns"])
    assert [who for who, _, _ in found] == ["A", "B", "A"]
    for (_, start_s, end_s), begins_s, ends_s in zip(found, edges[0:6:2], edges[1:6:2], strict=True):
        assert abs(start_s - begins_s) <= NEAR_S
        assert abs(end_s - ends_s) <= NEAR_S + 0.2, "the clips end with silence"
    receipt = answer["yamabiko"]["speakers"]
    assert (receipt["engine"], receipt["used_device"], receipt["verdict"]) == ("campplus", "cpu", "proved")
    assert receipt["people"] == 2


@pytest.mark.parametrize("language", ["en", "ja"])
def test_one_voice_is_one_person(language: str, home: Path, sounds: dict[str, numpy.ndarray], tmp_path: Path) -> None:
    answer, _ = told(tmp_path, written(tmp_path / "one.wav", sounds[language]), home, "--diarize")
    assert {turn["speaker"] for turn in answer["turns"]} == {"A"}


def told_that_one_speaks(sound: numpy.ndarray, home: Path, folder: Path) -> dict[str, list[list[list[int]]]]:
    """Whom the engine hears in ten seconds of which its first network says that one person speaks in all of them."""
    sound.astype("<f4").tofile(folder / "ten.f32")
    [python] = home.glob("data/engines/campplus-cpu-*/bin/python")
    command = [python, "-I", campplus_inside.__file__, SOURCES, home / models_campplus.PULLED, folder / "ten.f32"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_two_voices_that_are_taken_for_one_are_two(home: Path, talk: tuple[Path, list[float]], tmp_path: Path) -> None:
    """As the segmentation does in a meeting: five seconds of English, a pause, Japanese, and one person, it says."""
    begins, changes = (round(edge_s * SAMPLE_RATE) for edge_s in (talk[1][1] - 5.0, talk[1][2]))
    sound = decoded(talk[0])[begins : begins + 10 * SAMPLE_RATE]
    found = told_that_one_speaks(sound, home, tmp_path)
    assert (found["tracks"], len(found["prints"])) == ([0, 0], 2)
    [[first], [second]] = found["people"]
    assert first[1] == second[0]
    assert (5.0 - NEAR_S) * SAMPLE_RATE <= first[1] <= changes - begins + NEAR_S * SAMPLE_RATE


@pytest.mark.parametrize("language", ["en", "ja"])
def test_one_voice_that_is_taken_for_one_is_one(
    language: str, home: Path, sounds: dict[str, numpy.ndarray], tmp_path: Path
) -> None:
    found = told_that_one_speaks(numpy.resize(sounds[language], 10 * SAMPLE_RATE), home, tmp_path)
    assert len(found["people"]) == 1


def test_a_known_voice_has_its_name_and_the_other_a_letter(
    home: Path, talk: tuple[Path, list[float]], sounds: dict[str, numpy.ndarray], tmp_path: Path
) -> None:
    voice = written(tmp_path / "voice.wav", sounds["ja"][: 3 * SAMPLE_RATE])
    answer, _ = told(tmp_path, talk[0], home, "--known-speaker", f"花子={voice}")
    assert [who for who, _, _ in stretches(answer["turns"])] == ["A", "花子", "A"]


def test_nobody_is_named_whose_voice_is_not_heard(home: Path, sounds: dict[str, numpy.ndarray], tmp_path: Path) -> None:
    voice = written(tmp_path / "voice.wav", sounds["ja"][: 3 * SAMPLE_RATE])
    recording = written(tmp_path / "en.wav", sounds["en"])
    answer, _ = told(tmp_path, recording, home, "--known-speaker", f"花子={voice}")
    assert {turn["speaker"] for turn in answer["turns"]} == {"A"}


def test_a_recording_without_a_voice_gives_a_notice_and_no_name(
    home: Path, sounds: dict[str, numpy.ndarray], tmp_path: Path
) -> None:
    silent = written(tmp_path / "silent.wav", numpy.zeros(2 * SAMPLE_RATE, numpy.float32))
    recording = written(tmp_path / "ja.wav", sounds["ja"])
    answer, done = told(tmp_path, recording, home, "--known-speaker", f"花子={silent}")
    assert "known-speaker-not-heard" in done.err
    assert {turn["speaker"] for turn in answer["turns"]} == {"A"}


def test_rttm_has_the_turns_without_being_told_to(home: Path, talk: tuple[Path, list[float]], tmp_path: Path) -> None:
    done = run_program("transcribe", talk[0], "--engine", "scripted", "-f", "rttm", "-o", tmp_path, home=home)
    assert done.code == 0, done.err
    lines = [line.split() for line in (tmp_path / "talk.rttm").read_text("utf-8").splitlines()]
    assert {line[0] for line in lines} == {"SPEAKER"}
    assert {line[7] for line in lines} == {"A", "B"}


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    found = begin(beside(home), "--engine", "scripted")
    yield found
    end(found)


def test_openais_sdk_is_told_who_speaks_and_whom_it_knows(
    served: Served, talk: tuple[Path, list[float]], sounds: dict[str, numpy.ndarray], tmp_path: Path
) -> None:
    voice = written(tmp_path / "voice.wav", sounds["en"][: 3 * SAMPLE_RATE])
    address = "data:audio/wav;base64," + base64.b64encode(voice.read_bytes()).decode()
    raw = served.sdk.audio.transcriptions.with_raw_response.create(
        model="gpt-4o-transcribe-diarize",
        file=talk[0],
        response_format="diarized_json",
        known_speaker_names=["Mary"],
        known_speaker_references=[address],
    )
    found = TranscriptionDiarized.model_validate_json(raw.text, strict=True)
    assert "x-yamabiko-ignored" not in raw.headers
    assert {one.speaker for one in found.segments} <= {"Mary", "A"}
    assert "Mary" in {one.speaker for one in found.segments}


@pytest.fixture(scope="session")
def bench(home: Path, run_folder: Path) -> Bench:
    return set_up(catalog.card("campplus"), home, run_folder)


@pytest.fixture(scope="session")
def long_talk(talk: tuple[Path, list[float]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Span]:
    """The talk, twenty times."""
    sound = numpy.tile(decoded(talk[0]), 20).astype("<f4")
    path = tmp_path_factory.mktemp("long") / "audio.f32"
    sound.tofile(path)
    return path, Span(0, len(sound))


def heard(worker: Worker, audio: Path, span: Span) -> tuple[list[Voices], Done]:
    *found, done = worker.find_speakers(audio, [span], SpeakerCount())
    assert isinstance(done, Done)
    return [message.voices for message, _ in found], done  # type: ignore[misc]


def test_files_of_another_network_are_called_so(bench: Bench, home: Path, tmp_path: Path) -> None:
    swapped = models_campplus.swapped(home, tmp_path)
    with bench.worker(swapped) as worker, pytest.raises(WorkerFailed, match="not the two networks"):
        worker.load(str(swapped), 1)


def test_a_network_that_is_cut_off_is_named(bench: Bench, tmp_path: Path) -> None:
    assert_named_as_broken(bench, models_campplus.broken(bench.home, tmp_path))


def test_times_lie_inside_the_recording_in_order_and_the_device_is_proved(
    bench: Bench, long_talk: tuple[Path, Span]
) -> None:
    audio, _ = long_talk
    whole = Span(0, 20 * SAMPLE_RATE)
    with bench.worker() as worker:
        ready = worker.load(str(bench.model), 1)
        found, done = heard(worker, audio, whole)
    assert (ready.loaded.device, decide("cpu", done.evidence).verdict) == ("cpu", "proved")
    assert any(one.people for one in found)
    windows = [one.window for one in found]
    assert windows == sorted(windows)
    assert all(orderly(one.people, one.window) for one in found)


@pytest.mark.usefixtures("patient")
def test_the_answer_can_be_given_up_and_another_is_asked_for(bench: Bench, long_talk: tuple[Path, Span]) -> None:
    audio, everything = long_talk
    with bench.worker() as worker:
        worker.load(str(bench.model), 1)
        first, _ = heard(worker, audio, Span(0, SAMPLE_RATE))
        found, done = given_up(worker, lambda: heard(worker, audio, everything))
        assert done.cancelled
        assert all(one.window.end_sample < everything.end_sample for one in found), "it did all of the work"
        again, done = heard(worker, audio, Span(0, SAMPLE_RATE))
        assert first
        assert (again, done.cancelled) == (first, False)
        assert ends_when_told_to(worker)

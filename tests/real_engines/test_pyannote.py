"""pyannote.audio as a finder of speakers: the real library, on a pipeline of random weights in its own file formats."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy
import pytest
import tiny_pyannote
from own_environment import installed, made
from promises import (
    Bench,
    assert_named_as_broken,
    ends_when_told_to,
    given_up,
    orderly,
    patient,  # noqa: F401 - a fixture
    recordings,
)

from program import run_program
from yamabiko.bundled import clips
from yamabiko.diagnosis.verdict import decide
from yamabiko.engines import catalog, environments
from yamabiko.engines.adapters import pyannote
from yamabiko.engines.contract import SpeakerCount
from yamabiko.findings import Problem
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.settings import Settings
from yamabiko.speech import Span
from yamabiko.workers.messages import Done

SOURCES = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="session")
def home(ready_home: Path, run_folder: Path) -> Path:
    return installed("pyannote", ready_home, run_folder)


@pytest.fixture(scope="session")
def pipeline(home: Path, run_folder: Path) -> Path:
    return made("pyannote", tiny_pyannote, home, run_folder)


@pytest.fixture(scope="session")
def bench(home: Path, pipeline: Path) -> Bench:
    return Bench(catalog.card("pyannote"), home, pipeline)


@pytest.fixture(scope="session")
def audio(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Span]:
    """The clips, one after the other."""
    folder = tmp_path_factory.mktemp("audio")
    sound = numpy.concatenate([numpy.fromfile(one.path, "<f4") for one in recordings(folder).values()])
    sound.tofile(folder / "audio.f32")
    return folder / "audio.f32", Span(0, len(sound))


def test_a_whole_recording_is_settled_at_once(bench: Bench, audio: tuple[Path, Span]) -> None:
    path, whole = audio
    with bench.worker() as worker:
        ready = worker.load(str(bench.model), 2)
        heard, done = list(worker.find_speakers(path, [whole], SpeakerCount()))
    assert isinstance(done, Done)
    assert ready.loaded.engine_version.startswith("4.0.7")
    assert decide(ready.loaded.device, done.evidence).verdict == "proved"
    message, payload = heard  # type: ignore[misc]
    people = message.voices.people
    assert message.voices.window == whole
    assert people, "random weights hear somebody"
    assert all(people), "whoever is heard says something"
    assert orderly(people, whole)
    assert numpy.frombuffer(payload, "<f4").reshape(len(people), -1).shape[1] == 256


COUNTED = """
import json, sys
from pathlib import Path
import numpy
from yamabiko.engines.adapters import pyannote
from yamabiko.engines.contract import Placement, SpeakerCount

class Sound:
    samples = 16000 * 10
    def read(self, span):
        return numpy.random.default_rng(6).normal(0, 0.1, span.samples).astype("f4")

finder = pyannote.create()
finder.load(Path(sys.argv[1]), Placement("cpu", "float32"), 1)
library = type(finder._pipeline.clustering)
cluster, bounds = library.__call__, []

def seen(self, *given, min_clusters, max_clusters, **more):
    bounds.append([int(min_clusters), str(max_clusters)])
    return cluster(self, *given, min_clusters=min_clusters, max_clusters=max_clusters, **more)

library.__call__ = seen
for count in (SpeakerCount(), SpeakerCount(2), SpeakerCount(2, 5), SpeakerCount(1, 1)):
    [(voices, _)] = finder.voices(Sound(), [], count)
    bounds[-1].append(len(voices.people))
print(json.dumps(bounds))
"""


def test_the_number_of_people_is_told_to_the_clustering(home: Path, pipeline: Path) -> None:
    """What reaches the library's own clustering. Random weights hear two voices, unless told that there is one."""
    python = environments.require(catalog.card("pyannote"), Settings(home=home), "cpu").python
    done = subprocess.run(
        [python, "-c", COUNTED, pipeline], env={"PYTHONPATH": str(SOURCES)}, capture_output=True, text=True, check=True
    )
    bounds = [tuple(each[:2]) for each in json.loads(done.stdout.splitlines()[-1])]
    people = [each[2] for each in json.loads(done.stdout.splitlines()[-1])]
    assert bounds == [(1, "inf"), (2, "inf"), (2, "5"), (1, "1")]
    assert people[0] > people[-1] == 1


@pytest.mark.usefixtures("patient")
def test_the_answer_can_be_given_up_and_another_is_asked_for(bench: Bench, audio: tuple[Path, Span]) -> None:
    path, whole = audio
    with bench.worker() as worker:
        worker.load(str(bench.model), 2)

        def heard() -> list[object]:
            return list(worker.find_speakers(path, [whole], SpeakerCount()))

        (first, _), _ = heard()
        [nothing] = given_up(worker, heard)
        assert isinstance(nothing, Done)
        assert nothing.cancelled
        (again, _), done = heard()
        assert (again.voices, done.cancelled) == (first.voices, False)
        assert ends_when_told_to(worker)


def test_a_pipeline_is_code_and_opened_only_on_request(home: Path, pipeline: Path) -> None:
    with pytest.raises(Problem) as refused:
        prepare(Wish("pyannote", str(pipeline), "cpu"), Settings(home=home))
    assert refused.value.finding.id == "model-carries-code"
    assert sum("pytorch_model.bin" in line for line in refused.value.finding.evidence) == 2


def test_weights_that_are_cut_off_are_named(bench: Bench, pipeline: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut-off"
    for file in pipeline.rglob("*.*"):
        target = cut / file.relative_to(pipeline)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes()[:-5000] if file.parent.name == "segmentation" else file.read_bytes())
    assert_named_as_broken(bench, cut)


def test_its_models_come_from_the_hub_alone(home: Path) -> None:
    done = run_program("models", "pull", "pyannote-community-1", home=home, HF_ENDPOINT="http://127.0.0.1:9")
    assert done.code != 0
    assert "model-unavailable" in done.err


WELL = {"pipeline": {"name": pyannote.PIPELINE, "params": {name: f"$model/{name}" for name in pyannote._MODELS}}}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (WELL, None),
        ({}, "this is no"),
        (None, "this is no"),
        ({"pipeline": {"name": "os.system", "params": {}}}, "this is no"),
        ({"pipeline": {"name": pyannote.PIPELINE}}, "no params"),
        ({**WELL, "preprocessors": {"audio": {"name": "os.system"}}}, "not understood here: preprocessors"),
        (
            {"pipeline": {"name": pyannote.PIPELINE, "params": {"segmentation": "pyannote/segmentation"}}},
            "segmentation",
        ),
        ({"pipeline": {"name": pyannote.PIPELINE, "params": {"segmentation": "$model/../x"}}}, "segmentation"),
        ({"pipeline": {"name": pyannote.PIPELINE, "params": {**WELL["pipeline"]["params"], "plda": None}}}, "plda"),  # type: ignore[dict-item]
    ],
)
def test_what_would_leave_its_folder_is_not_opened(config: object, said: str | None) -> None:
    found = pyannote._complaint(config)
    assert (found is None) if said is None else (found is not None and said in found)


def test_speakers_of_a_transcript(home: Path, pipeline: Path, tmp_path: Path) -> None:
    asked = ("transcribe", clips()[0].path, "--engine", "scripted", "--speaker-engine", "pyannote", "-f", "json")
    done = run_program(
        *asked, "--speaker-model", pipeline, "--trust-pickle", "--vad_filter", "False", "-o", tmp_path, home=home
    )
    assert done.code == 0, done.err
    assert "speaker-finder-failed" not in done.err
    told = json.loads((tmp_path / f"{clips()[0].path.stem}.json").read_text("utf-8"))
    assert told["yamabiko"]["speakers"]["engine"] == "pyannote"

    wrong = run_program(*asked[:4], "--speaker-engine", "silero-vad", home=home)
    assert wrong.code == 2
    assert "--speaker-engine pyannote" in wrong.err

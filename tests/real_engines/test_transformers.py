"""transformers as its users meet it: the real library, on Whisper base's real weights and on tiny random CTC models."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import tiny_ctc
from promises import Bench, Recording, ask, recordings, set_up

from program import run_program
from yamabiko.diagnosis.autopsy import explain_exit
from yamabiko.engines import catalog
from yamabiko.speech import Span, TranscribeOptions
from yamabiko.workers.exits import WorkerFailed


@pytest.fixture(scope="session")
def bench(ready_home: Path, run_folder: Path) -> Bench:
    return set_up(catalog.card("transformers"), ready_home, run_folder)


@pytest.fixture(scope="session")
def python(bench: Bench) -> Path:
    with bench.worker() as worker:
        return worker.launch.python


@pytest.fixture(scope="session")
def tiny(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ctc.build(python, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    return recordings(tmp_path_factory.mktemp("decoded"))


_WHAT_THE_DECODER_WAS_GIVEN = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import numpy
from yamabiko.engines import catalog
from yamabiko.engines.contract import Placement
from yamabiko.speech import TranscribeOptions
engine = catalog.adapter("transformers").create()
engine.load(Path(sys.argv[2]), Placement("cpu", "float32"), 1)
given = []
def see(module, positional, named):
    if named["input_ids"].shape[1] > 1:
        given.extend(named["input_ids"].tolist())
engine._model.model.decoder.register_forward_pre_hook(see, with_kwargs=True)
audio = numpy.fromfile(sys.argv[3], "<f4")
for task in ("transcribe", "translate"):
    for language in ("ja", None):
        asked = TranscribeOptions(language=language, task=task, beam_size=1, temperatures=(0.0,))
        list(engine.transcribe([audio], asked))
print(json.dumps({
    "prompts": [engine._reader._tokenizer.convert_ids_to_tokens(prompt) for prompt in given],
    "loaded": [name for name in ("numba", "llvmlite", "librosa") if name in sys.modules],
}))
"""


def test_the_task_is_told_every_time_and_no_second_llvm_is_loaded(
    bench: Bench, python: Path, spoken: dict[str, Recording]
) -> None:
    """Without a task the library writes junk; numba's LLVM beside ROCm's ends the process (rocm-two-llvms-segfault)."""
    source = Path(catalog.__file__).parents[2]
    command = [python, "-I", "-c", _WHAT_THE_DECODER_WAS_GIVEN, source, bench.model, spoken["ja"].path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    begins = ["<|startoftranscript|>", "<|ja|>"]
    assert {tuple(prompt) for prompt in told["prompts"]} == {(*begins, "<|transcribe|>"), (*begins, "<|translate|>")}
    assert told["loaded"] == []
    assert done.stderr == "", "no progress bar and no warning"


def test_japanese_words_have_times_for_the_user(bench: Bench, spoken: dict[str, Recording], tmp_path: Path) -> None:
    clip = spoken["ja"].clip
    done = run_program(
        "transcribe", clip.path, "--engine", "transformers", "--model", bench.model, "--trust-model",
        "--word-timestamps", "--beam_size", "2", "-f", "json", "-o", tmp_path, home=bench.home,
    )  # fmt: skip
    assert done.code == 0, done.err
    told = json.loads((tmp_path / f"{clip.path.stem}.json").read_text("utf-8"))
    words = [word for segment in told["segments"] for word in segment["words"]]
    assert told["language"] == "ja"
    assert len(words) > 8
    assert not any(word["word"] in "、。" for word in words), "punctuation stays with what it ends"


def test_chunks_of_two_languages_in_one_pass_each_get_their_own(bench: Bench, spoken: dict[str, Recording]) -> None:
    ja, en = spoken["ja"], spoken["en"]
    both = ja.path.parent / "both.f32"
    both.write_bytes(ja.path.read_bytes() + en.path.read_bytes())
    chunks = [ja.whole, Span(ja.samples, ja.samples + en.samples)]
    with bench.worker() as worker:
        worker.load(str(bench.model), 2)
        said = ask(worker, both, chunks, TranscribeOptions(beam_size=1, temperatures=(0.0,)))
    assert [{segment.language for segment in segments} for segments in said.segments] == [{"ja"}, {"en"}]
    assert said.text(0).startswith("今日は")
    assert "museum" in said.text(1)


def test_a_ctc_model_times_every_character(bench: Bench, tiny: Path, spoken: dict[str, Recording]) -> None:
    recording = spoken["ja"]
    halves = [Span(0, 40_000), Span(40_000, recording.samples)]
    asked = TranscribeOptions(language="ja", word_timestamps=True)
    with bench.worker(tiny / "wav2vec2") as worker:
        ready = worker.load(str(tiny / "wav2vec2"), 1)
        together = ask(worker, recording.path, halves, asked)
        alone = [ask(worker, recording.path, [half], asked) for half in halves]
        assert worker.detect_language(recording.path, recording.whole) is None
    assert ready.loaded.compute_type == "float32"
    assert [together.text(number) for number in (0, 1)] == [one.text() for one in alone], "a batch changes no text"
    characters = [c for segment in together.segments[0] for word in segment.words for c in word.characters]
    assert "".join(c.text for c in characters) == "".join(together.text().split())
    assert all(0 <= c.start_s < c.end_s <= halves[0].duration_s for c in characters)
    steps = [c.start_s / 0.02 for c in characters]
    assert steps == pytest.approx([round(step) for step in steps]), "times are whole steps of 20 ms"


def test_mms_takes_the_adapter_of_the_language(bench: Bench, tiny: Path, spoken: dict[str, Recording]) -> None:
    recording = spoken["ja"]
    with bench.worker(tiny / "mms") as worker:
        ready = worker.load(str(tiny / "mms"), 1)
        texts = [
            ask(worker, recording.path, [recording.whole], TranscribeOptions(language=language)).text()
            for language in ("en", "ja", "en", "ja")
        ]
        with pytest.raises(WorkerFailed, match="no adapter for fr"):
            ask(worker, recording.path, [recording.whole], TranscribeOptions(language="fr"))
    assert set(ready.loaded.languages) == {"en", "ja"}
    assert set(texts[0]) <= {*tiny_ctc.ENGLISH, " "}
    assert set(texts[1]) <= set(tiny_ctc.JAPANESE)
    assert texts[:2] == texts[2:], "it switches back to the very same weights"


@pytest.mark.parametrize(
    ("config", "id_", "said"),
    [
        (None, "model-broken", "lack 2 weights of the model, among them lm_head.bias"),
        (
            {"model_type": "bert", "architectures": ["BertModel"]},
            "transformers-without-task",
            "model_type bert, architectures BertModel: neither Whisper nor a CTC model",
        ),
    ],
)
def test_a_model_that_cannot_write_is_told_as_such(
    bench: Bench, tiny: Path, tmp_path: Path, config: dict[str, object] | None, id_: str, said: str
) -> None:
    """The library itself would fill what is missing with random numbers, warn, and write nonsense."""
    folder = tmp_path / "no writer"
    folder.mkdir()
    for item in (tiny / "headless").iterdir():
        (folder / item.name).write_bytes(item.read_bytes())
    with bench.worker(folder) as worker:
        if config is not None:  # only now: of a folder that says so from the first, no worker is started
            (folder / "config.json").write_text(json.dumps(config), "utf-8")
        with pytest.raises(WorkerFailed) as failed:
            worker.load(str(folder), 1)
    assert explain_exit(failed.value.exit).finding.id == id_
    assert said in failed.value.exit.message

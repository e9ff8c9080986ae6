"""A folder of the user's that looks like a model we know is held against its pins, whatever else lies in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from models_loopback import FILES, FORMAT, REVISION, Desk, at_desk, entry

from yamabiko.engines import models
from yamabiko.engines.models.own_folders import open_path
from yamabiko.findings import Problem

AMONG = models.Catalogue((entry(),))
FLIPPED = FILES["model.bin"][:-1] + b"!"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with at_desk(tmp_path) as desk:
        yield desk


def own(folder: Path, **changes: bytes | None) -> Path:
    """The known model's files but for `changes`, whose `__` stands for a dot."""
    folder.mkdir()
    for name, content in {**FILES, **{k.replace("__", "."): v for k, v in changes.items()}}.items():
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    "beside", [{}, {"preprocessor_config__json": b"{}"}, {"config__json": FILES["config.json"] + b"\n"}], ids=str
)
def test_one_wrong_byte_is_found_whatever_else_was_changed(beside: dict[str, bytes], desk: Desk) -> None:
    folder = own(desk.home / "mine", model__bin=FLIPPED, **beside)
    model = models.locate(folder, **desk.ask())
    assert model is not None
    with pytest.raises(Problem) as refused:
        models.refuse_altered(model, FORMAT, AMONG)
    with pytest.raises(Problem) as verified:
        models.verify(folder, **desk.ask())
    for raised in (refused, verified):
        assert raised.value.finding.id == "model-differs-from-known"
        assert f"{folder / 'model.bin'}: expected sha256 " in "\n".join(raised.value.finding.evidence)
        assert raised.value.finding.remedies[-1].command == f"--model {folder} --trust-model"


def test_a_file_beside_a_known_model_is_told_and_no_reason_to_refuse_it(desk: Desk) -> None:
    folder = own(desk.home / "mine", preprocessor_config__json=b"{}")
    model = models.locate(folder, **desk.ask())
    assert model is not None
    models.refuse_altered(model, FORMAT, AMONG)
    known = models.verify(folder, **desk.ask())
    assert (known.pinned, known.revision, known.beside) == (True, REVISION, ("preprocessor_config.json",))


def test_a_byte_more_does_not_make_damaged_weights_another_model(desk: Desk) -> None:
    folder = own(desk.home / "mine", model__bin=FLIPPED + b"x")
    model = models.locate(folder, **desk.ask())
    assert model is not None
    with pytest.raises(Problem):
        models.refuse_altered(model, FORMAT, AMONG)


def test_weights_of_another_size_are_a_model_that_we_do_not_know(desk: Desk) -> None:
    """Another precision of it, for instance, has half of the bytes."""
    folder = own(desk.home / "mine", model__bin=FILES["model.bin"][: len(FILES["model.bin"]) // 2])
    model = models.locate(folder, **desk.ask())
    assert model is not None
    models.refuse_altered(model, FORMAT, AMONG)
    assert not models.verify(folder, **desk.ask()).pinned


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"model_type": "bert", "architectures": ["BertModel"]}', "model_type bert, architectures BertModel"),
        ("{}", "model_type is missing, architectures are missing"),
        ('{"model_type": "wav2vec2", "architectures": ["Wav2Vec2Model"]}', "architectures Wav2Vec2Model"),
    ],
)
def test_a_folder_that_is_no_speech_model_is_told_as_such(config: str, said: str, tmp_path: Path) -> None:
    """Not by the files that it lacks: with them it would be none either."""
    (tmp_path / "config.json").write_text(config, "utf-8")
    (tmp_path / "model.safetensors").write_bytes(bytes(64))
    with pytest.raises(Problem) as refused:
        open_path(tmp_path, "transformers-speech")
    finding = refused.value.finding
    assert finding.id == "transformers-without-task"
    assert said in finding.evidence[0]
    assert finding.remedies[1].command == "--engine transformers --model whisper-base"


@pytest.mark.parametrize("config", ['{"model_type": "whisper"}', '{"architectures": ["HubertForCTC"]}', "{", "[]"])
def test_what_may_be_a_speech_model_lacks_files_and_no_task(config: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(config, "utf-8")
    with pytest.raises(Problem, match="model-incomplete"):
        open_path(tmp_path, "transformers-speech")


@pytest.mark.parametrize("more", [0, 3000])
def test_an_own_model_of_a_size_of_whisper_is_held_against_the_one_that_knows_all_languages(
    more: int, tmp_path: Path
) -> None:
    """OpenAI's base.pt and base.en.pt differ by 1,024 bytes of 145 million; nobody asked for English alone."""
    path = tmp_path / "base.pt"
    with path.open("wb") as made:
        made.truncate(145_262_807 + more)  # a hole: no byte of it lies on the disk
    with pytest.raises(Problem) as refused:
        models.refuse_altered(open_path(path, "openai-whisper-pt"), "openai-whisper-pt")
    assert refused.value.finding.remedies[0].command == "--model openai-base"


def test_what_a_folder_lacks_is_said_in_japanese_too(tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        open_path(tmp_path, FORMAT)
    assert "model.bin がありません" in refused.value.finding.cause.ja
    assert "missing" not in refused.value.finding.cause.ja


@pytest.mark.parametrize(
    ("files", "engine", "format_", "usual"),
    [
        (
            ("config.json", "model.safetensors", "preprocessor_config.json"),
            "transformers",
            "ggml-whisper",
            "--engine whisper.cpp --model base",
        ),
        (("own.bin",), "whisper.cpp", "ctranslate2-whisper", "--model base"),
        (("own.pt",), "openai-whisper", "transformers-speech", "--engine transformers --model whisper-base"),
    ],
)
def test_a_model_of_another_form_names_the_engine_that_reads_it(
    files: tuple[str, ...], engine: str, format_: str, usual: str, tmp_path: Path
) -> None:
    for name in files:
        (tmp_path / name).write_text('{"model_type": "whisper"}', "utf-8")
    model = tmp_path if len(files) > 1 else tmp_path / files[0]
    with pytest.raises(Problem, match="model-incomplete") as refused:
        open_path(model, format_)
    commands = [remedy.command for remedy in refused.value.finding.remedies]
    assert commands[0] == f"--engine {engine} --model {model}"
    assert commands[1] == usual


WHISPER_OF_CTRANSLATE2 = ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")


@pytest.mark.parametrize("named", ["", "model.bin"])
def test_a_file_of_the_right_name_with_the_first_bytes_of_another_form_is_not_called_damaged(
    named: str, tmp_path: Path
) -> None:
    for name in WHISPER_OF_CTRANSLATE2:
        (tmp_path / name).write_bytes(b"\6\0\0\0" if name == "model.bin" else b"{}")
    model = tmp_path / named
    with pytest.raises(Problem, match="model-wrong-format") as refused:
        open_path(model, "ggml-whisper")
    finding = refused.value.finding
    assert finding.remedies[0].command == f"--engine faster-whisper --model {model}"
    assert finding.evidence == (f"{tmp_path / 'model.bin'}: begins with 06 00 00 00, ggml-whisper with 6c 6d 67 67",)


@pytest.mark.parametrize("head", [b"lmgg", b"\0\0"])
def test_a_file_with_its_own_first_bytes_or_with_nothing_beside_it_is_the_engine_s_to_judge(
    head: bytes, tmp_path: Path
) -> None:
    for name in WHISPER_OF_CTRANSLATE2 if head == b"lmgg" else ("model.bin",):
        (tmp_path / name).write_bytes(head if name == "model.bin" else b"{}")
    assert open_path(tmp_path / "model.bin", "ggml-whisper").path == tmp_path / "model.bin"


def test_a_folder_that_cannot_be_looked_into_leaves_it_to_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.bin").write_bytes(b"\0\0")

    def refuse(folder: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("os.listdir", refuse)
    assert open_path(tmp_path / "model.bin", "ggml-whisper").path == tmp_path / "model.bin"


def test_an_aligner_s_models_are_proposed_where_another_kind_was_named(tmp_path: Path) -> None:
    """Another engine's model times no words: to run it as a transcriber would answer another question."""
    with pytest.raises(Problem, match="model-wrong-format") as refused:
        models.find_entry("base", "wav2vec2-ctc")
    (tmp_path / "own.bin").write_bytes(b"")
    with pytest.raises(Problem, match="model-incomplete") as lacking:
        open_path(tmp_path, "wav2vec2-ctc")
    for problem in (refused, lacking):
        commands = [remedy.command for remedy in problem.value.finding.remedies]
        assert commands[:2] == ["--align align-en", "--align align-ja"]


def test_a_name_of_another_form_names_the_engine_that_reads_it() -> None:
    with pytest.raises(Problem, match="model-wrong-format") as refused:
        models.find_entry("ggml-base", "ctranslate2-whisper")
    assert refused.value.finding.remedies[0].command == "--engine whisper.cpp --model ggml-base"

"""Why a model could not be had, and what helps: asked of a real hub on the loopback, by names that people type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from models_loopback import FORMAT, REVISION, Desk, Served, at_desk, entry, on_hub, pinned

from yamabiko.engines import models
from yamabiko.engines.models import ModelEntry
from yamabiko.engines.models.catalogue import AuthorsSource
from yamabiko.findings import Finding, Problem

ID = "somebody/speech"
TRANSFORMERS = ("README.md", "config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json")
GGML = ("README.md", "ggml-base.bin", "ggml-small.bin")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    with at_desk(tmp_path / "desk") as desk:
        yield desk


def repository(desk: Desk, *names: str, repo: str = ID, listed: bool = True) -> None:
    for revision in ("main", REVISION):
        on_hub(desk.hub, dict.fromkeys(names, b"{}"), revision, repo)
    if listed:
        told = {"siblings": [{"rfilename": name} for name in names]}
        desk.hub.pages[f"/api/models/{repo}"] = Served(json.dumps(told).encode(), "application/json")


def refused(desk: Desk, name: str = ID, *entries: ModelEntry, model_format: str = FORMAT) -> Finding:
    with pytest.raises(Problem) as raised:
        models.pull(name, **{**desk.ask(*entries), "format": model_format})
    return raised.value.finding


def commands(finding: Finding) -> list[str | None]:
    return [remedy.command for remedy in finding.remedies]


@pytest.mark.parametrize(
    ("files", "wanted", "first"),
    [
        (TRANSFORMERS, FORMAT, f"--engine transformers --model {ID}"),
        (("config.json", "model.bin", "tokenizer.json", "vocabulary.txt"), "transformers-speech", f"--engine faster-whisper --model {ID}"),
        (("config.json", "vocab.txt", "model.onnx"), FORMAT, f"--engine onnx-asr --model {ID}"),
        (GGML, FORMAT, "--engine whisper.cpp --model /path/to/model.bin"),
        (("README.md", "parakeet.nemo"), FORMAT, "--engine parakeet --model /path/to/model.nemo"),
        (("README.md", "mlx.npz"), FORMAT, "yamabiko models list"),
    ],
)  # fmt: skip
def test_a_repository_of_another_kind_is_told_as_that_and_who_reads_it(desk, files, wanted, first):
    repository(desk, *files)

    finding = refused(desk, model_format=wanted)

    assert finding.id == "model-unavailable"
    assert f"“{ID}” is there" in finding.cause.en
    assert commands(finding)[0] == first
    assert finding.evidence[-1].endswith(": " + ", ".join(files))
    assert not any("your.mirror" in command for command in commands(finding) if command)


def test_a_repository_of_several_files_that_we_know_is_named_by_its_models(desk):
    repo = models.find_entry("ggml-base").hub.repo
    repository(desk, *GGML, repo=repo)

    finding = refused(desk, repo, model_format="ggml-whisper")

    assert "under names of its own, or several" in finding.cause.en
    assert all(command.startswith("--engine whisper.cpp --model ") for command in commands(finding))
    assert "/path/to" not in commands(finding)[0]


def test_a_repository_whose_files_have_names_of_their_own_is_fetched_by_hand(desk):
    repository(desk, "tiny-decoder.onnx", "tiny-encoder.onnx", "tiny-tokens.txt")

    finding = refused(desk, model_format="sherpa-onnx")

    assert "under names of its own" in finding.cause.en
    assert commands(finding) == ["--model /path/to/speech"]


@pytest.mark.parametrize("index", [b"", b"[]", b'{"siblings": 3}', b'{"siblings": [{"rfilename": 7}]}', b"\xff"])
def test_without_a_list_of_its_files_it_is_still_no_matter_of_the_network(desk, index):
    repository(desk, *TRANSFORMERS, listed=False)
    if index:
        desk.hub.pages[f"/api/models/{ID}"] = Served(index, "application/json")

    finding = refused(desk)

    assert "has no model.bin" in finding.evidence[0]
    assert commands(finding) == ["yamabiko models list", "--model /path/to/speech"]


def test_names_of_files_that_could_act_on_a_terminal_are_not_shown(desk):
    repository(desk, "config.json", listed=False)
    told = {"siblings": [{"rfilename": "\x1b[2Jgone"}, {"rfilename": "a.gguf"}]}
    desk.hub.pages[f"/api/models/{ID}"] = Served(json.dumps(told).encode(), "application/json")

    assert refused(desk).evidence[-1].endswith(": a.gguf")


def test_a_name_that_the_hub_does_not_have_is_a_matter_of_the_name(desk):
    for name in ("config.json", "model.bin"):
        desk.hub.pages[f"/{ID}/resolve/main/{name}"] = Served(status=404, headers={"X-Error-Code": "RepoNotFound"})

    finding = refused(desk)

    assert finding.cause.en.endswith("no source could give it: the hub has nothing of this name.")
    assert commands(finding) == ["yamabiko models list", "--model /path/to/speech"]


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_who_forbade_to_ask_the_hub_is_told_how_to_allow_it(desk, variable):
    desk.environ[variable] = "1"

    finding = refused(desk, "tiny", entry(index=False))

    assert commands(finding)[0] == "env -u HF_HUB_OFFLINE -u TRANSFORMERS_OFFLINE yamabiko models pull tiny"
    assert desk.requests == 0


def test_a_hub_out_of_reach_may_have_a_mirror_and_so_may_the_index(desk):
    desk.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"

    assert commands(refused(desk, "tiny", entry())) == [
        "HF_ENDPOINT=https://your.mirror yamabiko models pull tiny",
        "PIP_INDEX_URL=https://your.mirror/simple yamabiko models pull tiny",
        "--model /path/to/tiny",
    ]


def test_of_a_file_at_its_authors_there_is_no_mirror(desk):
    url = f"{desk.hub.url}/models/tiny.pt"
    mine = ModelEntry(
        "tiny", "openai-whisper-pt", "en", "MIT", "1", files=(pinned("tiny.pt", b"1"),), authors=AuthorsSource(url)
    )
    finding = refused(desk, "tiny", mine, model_format="openai-whisper-pt")

    assert commands(finding) == ["yamabiko models pull tiny", "--model /path/to/tiny.pt"]
    assert url in finding.remedies[0].what.en


def test_the_command_that_fetches_a_hub_s_model_says_for_which_kind_of_engine(desk):
    desk.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
    tiny = replace(entry(index=False), format="onnx-asr")

    assert commands(refused(desk, ID, model_format="onnx-asr"))[0].endswith(f"models pull {ID} --format onnx-asr")
    assert commands(refused(desk, ID))[0].endswith(f"models pull {ID}")
    assert commands(refused(desk, "tiny", tiny, model_format="onnx-asr"))[0].endswith("models pull tiny")


@pytest.mark.parametrize("typed", ["g/ggml-base", "g/ggml-bsae.bin"])
def test_a_path_that_lacks_its_ending_is_found_though_it_looks_like_a_name_of_the_hub(desk, typed):
    Path("g").mkdir()
    Path("g/ggml-base.bin").write_bytes(b"")

    finding = refused(desk, typed, model_format="ggml-whisper")

    assert commands(finding)[0] == "--model g/ggml-base.bin"
    assert f"There is no {typed} here" in finding.remedies[0].what.en

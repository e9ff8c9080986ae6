"""`engines install` and `verify` with a model of one's own: held against the pinned ones, as when transcribing."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from program import Result, run_program
from yamabiko.cli import engine_names
from yamabiko.engines import catalog
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text

NOTHING_TO_FETCH = {
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_CONFIG_FILE": "/dev/null",
    "UV_HTTP_RETRIES": "0",
}


@pytest.fixture
def copy(shared_home: Path, silero_installed: Result, tmp_path: Path) -> Path:
    """The speech finder's model in a folder of the user's."""
    assert silero_installed.code == 0, silero_installed.err
    [model] = shared_home.glob("cache/models/silero-onnx/*/*.onnx")
    (tmp_path / "own").mkdir()
    return Path(shutil.copyfile(model, tmp_path / "own" / "copy.onnx"))


@pytest.fixture
def altered(copy: Path) -> Path:
    """The same with one bit of its weights flipped, the smallest of a number: it works all the same."""
    content = bytearray(copy.read_bytes())
    content[len(content) // 2 // 4 * 4] ^= 1
    copy.write_bytes(content)
    return copy


def verified(result: Result) -> dict[str, Any]:
    [found] = json.loads(result.out)["verifications"]
    return dict(found)


def held(verification: dict[str, Any]) -> str:
    [said] = [check["evidence"]["en"] for check in verification["checks"] if check["name"]["en"] == "model"]
    return str(said)


def test_a_copy_of_a_pinned_model_is_named_as_that(silero_home: Path, copy: Path) -> None:
    result = run_program("engines", "verify", "silero-vad", "--model", copy, "--json", home=silero_home)
    assert result.code == 0, result.err
    assert held(verified(result)) == f"yours, the bytes of silero-vad-v6, as pinned: {copy}"


def test_a_file_that_only_looks_like_a_pinned_model_is_refused_until_it_is_trusted(
    silero_home: Path, altered: Path
) -> None:
    """It passed with “held against no hash”, and `transcribe` then refused it."""
    line = ("engines", "verify", "silero-vad", "--model", str(altered))
    refused = run_program(*line, home=silero_home)
    assert refused.code == 4
    assert "model-differs-from-known" in refused.err
    assert "yamabiko engines verify silero-vad --model silero-vad-v6\n" in refused.err
    assert f"yamabiko {' '.join(line)} --trust-model\n" in refused.err
    assert "repair" not in refused.err

    trusted = verified(run_program(*line, "--trust-model", "--json", home=silero_home))
    assert held(trusted) == f"yours, as you say, with a known model's size and other bytes: {altered}"
    assert "speech (en)" in [check["name"]["en"] for check in trusted["checks"]]


def test_a_model_like_none_that_is_known_is_held_against_no_hash(silero_home: Path, copy: Path) -> None:
    """Of another size: there is nothing that it looks like. Field 15 of an ONNX file, a number, is read by nobody."""
    copy.write_bytes(copy.read_bytes() + bytes((0x78, 1)) * 10_000)
    result = run_program("engines", "verify", "silero-vad", "--model", copy, "--json", home=silero_home)
    assert result.code == 0, result.err
    assert held(verified(result)) == f"yours, held against no hash: {copy}"


@pytest.mark.parametrize("verb", ["install", "repair"])
def test_a_model_that_will_be_refused_costs_no_environment(verb: str, altered: Path, tmp_path: Path) -> None:
    """No index answers either: what is told is what was found first."""
    home = tmp_path / "home"
    home.mkdir()
    line = ("engines", verb, "silero-vad", "--profile", "cpu", "--model", str(altered))
    result = run_program(*line, home=home, **NOTHING_TO_FETCH)
    assert result.code == 4
    assert "model-differs-from-known" in result.err
    assert f"yamabiko engines install silero-vad --profile cpu --model {altered} --trust-model\n" in result.err
    assert not (home / "data/engines").exists()
    without = run_program(*line, "--no-verify", home=home, **NOTHING_TO_FETCH)
    assert "index-unreachable" in without.err, "no trial, no model"


def test_what_is_proposed_for_a_model_that_cannot_be_had_is_a_command_of_this_verb(silero_home: Path) -> None:
    shutil.rmtree(silero_home / "cache/models")
    result = run_program("engines", "install", "silero-vad", home=silero_home, **NOTHING_TO_FETCH)
    assert result.code == 4
    assert "model-unavailable" in result.err
    [path] = [line.split("   ")[-1] for line in result.err.splitlines() if "/path/to/" in line]
    assert path.startswith("yamabiko engines install silero-vad --model /path/to/silero")
    followed = run_program(*shlex.split(path)[1:], home=silero_home, **NOTHING_TO_FETCH)
    assert "usage:" not in followed.err
    assert "model-path-missing" in followed.err


@pytest.mark.parametrize(
    ("engine", "verb", "profile", "remedy", "told"),
    [
        ("faster-whisper", "verify", None, "--model base", "engines verify faster-whisper --model base"),
        ("whisperx", "install", None, "--model base", "engines install whisperx --model base"),
        (
            "whisper.cpp", "install", "vulkan", "--engine whisper.cpp --model a.bin --trust-model",
            "engines install whisper.cpp --profile vulkan --model a.bin --trust-model",
        ),
        (
            "faster-whisper", "verify", "cuda12", "--engine whisper.cpp --model a.bin",
            "engines verify whisper.cpp --model a.bin",
        ),
        ("whisper.cpp", "repair", None, "--engine whisper.cpp --model a", "engines install whisper.cpp --model a"),
        ("campplus", "install", None, "--speaker-model x", "engines install campplus --model x"),
        (
            "pyannote", "verify", None, "--speaker-engine pyannote --speaker-model x",
            "engines verify pyannote --model x",
        ),
        ("wav2vec2-aligner", "verify", None, "--align align-ja", "engines verify wav2vec2-aligner --model align-ja"),
    ],
)  # fmt: skip
def test_a_remedy_that_names_a_model_becomes_a_whole_command(
    engine: str, verb: str, profile: str | None, remedy: str, told: str
) -> None:
    finding = Finding("x", "error", "model", Text("", ""), remedies=(Remedy(Text("Do", "する"), remedy),))
    [found] = engine_names.as_typed(finding, catalog.card(engine), verb, profile).remedies
    assert found.command == f"yamabiko {told}"


@pytest.mark.parametrize("command", [None, "--device auto", "--trust-pickle", "yamabiko models pull base"])
def test_any_other_remedy_stays(command: str | None) -> None:
    finding = Finding("x", "error", "model", Text("", ""), remedies=(Remedy(Text("Do", "する"), command),))
    assert engine_names.as_typed(finding, catalog.card("faster-whisper"), "verify", None) == finding

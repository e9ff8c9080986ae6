"""Models that run code when they are read: told by their bytes, let in by their hash or by the user's word."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest

from yamabiko.engines import models
from yamabiko.engines.models.catalogue import Catalogue, HubSource, ModelEntry, ModelFile
from yamabiko.engines.models.own_folders import open_path
from yamabiko.engines.models.pickles import is_pickle
from yamabiko.findings import Problem

FILE, FOLDER = "ggml-whisper", "ctranslate2-whisper"


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, pickle.dumps([1]))
    return file.getvalue()


def tarred(name: str, mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        archive.addfile(tarfile.TarInfo("./model_config.yaml"))
        archive.addfile(tarfile.TarInfo(name))
    return file.getvalue()


TORCH = zipped("archive/data.pkl", "archive/data/0")


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        (TORCH, "own.bin", True),
        (pickle.dumps({"a": 1}, protocol=2), "own.bin", True),
        (pickle.dumps({"a": 1}, protocol=5), "own.bin", True),
        (tarred("./model_weights.ckpt"), "own.nemo", True),
        (tarred("./model_weights.ckpt", "w:gz"), "own.nemo", True),
        (zipped("a.ckpt"), "own.bin", True),
        (b"lmgg" + bytes(400), "ggml.bin", False),
        (b"\x06\x00\x00\x00\x0cWhisperSpec" + bytes(400), "model.bin", False),
        (tarred("./weights.safetensors"), "own.nemo", False),
        (zipped("weights.npy"), "own.bin", False),
        (b"PK, but no archive", "own.bin", False),
        (b"", "own.bin", False),
        (b"\x80", "own.bin", False),
    ],
)
def test_what_runs_code_is_told_by_its_bytes(content: bytes, name: str, found: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert is_pickle(tmp_path / name) == found


def among(content: bytes, format_: str = FILE, name: str = "known.bin") -> Catalogue:
    file = ModelFile(name, len(content), hashlib.sha256(content).hexdigest())
    return Catalogue((ModelEntry("known", format_, "en", "MIT", "1", (file,), hub=HubSource("a/b")),))


def test_unknown_bytes_are_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "own.bin").write_bytes(TORCH)
    model = open_path(tmp_path / "own.bin", FILE)
    with pytest.raises(Problem) as refused:
        models.refuse_code(model, FILE, among(b"other bytes"))
    finding = refused.value.finding
    assert finding.id == "model-carries-code"
    assert str(tmp_path / "own.bin") in finding.evidence[0]
    assert [remedy.command for remedy in finding.remedies] == ["--model known", "--trust-pickle"]


@pytest.mark.parametrize(
    ("format_", "default", "language", "proposed"),
    [
        ("openai-whisper-pt", "base", None, "openai-base"),
        ("openai-whisper-pt", "base", "ja", "openai-base"),
        ("nemo", "parakeet-tdt_ctc-0.6b-ja", None, "parakeet-tdt_ctc-0.6b-ja-nemo"),
        ("nemo", "parakeet-tdt_ctc-0.6b-ja", "en", "parakeet-tdt-0.6b-v3-nemo"),
    ],
)
def test_the_model_proposed_instead_knows_the_language(
    format_: str, default: str, language: str | None, proposed: str, tmp_path: Path
) -> None:
    """Of the real catalogue: the engine's own model, unless that does not know what is spoken."""
    model = open_path(stored(tmp_path / ("own.nemo" if format_ == "nemo" else "own.pt"), TORCH), format_)
    with pytest.raises(Problem) as refused:
        models.refuse_unknown(model, format_, instead=models.Instead(default, language))
    assert refused.value.finding.remedies[0].command == f"--model {proposed}"


def test_the_finding_says_whether_the_library_would_run_the_code(tmp_path: Path) -> None:
    causes = {}
    for name, format_ in (("own.pt", "openai-whisper-pt"), ("own.nemo", "nemo")):
        with pytest.raises(Problem) as refused:
            models.refuse_unknown(open_path(stored(tmp_path / name, TORCH), format_), format_)
        causes[format_] = refused.value.finding.cause.en
    assert "reads numbers alone" in causes["openai-whisper-pt"]
    assert "runs code that its maker wrote" in causes["nemo"]


def test_what_is_altered_and_code_is_refused_once_with_both_ways_out(tmp_path: Path) -> None:
    changed = TORCH[:100] + bytes([TORCH[100] ^ 1]) + TORCH[101:]
    model = open_path(stored(tmp_path / "own.bin", TORCH), FILE)
    with pytest.raises(Problem) as refused:
        models.refuse_unknown(model, FILE, among(changed))
    finding = refused.value.finding
    assert finding.id == "model-differs-from-known"
    assert "pickle" in finding.cause.en
    assert finding.remedies[-1].command == f"--model {model.path} --trust-model --trust-pickle"
    models.refuse_unknown(model, FILE, among(changed), trust_model=True, trust_pickle=True)
    with pytest.raises(Problem, match="model-carries-code"):
        models.refuse_unknown(model, FILE, among(changed), trust_model=True)
    with pytest.raises(Problem) as refused:
        models.refuse_unknown(model, FILE, among(changed), trust_pickle=True)
    assert "--trust-pickle" not in str(refused.value.finding.remedies)


def stored(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_known_bytes_are_let_in_whatever_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "renamed.bin").write_bytes(TORCH)
    models.refuse_code(open_path(tmp_path / "renamed.bin", FILE), FILE, among(TORCH))


def test_one_wrong_byte_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "own.bin").write_bytes(TORCH)
    changed = TORCH[:100] + bytes([TORCH[100] ^ 1]) + TORCH[101:]
    with pytest.raises(Problem, match="model-carries-code"):
        models.refuse_code(open_path(tmp_path / "own.bin", FILE), FILE, among(changed))


@pytest.mark.parametrize("beside", [True, False])
def test_a_pickle_beside_safetensors_stays_shut(tmp_path: Path, beside: bool) -> None:
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "model.bin").write_bytes(TORCH)
    if beside:
        (tmp_path / "model.safetensors").write_bytes(b"\x08" + bytes(7) + b"{}      ")
    model = open_path(tmp_path, FOLDER)
    if beside:
        models.refuse_code(model, FOLDER, among(b"other"))
        return
    with pytest.raises(Problem, match="model-carries-code"):
        models.refuse_code(model, FOLDER, among(b"other"))

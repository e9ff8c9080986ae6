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
from yamabiko.engines.models.catalogue import FORMATS, Catalogue, HubSource, ModelEntry, ModelFile
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
        (tarred("./weights.safetensors"), "own.tar", True),
        (bytes(20_000), "model.bin", False),
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


# ---- what a library unpickles, by its format --------------------------------------------------------------------------

NUMBERS = b"\x08" + bytes(7) + b"{}      "
"""Safetensors without a tensor."""
AS_TRANSFORMERS = {
    **dict.fromkeys(("vocab.json", "preprocessor_config.json", "vocabulary.txt", "tokenizer.json"), b"{}"),
    "config.json": b'{"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper"}',
}


def without_magic(name: str) -> bytes:
    """A tar as it was before POSIX: nothing at byte 257 says what it is."""
    content = bytearray(tarred(name))
    for at in (0, 512):
        if content[at]:
            content[at + 257 : at + 265] = bytes(8)
            content[at + 148 : at + 156] = b" " * 8
            content[at + 148 : at + 156] = b"%06o\0 " % sum(content[at : at + 512])
    return bytes(content)


PYANNOTE = ("segmentation/pytorch_model.bin", "embedding/pytorch_model.bin", "plda/plda.npz", "plda/xvec_transform.npz")


def refused(tmp_path: Path, format_: str, files: dict[str, bytes]) -> bool:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    single = FORMATS[format_].single_file
    model = open_path(tmp_path / next(iter(files)) if single else tmp_path, format_)
    try:
        models.refuse_code(model, format_, among(b"other"))
    except Problem as problem:
        return problem.finding.id == "model-carries-code"
    return False


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("format_", ["transformers-speech", "wav2vec2-ctc", "openai-whisper-pt"])
def test_a_pickle_of_any_protocol_is_code_where_the_library_unpickles(format_, protocol, tmp_path):
    """Those of 0 and 1 begin as text does."""
    content = pickle.dumps({"a": Path}, protocol=protocol)
    weights = "own.pt" if FORMATS[format_].single_file else "pytorch_model.bin"
    assert refused(tmp_path, format_, {weights: content, **({} if weights == "own.pt" else AS_TRANSFORMERS)})


@pytest.mark.parametrize("content", [tarred("a.ckpt"), without_magic("a.ckpt"), tarred("a.ckpt", "w:gz"), b"anything"])
def test_a_nemo_file_is_code_whatever_it_is_packed_in(content, tmp_path):
    assert refused(tmp_path, "nemo", {"own.nemo": content})


@pytest.mark.parametrize("decoy", [None, "decoy.safetensors", "segmentation/model.safetensors", "model.safetensors"])
@pytest.mark.parametrize("content", [TORCH, pickle.dumps([Path], protocol=0), b"nothing of the kind"])
def test_a_pipeline_of_pyannote_is_code_whatever_lies_beside_it(content, decoy, tmp_path):
    """It is unpickled whole, and its config.yaml names the class that is made."""
    files = {"config.yaml": b"pipeline: {}", **dict.fromkeys(PYANNOTE, content), **({decoy: NUMBERS} if decoy else {})}
    assert refused(tmp_path, "pyannote-pipeline", files)


@pytest.mark.parametrize(
    ("beside", "code"),
    [
        ({}, True),
        ({"model.safetensors": NUMBERS}, False),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": "model-1.safetensors"}}'}, False),
        ({"decoy.safetensors": NUMBERS}, True),
        ({"sub/model.safetensors": NUMBERS}, True),
        ({"model.safetensors.index.json": b'{"weight_map": {"a": "shard.txt"}}', "shard.txt": TORCH}, True),
        ({"model.safetensors": NUMBERS, "adapter.jpn.bin": TORCH}, True),
        ({"model.safetensors": NUMBERS, "adapter.jpn.bin": TORCH, "adapter.jpn.safetensors": NUMBERS}, False),
        ({"model.safetensors": NUMBERS, "training_args.bin": TORCH}, False),
        ({"model.safetensors.index.json": b"[no json"}, False),
    ],
)
def test_weights_stay_shut_only_beside_safetensors_that_are_read_instead(beside, code, tmp_path):
    files = {**AS_TRANSFORMERS, "pytorch_model.bin": TORCH, **beside}
    assert refused(tmp_path, "transformers-speech", files) == code


def test_what_no_library_could_unpickle_is_left_to_be_told_as_broken(tmp_path):
    assert not refused(tmp_path, "transformers-speech", {**AS_TRANSFORMERS, "pytorch_model.bin": b"<html>no</html>"})


def test_a_pickle_beside_a_model_whose_library_unpickles_nothing_is_none_of_its_files(tmp_path):
    files = {**AS_TRANSFORMERS, "model.bin": b"\x06\x00\x00\x00\x0cWhisperSpec", "training_args.bin": TORCH}
    assert not refused(tmp_path, FOLDER, files)
    (tmp_path / "model.bin").write_bytes(TORCH)
    assert refused(tmp_path, FOLDER, {})

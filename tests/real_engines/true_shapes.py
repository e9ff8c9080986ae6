"""
Models in their true shape with weights made up at random, of engines whose real ones could not be had here.

What they write is nothing; their memory is the real one's, and their work is that of its encoder. `build` takes ten
minutes, 12 GB of disk and the package `onnx`, which is fetched into the folder; what is there already is kept.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ENGINES = ("reazonspeech", "onnx-asr", "parakeet", "wav2vec2-aligner")


@dataclass(frozen=True, slots=True)
class TrueShape:
    engine: str
    model: str
    """Its name in the catalogue."""
    path: Path
    compute_type: str
    files: str
    """Pattern of the weights that are loaded."""

    @property
    def weights_bytes(self) -> int:
        """Also of a file that is named without a pattern."""
        found = [self.path] if self.path.is_file() else list(self.path.glob(self.files))
        return sum(file.stat().st_size for file in found)


def build(home: Path, folder: Path) -> tuple[TrueShape, ...]:
    """`home`: with the environments of parakeet, onnx-asr, reazonspeech and wav2vec2-aligner."""
    parakeet, exported = folder / "nemo/parakeet-tdt_ctc-0.6b-ja.nemo", folder / "nemo/parakeet-tdt-0.6b-v2-onnx"
    zipformer, wav2vec2 = folder / "k2", folder / "wav2vec2"
    packages = folder / "onnx-packages"
    if not packages.exists():
        _onnx(packages, _python(home, "onnx-asr"))
    if not (exported / "config.json").exists():
        parakeet.parent.mkdir(exist_ok=True)
        _run(_python(home, "parakeet"), "nemo_true_shape.py", parakeet.parent, packages)
    if not zipformer.exists():
        from zipformer_true_shape import write

        write(zipformer)
    for exact in (exported, zipformer):
        files = [file for file in exact.glob("*.onnx") if ".int8." not in file.name]
        if lacking := [file for file in files if not file.with_suffix(".int8.onnx").exists()]:
            _run(_python(home, "onnx-asr"), "onnx_int8.py", packages, *lacking)
    if not wav2vec2.exists():
        _run(_python(home, "wav2vec2-aligner"), "wav2vec2_true_shape.py", wav2vec2)
    return (
        TrueShape("reazonspeech", "reazonspeech-k2-v2", zipformer, "float32", "*-1.onnx"),
        TrueShape("reazonspeech", "reazonspeech-k2-v2-int8", zipformer, "int8", "*.int8.onnx"),
        TrueShape("onnx-asr", "parakeet-tdt-0.6b-v2-onnx-int8", exported, "int8", "*.int8.onnx"),
        TrueShape("onnx-asr", "parakeet-tdt-0.6b-v2-onnx", exported, "float32", "*-model.onnx*"),
        TrueShape("parakeet", "parakeet-tdt_ctc-0.6b-ja-nemo", parakeet, "float32", ""),
        TrueShape("wav2vec2-aligner", "align-ja", wav2vec2, "float32", "*.safetensors"),
    )


def _python(home: Path, engine: str) -> Path:
    [python] = home.glob(f"data/engines/{engine}-cpu-*/bin/python")
    return python


def _onnx(folder: Path, python: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    packages = ("onnx", "protobuf", "ml_dtypes", "typing_extensions")
    done = (uv, "pip", "install", "--quiet", "--python", python, "--target", folder, "--no-deps", *packages)
    subprocess.run(done, check=True)


def _run(python: Path, script: str, *arguments: Path) -> None:
    subprocess.run([python, HERE / script, *arguments], check=True, stdout=sys.stderr)

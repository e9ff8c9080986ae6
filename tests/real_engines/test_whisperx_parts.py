"""
What WhisperX's parts do to each other, by the real parts: other versions laid over the environment, their own words explained.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from promises import Bench, set_up

from casebook import facts, platform
from yamabiko import children
from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts import packages
from yamabiko.diagnosis.facts.records import Facts
from yamabiko.engines import building, catalog, environments

_BEGIN = """
import sys
sys.path[:] = [p for p in sys.path if "site-packages" not in p] + [sys.argv[1]]
"""
_PEOPLES_SHIM = """
import torchaudio
torchaudio.AudioMetaData = object
torchaudio.list_audio_backends = lambda: ["soundfile"]
"""
_LOAD = """
from pyannote.audio import Model
Model.from_pretrained(sys.argv[1] + "/whisperx/assets/pytorch_model.bin")
"""


@pytest.fixture(scope="module")
def bench(ready_home: Path, run_folder: Path) -> Bench:
    return set_up(catalog.card("whisperx"), ready_home, run_folder)


class Overlaid:
    """The environment as links, with other packages in the place of some of its own."""

    def __init__(self, bench: Bench, site: Path, without: tuple[str, ...], packages: tuple[str, ...]) -> None:
        found = environments.require(bench.card, bench.settings, "cpu")
        self._python, self.site = found.python, site
        own = building.site_packages(found.path)
        assert own is not None
        (site / "pyannote").mkdir(parents=True)
        linked = [*own.iterdir(), *(own / "pyannote").iterdir()]
        for entry in linked:
            place = site / entry.relative_to(own)
            if entry.name != "pyannote" and not entry.relative_to(own).as_posix().startswith(without):
                place.symlink_to(entry)
        uv = Path(sys.executable).with_name("uv")
        done = subprocess.run(
            [uv, "pip", "install", "--quiet", f"--target={site}", "--no-deps", f"--python={self._python}", *packages],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"the package index could not be reached: {done.stderr.strip()[-200:]}")

    def last_words(self, code: str) -> Symptom:
        done = subprocess.run(
            [self._python, "-I", "-B", "-c", _BEGIN + code, self.site],
            capture_output=True, text=True, check=False, timeout=500, env={**os.environ, **children.UNTOLD},
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        return Symptom(tuple(done.stderr.splitlines()))

    def facts(self) -> Facts:
        seen = packages.environment(self.site, "whisperx", path=self.site)
        return replace(facts(platform("cpu-only-linux")), environments=(seen,))


def test_torchaudio_as_the_index_has_it_cannot_be_imported_beside_a_torch_for_the_cpu(
    bench: Bench, tmp_path: Path
) -> None:
    """Why the cpu profile takes torchaudio's native files away."""
    mixed = Overlaid(bench, tmp_path / "site", ("torchaudio",), ("torchaudio==2.11.0",))

    [found] = explain(mixed.last_words("import torchaudio"), mixed.facts()).confirmed

    assert found.id == "torchcodec-or-torchaudio-build-variant"


def test_pyannote_3_beside_a_new_torch(bench: Bench, tmp_path: Path) -> None:
    """What an unpinned `whisperx` beside torch 2.13 brings: 3.7 with pyannote.audio 3.4."""
    old = Overlaid(
        bench, tmp_path / "site", ("pyannote/audio", "pyannote_audio"), ("pyannote.audio==3.4.0", "semver==3.0.4")
    )
    seen = old.facts()

    assert [f.id for f in explain(old.last_words("import pyannote.audio"), seen).confirmed] == [
        "pyannote3-torchaudio-2.9"
    ]
    shimmed = old.last_words(_PEOPLES_SHIM + _LOAD)
    assert [f.id for f in explain(shimmed, seen).confirmed] == ["whisperx-vad-checkpoint-weights-only"]
    assert {"pyannote3-torchaudio-2.9", "whisperx-vad-checkpoint-weights-only"} <= {f.id for f in examine(seen)}

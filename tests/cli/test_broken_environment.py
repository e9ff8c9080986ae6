"""An environment that breaks between two files: made anew where that is allowed, once, and the file tried again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from homes import NO_HUB, linked
from program import run_program
from yamabiko import bundled
from yamabiko.engines import catalog, environments
from yamabiko.scheduling.setup import Wish, mend, prepare
from yamabiko.settings import Settings

CLIP = next(clip.path for clip in bundled.clips() if clip.language == "en")


@pytest.fixture
def broken_home(ready_home: Path, tmp_path: Path) -> Path:
    """faster-whisper without a module that it imports: nothing that a glance at the folder shows."""
    home = tmp_path / "home"
    for folder in (ready_home / "data/engines").glob("faster-whisper-cpu-*"):
        shutil.copytree(folder, home / "data/engines" / folder.name, symlinks=True, copy_function=linked)
    (home / "cache").mkdir()
    os.symlink(ready_home / "cache/models", home / "cache/models")
    [module] = home.glob("data/engines/*/lib/python3*/site-packages/faster_whisper/vad.py")
    module.unlink()
    return home


def test_a_file_whose_environment_is_broken_is_tried_again_with_one_made_anew(broken_home: Path) -> None:
    told = [CLIP, "--model", "tiny.en", "--output_format", "json", "--vad_filter", "False", "--output_dir", broken_home]
    refused = run_program(*told, "--no-install", home=broken_home, **NO_HUB)
    assert refused.code == 4, refused.err
    assert "engine-environment-broken" in refused.err
    assert "anew" not in refused.err.replace("Make it anew", "")

    mended = run_program(*told, home=broken_home, **NO_HUB)
    assert mended.code == 0, mended.err
    assert "the environment of faster-whisper (cpu) is broken: making it anew" in mended.err
    assert "engine-environment-broken" in mended.err
    assert "we did" in mended.err
    notices = json.loads((broken_home / f"{CLIP.stem}.json").read_text("utf-8"))["yamabiko"]["notices"]
    assert [notice["id"] for notice in notices] == ["engine-environment-broken"]


def test_mending_makes_what_is_broken_anew_and_says_whether_there_was_anything(silero_home: Path) -> None:
    settings = Settings(home=silero_home)
    card = catalog.card("silero-vad")
    outfit = prepare(Wish("silero-vad", may_install=False), settings)
    assert not mend(outfit, settings), "what is whole is left as it is"
    [library] = silero_home.glob("data/engines/*/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so*")
    library.unlink()
    told: list[str] = []
    assert mend(outfit, settings, lambda what, done, total: told.append(what.en))
    assert environments.state(card, settings, "cpu", thorough=True).status == "ready"
    assert told[0] == "the environment of silero-vad (cpu) is broken: making it anew"

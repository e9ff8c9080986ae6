"""What the tests of an engine stand on that is no transcriber: its environment, and a model made in there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType

from filelock import FileLock

from homes import run_once
from yamabiko.engines import catalog, environments
from yamabiko.settings import Settings


def installed(engine: str, home: Path, run_folder: Path) -> Path:
    """The home, with this engine in it."""
    done = run_once(run_folder, "engines", "install", engine, "--no-verify", home=home)
    assert done.code == 0, done.err
    return home


def made(engine: str, script: ModuleType, home: Path, run_folder: Path, *given: Path) -> Path:
    """The folder of the model that a script makes in the engine's environment, once a test run: SCRIPT FOLDER GIVEN..."""
    found = environments.require(catalog.card(engine), Settings(home=home), "cpu")
    folder = run_folder / script.__name__
    with FileLock(f"{folder}.lock"):
        whole = folder.with_suffix(".whole")
        if not whole.exists():
            subprocess.run([found.python, "-P", str(script.__file__), folder, *given], check=True, timeout=900)
            whole.touch()
    return folder

"""
Run the doctor on recorded machines and put what it says into README.md, docs/doctor.md and docs/doctor.ja.md.

A block to fill is a comment with a command line, then a fence:

    <!-- recorded: yamabiko doctor --facts nemo-under-wsl/facts.json --log nemo-under-wsl/error-35.txt -->
    ```text
    ```

Commands run in a folder that holds tests/diagnosis/seeds and the platforms of tests/diagnosis/platforms as
<name>.json, so that nothing of the machine that writes the page is in it. Run it after the doctor's words changed.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from casebook import PLATFORMS, facts, platform  # noqa: E402
from yamabiko.records import to_plain  # noqa: E402

PAGES = {"README.md": "en", "docs/doctor.md": "en", "docs/doctor.ja.md": "ja"}
_BLOCK = re.compile(r"(<!-- recorded: (?P<command>.+?) -->\n```text\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)


def filled(page: str) -> str:
    """The page's text with every block as the doctor fills it today."""
    with tempfile.TemporaryDirectory() as folder:
        machines = _machines(Path(folder) / "machines")
        home = Path(folder) / "home"
        return _BLOCK.sub(
            lambda block: f"{block[1]}{_recorded(block['command'], machines, home, PAGES[page])}",
            (ROOT / page).read_text("utf-8"),
        )


def _machines(folder: Path) -> Path:
    shutil.copytree(ROOT / "tests/diagnosis/seeds", folder)
    for name in PLATFORMS:
        record = {"facts": to_plain(facts(platform(name)))}
        (folder / f"{name}.json").write_text(json.dumps(record), "utf-8")
    return folder


def _recorded(command: str, machines: Path, home: Path, language: str) -> str:
    """`$ command`, then all that it writes. `cat FILES | ` may stand before the doctor."""
    before, _, doctor = command.rpartition(" | ")
    files = [name for given in shlex.split(before)[1:] for name in sorted(glob.glob(given, root_dir=machines))]
    home.mkdir(exist_ok=True)
    run = subprocess.run(
        [sys.executable, "-P", "-m", *shlex.split(doctor)],
        input="".join((machines / name).read_text("utf-8") for name in files).encode(),
        env={**os.environ, "YAMABIKO_HOME": str(home), "YAMABIKO_LANG": language, "PYTHONIOENCODING": "utf-8"},
        cwd=machines,
        capture_output=True,
        check=False,
    )
    if run.returncode not in (0, 1) or run.stderr:
        raise SystemExit(f"{command}: exit {run.returncode}\n{run.stderr.decode()}")
    return f"$ {command}\n{run.stdout.decode('utf-8')}"


if __name__ == "__main__":
    for page in PAGES:
        (ROOT / page).write_text(filled(page), "utf-8", newline="\n")

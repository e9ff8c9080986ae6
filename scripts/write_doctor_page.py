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
    text = (ROOT / page).read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        machines = _machines(Path(folder) / "machines")
        commands = [block["command"] for block in _BLOCK.finditer(text)]
        said = iter(_recorded(commands, machines, Path(folder) / "home", PAGES[page]))
        return _BLOCK.sub(lambda block: f"{block[1]}$ {block['command']}\n{next(said)}", text)


def _machines(folder: Path) -> Path:
    shutil.copytree(ROOT / "tests/diagnosis/seeds", folder)
    for name in PLATFORMS:
        record = {"facts": to_plain(facts(platform(name)))}
        (folder / f"{name}.json").write_text(json.dumps(record), "utf-8")
    return folder


# One process for all runs of a page: starting the program is most of the time that a run of it takes.
_RUN_ALL = """
import io, json, sys
from yamabiko.cli import main
for arguments, given in json.load(sys.stdin):
    out, sys.argv, sys.stdin = io.BytesIO(), ["yamabiko", *arguments], io.TextIOWrapper(io.BytesIO(given.encode()))
    before, sys.stdout = sys.stdout, io.TextIOWrapper(out, "utf-8", write_through=True)
    try:
        main.run()
    except SystemExit as end:
        code = end.code
    sys.stdout, told = before, sys.stdout
    told.flush()
    print(json.dumps([code, out.getvalue().decode()]))
"""


def _recorded(commands: list[str], machines: Path, home: Path, language: str) -> list[str]:
    """All that each command writes. `cat FILES | ` may stand before the doctor."""
    home.mkdir(exist_ok=True)
    runs = []
    for command in commands:
        before, _, doctor = command.rpartition(" | ")
        files = [name for given in shlex.split(before)[1:] for name in sorted(glob.glob(given, root_dir=machines))]
        given = "".join((machines / name).read_text("utf-8") for name in files)
        runs.append((shlex.split(doctor)[1:], given))
    done = subprocess.run(
        [sys.executable, "-P", "-c", _RUN_ALL],
        input=json.dumps(runs).encode(),
        env={**os.environ, "YAMABIKO_HOME": str(home), "YAMABIKO_LANG": language, "PYTHONIOENCODING": "utf-8"},
        cwd=machines,
        capture_output=True,
        check=False,
    )
    said = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    wrong = [command for command, (code, _) in zip(commands, said, strict=False) if code not in (0, 1)]
    if wrong or done.stderr or len(said) != len(commands):
        raise SystemExit(f"{wrong}: exit {done.returncode}\n{done.stderr.decode()}")
    return [text for _, text in said]


if __name__ == "__main__":
    for page in PAGES:
        (ROOT / page).write_text(filled(page), "utf-8", newline="\n")

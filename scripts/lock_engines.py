"""
Make the hash locks of the engine environments again: python scripts/lock_engines.py [NAME ...] [--upgrade]

Each engines/locks/<name>.in becomes <name>.txt; <name>.overrides, where there is
one, replaces what packages require of each other. Without --upgrade the versions
that are locked already stay. Only the default index is asked: a mirror beside
it may hold but some of a version's files, and a lock with the hashes of those
alone would refuse to install elsewhere. What the default index does not have
(other_index.toml) gets its hashes from there; to read what it requires, the file
for this Python must lie in pip's find-links. No address of an index is written.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from yamabiko.engines import catalog
from yamabiko.engines.pip_settings import find_uv, for_uv, read_pip_settings

LOCKS = Path(__file__).parents[1] / "src/yamabiko/engines/locks"
OLDEST_PYTHON = "3.11"

OTHERS = tomllib.loads((LOCKS / "other_index.toml").read_text(encoding="utf-8"))["wheels"]

HEADER = """\
# What the {name} environment holds: every package, every platform, every hash.
# Made from {name}.in by: python scripts/lock_engines.py {name}
"""


def lock(name: str, upgrade: bool) -> str:
    """The lock's text. Ends the script with uv's own words if it cannot be made."""
    settings = read_pip_settings(os.environ)
    uv = for_uv(settings, os.environ)
    environment = {k: v for k, v in os.environ.items() if k not in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")}
    wanted = (LOCKS / f"{name}.in").read_text(encoding="utf-8")
    others = [entry for entry in OTHERS if entry["package"] in wanted]
    unasked = ("UV_INDEX",) if others else ("UV_INDEX", "UV_FIND_LINKS")
    environment |= {k: v for k, v in uv.environment.items() if k not in unasked}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"{name}.txt"
        if not upgrade and (LOCKS / target.name).exists():
            target.write_bytes((LOCKS / target.name).read_bytes())
        command = [
            *(find_uv(), "pip", "compile", f"{name}.in", "--output-file", str(target), "--quiet"),
            *("--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes", "--only-binary", ":all:"),
            *(part for package in built_from_source(name) for part in ("--no-binary", package)),
            *("--no-header", "--no-emit-index-url", "--no-emit-find-links", "--python", sys.executable),
            *(["--upgrade"] if upgrade else []),
            *(["--overrides", f"{name}.overrides"] if (LOCKS / f"{name}.overrides").exists() else []),
        ]
        if subprocess.run(command, cwd=LOCKS, env=environment, check=False).returncode:
            sys.exit(f"{name}: not locked")
        text = target.read_text(encoding="utf-8")
    for entry in others:
        text = _with_hashes(text, entry["package"], entry["sha256"])
    return HEADER.format(name=name) + text


def built_from_source(name: str) -> list[str]:
    """Packages of this lock that are built where it is used: the CARDs name them."""
    profiles = [profile for card in catalog.cards() for profile in card.profiles]
    return sorted({package for p in profiles if p.lock.rpartition(".")[0] == name for package in p.built})


def _with_hashes(text: str, package: str, hashes: list[str]) -> str:
    """The lock with these hashes of a package, in place of the one of the file that lay here."""
    lines = " \\\n".join(f"    --hash=sha256:{one}" for one in sorted(hashes))
    found = re.compile(rf"^({re.escape(package)}(?: ;[^\n\\]*)?) \\\n(?:    --hash=\S+(?: \\)?\n)+", re.MULTILINE)
    text, times = found.subn(lambda entry: f"{entry[1]} \\\n{lines}\n", text)
    if times != 1:
        sys.exit(f"{package}: found {times} times in the lock")
    return text


def main() -> None:
    known = sorted(file.stem for file in LOCKS.glob("*.in"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=known, metavar="NAME", help=", ".join(known))
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that the .in files allow")
    arguments = parser.parse_args()
    for name in arguments.names:
        text = lock(name, arguments.upgrade)
        (LOCKS / f"{name}.txt").write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}: {text.count('==')} packages, {text.count('--hash=')} files")


if __name__ == "__main__":
    main()

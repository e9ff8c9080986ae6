"""The version of WSL, which only Windows knows: `wsl.exe --version` writes UTF-16."""

import re
import subprocess

tell = globals()["tell"]

said = subprocess.run(
    ["wsl.exe", "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20
).stdout
text = said.decode("utf-16-le", "replace") if b"\x00" in said else said.decode("utf-8", "replace")
# The first line names WSL itself, in the language of Windows: only the number is the same everywhere.
found = re.search(r"\d+\.\d+\.\d+(?:\.\d+)?", text)
tell(package=found.group(0) if found else "", said="" if found else text[:200])

"""
Two LLVMs in one process, or a GPU that computes nothing: the same crash, told apart by the order of two imports.

Three children: the GPU alone, numba before it, numba after it. Each answers `well` or how it ended.
"""

import signal
import subprocess
import sys

tell = globals()["tell"]

GPU = "import torch; a = torch.ones(64, 64, device='cuda'); assert (a @ a).cpu()[0, 0].item() == 64.0"
NUMBA = "import numba; assert numba.njit(lambda x: x)(1) == 1"

for name, code in (("alone", GPU), ("numba_first", f"{NUMBA}\n{GPU}"), ("numba_last", f"{GPU}\n{NUMBA}\n{GPU}")):
    done = subprocess.run([sys.executable, "-I", "-c", code], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode < 0:
        tell(**{name: signal.Signals(-done.returncode).name})
    else:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        tell(**{name: "well" if done.returncode == 0 else "".join(last)[:300] or f"exit {done.returncode}"})

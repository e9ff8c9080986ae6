"""Import the modules named as arguments, one after the other: the first rung, on which most environments break."""

import importlib
import sys

tell = globals()["tell"]

for module in globals()["arguments"]:
    tell(importing=module)
    found = importlib.import_module(module)
    tell(**{"version." + module: getattr(found, "__version__", "")})
tell(importing="")
if sys.platform == "linux":
    with open("/proc/self/maps") as maps:
        names = {line.rsplit("/", 1)[-1].strip() for line in maps if ".so" in line}
    wanted = ("libcudnn", "libcublas", "libcudart", "libcuda.", "libamdhip", "libLLVM", "libomp", "libiomp", "libgomp")
    tell(mapped=" ".join(sorted(name for name in names if name.startswith(wanted))))

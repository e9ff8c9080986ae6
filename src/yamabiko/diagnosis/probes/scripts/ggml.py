"""The devices that ggml, under whisper.cpp, offers: what it was built for and could load, in its own list."""

import ctypes
import glob
import os
import sys
import sysconfig

tell = globals()["tell"]

KINDS = ("cpu", "gpu", "igpu", "accel")  # enum ggml_backend_dev_type, ggml-backend.h
site = sysconfig.get_path("purelib")


def candidates(name: str) -> "list[str]":
    patterns = (f"*.libs/{name}*", f"{name}*", f"pywhispercpp*/{name}*", f"*/lib/{name}*")
    return [path for pattern in patterns for path in sorted(glob.glob(os.path.join(site, pattern)))]


libraries = [path for path in candidates("libggml") if ".so" in path or path.endswith(".dylib")]
tell(files=" ".join(os.path.basename(path) for path in libraries))
ggml = None
pending = sorted(libraries, key=lambda path: ("base" not in path, "cpu" not in path, path))
for _ in range(3):  # they need each other, and their own order is not told
    left = []
    for path in pending:
        try:
            loaded = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            left.append(path)
            sys.stderr.write(f"{os.path.basename(path)}: {error}\n")
            continue
        ggml = loaded if hasattr(loaded, "ggml_backend_dev_count") else ggml
    pending = left
if ggml is None:
    import _pywhispercpp  # linked into the extension itself

    ggml = ctypes.CDLL(_pywhispercpp.__file__)
if hasattr(ggml, "ggml_backend_load_all"):
    ggml.ggml_backend_load_all()
ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
for ask in (ggml.ggml_backend_dev_name, ggml.ggml_backend_dev_description):
    ask.restype, ask.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
ggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
devices = []
for index in range(ggml.ggml_backend_dev_count()):
    device = ggml.ggml_backend_dev_get(index)
    kind = ggml.ggml_backend_dev_type(device)
    name = ggml.ggml_backend_dev_name(device).decode("utf-8", "replace")
    about = ggml.ggml_backend_dev_description(device).decode("utf-8", "replace")
    devices.append(f"{name}:{KINDS[kind] if 0 <= kind < len(KINDS) else kind}:{about}")
tell(devices=";".join(devices))

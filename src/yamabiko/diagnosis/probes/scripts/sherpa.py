"""Which onnxruntime sherpa-onnx has loaded: its own, or one that stood in the way."""

import sys

tell = globals()["tell"]

import sherpa_onnx  # noqa: E402 - after `tell`

tell(version=getattr(sherpa_onnx, "__version__", ""))
found = ""
if sys.platform == "linux":
    with open("/proc/self/maps") as maps:
        found = next((line.split(maxsplit=5)[-1].strip() for line in maps if "libonnxruntime.so" in line), "")
elif sys.platform == "win32":
    import ctypes

    path = ctypes.create_unicode_buffer(1024)
    handle = ctypes.windll.kernel32.GetModuleHandleW("onnxruntime.dll")  # type: ignore[attr-defined,unused-ignore]
    if handle:
        ctypes.windll.kernel32.GetModuleFileNameW(  # type: ignore[attr-defined,unused-ignore]
            ctypes.c_void_p(handle), path, 1024
        )
        found = path.value
tell(onnxruntime=found)

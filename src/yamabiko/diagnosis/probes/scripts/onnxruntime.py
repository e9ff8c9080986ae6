"""
Where ONNX Runtime really runs a model: its first GPU provider asked for, fallback off, and the session asked afterwards.

`get_available_providers` lists what was compiled in; only a session shows what could be loaded.
"""

import sys

tell = globals()["tell"]

import onnxruntime  # noqa: E402 - after `tell`, so that a death here is known to be one of loading

tell(package=onnxruntime.__version__, file=onnxruntime.__file__ or "")
available = onnxruntime.get_available_providers()
tell(available=" ".join(available))
on_gpu = [name for name in available if name not in ("CPUExecutionProvider", "AzureExecutionProvider")]


def number(value: int) -> bytes:
    """A varint of protocol buffers."""
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(tag: int, content: "bytes | int") -> bytes:
    if isinstance(content, int):
        return number(tag << 3) + number(content)
    return number(tag << 3 | 2) + number(len(content)) + content


def tensor_type(name: bytes) -> bytes:
    """ValueInfoProto of a float tensor of shape (4): onnx.proto."""
    shape = field(2, field(1, field(1, 4)))
    return field(1, name) + field(2, field(1, field(1, 1) + shape))


# ModelProto of `y = x + x`, ir_version 8, opset 13: the `onnx` package is in no engine's environment.
node = field(1, b"x") + field(1, b"x") + field(2, b"y") + field(4, b"Add")
graph = field(1, node) + field(2, b"g") + field(11, tensor_type(b"x")) + field(12, tensor_type(b"y"))
model = field(1, 8) + field(7, graph) + field(8, field(2, 13))

try:
    session = onnxruntime.InferenceSession(model, providers=[*on_gpu[:1], "CPUExecutionProvider"])
    session.disable_fallback()
    tell(session=" ".join(session.get_providers()))
    import numpy

    (answer,) = session.run(None, {"x": numpy.ones(4, numpy.float32)})
    tell(**{"onnxruntime.well": bool((answer == 2.0).all())})
except Exception as error:  # noqa: BLE001 - its words are the answer
    tell(**{"session.said": f"{type(error).__name__}: {error}"[:500]})
sys.stderr.flush()

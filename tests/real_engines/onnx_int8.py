"""
An ONNX model in int8, as its publishers make it: python onnx_int8.py ONNX_PACKAGES FILE FILE ...

Runs in an environment with ONNX Runtime; ONNX_PACKAGES is a folder that holds the package `onnx`. Of each FILE.onnx it
writes FILE.int8.onnx beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(onnx_packages: str, files: list[Path]) -> None:
    sys.path.append(onnx_packages)
    from onnxruntime.quantization import QuantType, quantize_dynamic

    for file in files:
        quantize_dynamic(file, file.with_suffix(".int8.onnx"), weight_type=QuantType.QInt8)


if __name__ == "__main__":
    main(sys.argv[1], [Path(name) for name in sys.argv[2:]])

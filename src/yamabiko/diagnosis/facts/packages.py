"""The packages of one Python and what their native files ask for: read from disk, nothing imported."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from yamabiko.diagnosis.facts import elf
from yamabiko.diagnosis.facts.reading import text_of
from yamabiko.diagnosis.facts.records import Contested, Environment, Lost, NativeFile, Package, Unavailable

# Native files that decide which GPU an engine can reach: where they are, and the names to look for in their text.
# Looking through a file costs its size, so only those whose text tells are looked through.
_CUDA = ("libcublas.so.11", "libcublas.so.12", "libcublas.so.13", "libcudnn.so.8", "libcudnn.so.9", "libhipblas")
_NATIVE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ctranslate2/*.so*", _CUDA),
    ("ctranslate2.libs/*.so*", _CUDA),
    ("ctranslate2/*.dll", ()),
    ("onnxruntime/capi/*.so*", ()),
    ("onnxruntime/capi/*.dll", ()),
    ("tensorrt_libs/libnvinfer.so*", ()),
    ("sherpa_onnx/lib/*.so*", ()),
    ("sherpa_onnx/libs/*.so*", ()),
    ("_pywhispercpp*.so", ()),
    ("pywhispercpp*/*.so*", ()),
    ("*.libs/libggml*.so*", ()),
    ("*.libs/libwhisper*.so*", ()),
    ("*.libs/libcudart*.so*", ()),
    ("libggml*.so*", ()),
    ("libwhisper*.so*", ()),
    ("torch/lib/libtorch_cuda.so", ()),
    ("torch/lib/libtorch_hip.so", ()),
    ("torch/lib/libtorch_cpu.so", ()),
    ("torch/lib/lib*omp*.so*", ()),
    ("torch/lib/libamd_comgr*.so*", ("_ZN4llvm",)),
    ("torch/lib/libLLVM*.so*", ("_ZN4llvm",)),
    ("_rocm_sdk_core/lib/libamd_comgr*.so*", ("_ZN4llvm",)),
    ("_rocm_sdk_core/lib/llvm/lib/libLLVM*.so*", ("_ZN4llvm",)),
    ("torchaudio/**/*.so", ()),
    ("torchcodec/*.so", ()),
    ("torchvision/*.so", ()),
    ("llvmlite/binding/*.so", ("_ZN4llvm",)),
    ("nvidia/*/lib/*.so*", ()),
    ("*.libs/lib*omp*.so*", ()),
)
_READ_ELF = re.compile(r"^(?!nvidia/)")
"""Of NVIDIA's own libraries the names are enough."""


def environment(site: Path, name: str, *, engine: str | None = None, path: Path | None = None) -> Environment:
    """The Python whose packages lie in `site` (site-packages)."""
    packages, owners = tuple(_packages(site)), _owners(site)
    return Environment(
        name=name,
        path=str(path or site),
        engine=engine,
        python=_python(site),
        packages=packages,
        native=tuple(_native(site)),
        contested=tuple(_contested(site, owners)),
        missing=tuple(path for path in sorted(owners) if not (site / path).exists()),
        lost=tuple(_lost(site)),
        interpreter=_interpreter(path or site),
        details=_details(site),
    )


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _python(site: Path) -> str | Unavailable:
    """From the folder's name, as venvs have it on Linux and macOS."""
    found = re.search(r"python(\d+\.\d+)", site.parent.name)
    return found[1] if found else Unavailable("the folder's name does not tell")


def _packages(site: Path) -> Iterator[Package]:
    for folder in sorted(site.glob("*.dist-info")):
        text = text_of(folder / "METADATA", 16 * 1024)
        if isinstance(text, Unavailable):
            name, _, version = folder.name.removesuffix(".dist-info").partition("-")
            yield Package(normalised(name), version)
            continue
        said = {key: m[1].strip() for key in ("Name", "Version") if (m := re.search(rf"(?m)^{key}:(.*)$", text))}
        if "Name" in said and "Version" in said:
            yield Package(normalised(said["Name"]), said["Version"])


def _native(site: Path) -> Iterator[NativeFile]:
    seen: set[str] = set()
    for pattern, markers in _NATIVE:
        for file in sorted(site.glob(pattern)):
            relative = file.relative_to(site).as_posix()
            if relative in seen or not file.is_file():
                continue
            seen.add(relative)
            try:
                asks = elf.dynamic(file) if _READ_ELF.match(relative) else elf.Dynamic()
                yield NativeFile(relative, asks.needed, asks.runpath, elf.mentions(file, markers) if markers else ())
            except (OSError, ValueError):  # a linker script, or another platform's library: its name is the fact
                yield NativeFile(relative)


# ---- who owns a file ------------------------------------------------------------------------------------------------


def _owners(site: Path) -> dict[str, dict[str, Path]]:
    """Of every folder's `__init__.py` the packages that call it theirs, with their lists."""
    owners: dict[str, dict[str, Path]] = {}
    for record in sorted(site.glob("*.dist-info/RECORD")):
        package = normalised(record.parent.name.removesuffix(".dist-info").partition("-")[0])
        for path in _FOLDERS_OWN.findall(_text_of_record(record)):
            owners.setdefault(path, {})[package] = record
    return owners


def _contested(site: Path, owners: dict[str, dict[str, Path]]) -> Iterator[Contested]:
    """Packages that install into one folder: every `__init__.py` that two of them call theirs."""
    for path, records in sorted(owners.items()):
        if len(records) > 1:  # only these lists, of thousands of files each, are read row by row
            claims = {package: rows for package, record in records.items() if path in (rows := dict(_recorded(record)))}
            if len(claims) > 1:
                yield Contested(path, tuple(sorted(claims)), _winner(site, path, claims))


_FOLDERS_OWN = re.compile(r'(?m)^"?((?!tests/|test/|examples/)[^/,"\n]+/__init__\.py)"?,')


def _text_of_record(record: Path) -> str:
    try:
        return record.read_text("utf-8", "replace")
    except OSError:
        return ""


def _recorded(record: Path) -> Iterator[tuple[str, str]]:
    """Each module and its hash; its size, where the package was made without hashes."""
    try:
        with record.open(encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines):
                if len(row) < 2 or not row[0].endswith(".py"):
                    continue
                if row[1].startswith("sha256="):
                    yield row[0], row[1].removeprefix("sha256=")
                elif not row[1] and len(row) > 2 and row[2]:  # as onnxruntime-migraphx 1.27.1 has them
                    yield row[0], f"{row[2]} bytes"
    except (OSError, UnicodeDecodeError, csv.Error):
        return


def _winner(site: Path, path: str, claims: dict[str, dict[str, str]]) -> str | None:
    """Whose bytes are there: told by the files for which the packages recorded different hashes."""
    folder = path.partition("/")[0] + "/"
    everywhere = set.intersection(*(set(rows) for rows in claims.values()))
    scores = dict.fromkeys(claims, 0)
    for name in sorted(everywhere):
        if not name.startswith(folder) or len({rows[name] for rows in claims.values()}) == 1:
            continue
        try:
            content = (site / name).read_bytes()
        except OSError:
            continue
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        for package, rows in claims.items():
            scores[package] += rows[name] in (digest, f"{len(content)} bytes")
    best = max(scores, key=lambda package: scores[package])
    return best if scores[best] > max((s for p, s in scores.items() if p != best), default=0) else None


_NATIVE_OF = re.compile(r'(?m)^"?([^,"\n]+\.(?:so(?:\.[\d.]+)?|pyd|dll|dylib))"?,[^,\n]+,([1-9]\d*)\s*$')
"""Of a package's list: with a hash and a size, as every file that was copied has them."""
_MOST_LOST = 20


def _lost(site: Path) -> Iterator[Lost]:
    """An editable package lists no such file, and what pip leaves out has no hash."""
    found = 0
    for record in sorted(site.glob("*.dist-info/RECORD")):
        name, _, version = record.parent.name.removesuffix(".dist-info").partition("-")
        for path, _size in _NATIVE_OF.findall(_text_of_record(record)):
            if found < _MOST_LOST and _is_gone(site / path):
                found += 1
                yield Lost(normalised(name), version, path)


def _is_gone(file: Path) -> bool:
    """Not so one that nobody may look at."""
    try:
        return file.stat().st_size == 0
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _interpreter(path: Path) -> str:
    """Of the folder that was named, which may be the interpreter itself."""
    if path.is_file():
        return str(path)
    named = (path / "bin/python", path / "bin/python3", path / "Scripts/python.exe", path / "python.exe")
    numbered = sorted(place for place in path.glob("bin/python3.*") if re.fullmatch(r"python3\.\d+", place.name))
    return next((str(place) for place in (*named, *numbered) if place.is_file()), "")


# ---- what files say of their package --------------------------------------------------------------------------------

_SAYS = (
    # detail, file, what to find in it
    ("torch.cuda", "torch/version.py", r"^cuda(?::[^=]+)?\s*=\s*['\"]([\d.]+)['\"]"),
    ("torch.hip", "torch/version.py", r"^hip(?::[^=]+)?\s*=\s*['\"]([^'\"]+)['\"]"),
    ("onnxruntime.package", "onnxruntime/capi/build_and_package_info.py", r"^package_name\s*=\s*['\"]([^'\"]+)"),
    ("onnxruntime.cuda", "onnxruntime/capi/build_and_package_info.py", r"^cuda_version\s*=\s*['\"]([\d.]+)"),
)


def _details(site: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for detail, name, pattern in _SAYS:
        text = text_of(site / name) if (site / name).is_file() else ""
        said = re.search(pattern, "" if isinstance(text, Unavailable) else text, re.MULTILINE)
        if said:
            found[detail] = said[1]
    # PyTorch's own wheels keep rocBLAS inside; AMD's (TheRock) have it in packages beside.
    places = [site / "torch/lib/rocblas/library", *site.glob("_rocm_sdk_libraries*/lib/rocblas/library")]
    kernels = [path.name for place in places for path in place.glob("*gfx*")]
    names = {m[0] for name in kernels if (m := re.search(r"gfx[0-9a-f]+", name))}
    if names:
        found["rocblas.gfx"] = " ".join(sorted(names))
    return found

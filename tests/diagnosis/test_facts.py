"""Facts of this machine and of made-up ones: gathered without a driver, an engine, or an exception."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from yamabiko import settings
from yamabiko.diagnosis.facts import gpus, machine, packages
from yamabiko.diagnosis.facts.gather import gather
from yamabiko.diagnosis.facts.records import Facts, Unavailable, unavailable
from yamabiko.diagnosis.facts.variables import IS_SET, variables
from yamabiko.records import from_plain, to_plain

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the files of Linux")


def below(root: Path, **files: str) -> Path:
    """A machine made of files; `__` stands for `/`."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_facts_go_through_a_file_unchanged() -> None:
    facts = gather(settings.current())
    assert from_plain(Facts, json.loads(json.dumps(to_plain(facts)))) == facts
    assert facts.system.name == sys.platform
    assert all(reason.because for _, reason in unavailable(facts))


def test_gathering_loads_no_engine_and_no_driver() -> None:
    code = (
        "import sys; from yamabiko import settings; from yamabiko.diagnosis.facts.gather import gather\n"
        "gather(settings.current())\n"
        "maps = open('/proc/self/maps').read()\n"
        "print([n for n in ('torch', 'ctranslate2', 'onnxruntime', 'av', 'pynvml') if n in sys.modules])\n"
        "print([n for n in ('libcuda.', 'libnvidia-ml', 'libamdhip') if n in maps])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"


def test_an_nvidia_driver_is_read_from_proc(tmp_path: Path) -> None:
    root = below(
        tmp_path,
        proc__driver__nvidia__version="NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30\n",
        proc__driver__nvidia__gpus__0000_01_00__information="Model: \t\t NVIDIA GeForce RTX 3090\nIRQ:   \t\t 139\n",
        dev__nvidia0="",
        dev__nvidiactl="",
    )
    seen = gpus.nvidia(root)
    assert (seen.driver, seen.cuda, seen.cuda_from) == ("550.54.14", "12.4", "table: driver 550.54.14")
    assert seen.device_files == ("/dev/nvidia0", "/dev/nvidiactl")
    assert isinstance(seen.gpus, tuple)
    assert [gpu.name for gpu in seen.gpus] == ["NVIDIA GeForce RTX 3090"]


def test_the_open_kernel_module_has_its_own_words(tmp_path: Path) -> None:
    words = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (dvs-builder)\n"
    assert gpus.nvidia(below(tmp_path, proc__driver__nvidia__version=words)).driver == "580.95.05"


def test_gfx_names_come_from_the_kfd_topology(tmp_path: Path) -> None:
    nodes = "sys__class__kfd__kfd__topology__nodes__"
    root = below(
        tmp_path,
        dev__kfd="",
        **{
            f"{nodes}0__properties": "cpu_cores_count 16\ngfx_target_version 0\n",
            f"{nodes}1__properties": "simd_count 240\ngfx_target_version 90006\n",
            f"{nodes}2__properties": "simd_count 96\ngfx_target_version 110000\n",
            f"{nodes}3__properties": "simd_count 8\ngfx_target_version 90012\n",
        },
    )
    seen = gpus.amd(root)
    assert isinstance(seen.gpus, tuple)
    assert [gpu.gfx for gpu in seen.gpus] == ["gfx906", "gfx1100", "gfx90c"]


def test_a_container_without_kfd_still_shows_the_gpu_of_its_host(tmp_path: Path) -> None:
    node = {"sys__class__kfd__kfd__topology__nodes__1__properties": "simd_count 96\ngfx_target_version 110000\n"}
    seen = gpus.amd(below(tmp_path, **node))
    assert not seen.kfd
    assert isinstance(seen.kfd_open, Unavailable)
    assert isinstance(seen.gpus, tuple)
    assert [gpu.gfx for gpu in seen.gpus] == ["gfx1100"]


def test_the_architectures_of_rocblas_are_read_in_the_wheels_of_pytorch_and_of_amd(tmp_path: Path) -> None:
    for number, place in enumerate(("torch/lib", "_rocm_sdk_libraries_gfx110X_all/lib")):
        site = tmp_path / str(number)
        for name in ("TensileLibrary_lazy_gfx1100.dat", "Kernels.so-000-gfx90a-xnack+.hsaco", "readme.txt"):
            file = site / place / "rocblas/library" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        assert packages.environment(site, "x").details["rocblas.gfx"] == "gfx1100 gfx90a"


def test_wsl_is_told_from_its_kernel(tmp_path: Path) -> None:
    words = "Linux version 6.6.87.2-microsoft-standard-WSL2 (root@439a258ad544) (gcc (GCC) 11.2.0)\n"
    two = machine.wsl(below(tmp_path / "two", proc__version=words, dev__dxg=""))
    one = machine.wsl(below(tmp_path / "one", proc__version="Linux version 4.4.0-19041-Microsoft (Microsoft@...)\n"))
    assert two is not None
    assert one is not None
    assert ((two.version, two.dxg), (one.version, one.dxg)) == ((2, True), (1, False))
    assert machine.wsl(below(tmp_path / "none", proc__version="Linux version 6.8.0-60-generic\n")) is None


def test_a_machine_without_proc_still_has_facts(tmp_path: Path) -> None:
    facts = gather(settings.current(), root=tmp_path, environ={})
    assert isinstance(facts.cpu.flags, Unavailable)
    assert isinstance(facts.memory.total_bytes, Unavailable)
    assert facts.wsl is None


def test_two_packages_in_one_folder_are_seen_and_who_won(tmp_path: Path) -> None:
    import base64
    import hashlib

    def record(name: str, body: str) -> None:
        digest = base64.urlsafe_b64encode(hashlib.sha256(body.encode()).digest()).rstrip(b"=").decode()
        same = base64.urlsafe_b64encode(hashlib.sha256(b"same").digest()).rstrip(b"=").decode()
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n\nText.\n")
        (folder / "RECORD").write_text(
            f"onnxruntime/__init__.py,sha256={same},4\nonnxruntime/capi/build.py,sha256={digest},9\n"
        )

    record("onnxruntime", "cpu")
    record("onnxruntime-gpu", "gpu")
    (tmp_path / "onnxruntime/capi").mkdir(parents=True)
    (tmp_path / "onnxruntime/__init__.py").write_text("same")
    (tmp_path / "onnxruntime/capi/build.py").write_text("cpu")
    seen = packages.environment(tmp_path, "mine")
    [contested] = seen.contested
    assert contested.owners == ("onnxruntime", "onnxruntime-gpu")
    assert contested.winner == "onnxruntime"
    assert seen.version("onnxruntime-gpu") == "1.0"


def test_what_an_extension_asks_for_is_read_from_the_file() -> None:
    import _ctypes

    from yamabiko.diagnosis.facts import elf

    assert any(name.startswith("libc.so") for name in elf.dynamic(Path(_ctypes.__file__)).needed)
    assert elf.mentions(Path(_ctypes.__file__), ("dlopen", "not in there at all")) == ("dlopen",)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF" + bytes(60), b"GROUP ( libc.so.6 )" * 10])
def test_a_file_that_is_no_library_costs_nothing(content: bytes, tmp_path: Path) -> None:
    site = tmp_path / "ctranslate2"
    site.mkdir()
    (site / "_ext.so").write_bytes(content)
    [file] = packages.environment(tmp_path, "mine").native
    assert (file.path, file.needed) == ("ctranslate2/_ext.so", ())


def test_only_harmless_variables_are_kept() -> None:
    kept = variables(
        {
            "CUDA_VISIBLE_DEVICES": "",
            "HF_TOKEN": "hf_secret1234567",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "LD_LIBRARY_PATH": "/opt/lib",
        }
    )
    assert kept == {"CUDA_VISIBLE_DEVICES": "", "HF_TOKEN": IS_SET, "LD_LIBRARY_PATH": "/opt/lib"}

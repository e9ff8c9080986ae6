"""What is settled before a worker starts: its environment, and which packages it can see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy
import pytest

from yamabiko.diagnosis.autopsy import explain_exit
from yamabiko.diagnosis.probes import Place
from yamabiko.engines.contract import Placement
from yamabiko.settings import Settings
from yamabiko.speech import TranscribeOptions
from yamabiko.workers import bootstrap
from yamabiko.workers.exits import WorkerFailed
from yamabiko.workers.launch import Launch
from yamabiko.workers.messages import SegmentFound
from yamabiko.workers.process import Worker

CPU, CUDA = Placement("cpu", "int8"), Placement("cuda", "float16")


def launch(placement: Placement = CPU, *, managed: bool = True, python: Path = Path(sys.executable), **more) -> Launch:
    return Launch("scripted", python, managed, placement, **more)


# ---- the environment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inherited", [{}, {"CUDA_VISIBLE_DEVICES": "1"}], ids=["unset", "set"])
def test_a_worker_on_the_cpu_sees_no_gpu(inherited):
    assert launch(CPU).environment(inherited)["CUDA_VISIBLE_DEVICES"] == ""


def test_a_worker_on_the_gpu_keeps_the_users_choice_of_gpus():
    assert launch(CUDA).environment({"CUDA_VISIBLE_DEVICES": "1"})["CUDA_VISIBLE_DEVICES"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in launch(CUDA).environment({})


def test_a_gpu_asked_for_by_number_is_the_only_one_in_the_order_of_nvidia_smi():
    environment = launch(CUDA, device_index=2).environment({"CUDA_VISIBLE_DEVICES": "0,1"})

    assert environment["CUDA_VISIBLE_DEVICES"] == "2"
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


@pytest.mark.skipif(sys.platform == "win32", reason="libraries are found on PATH there")
@pytest.mark.parametrize(
    ("inherited", "expected"),
    [({}, "/a:/b"), ({"LD_LIBRARY_PATH": ""}, "/a:/b"), ({"LD_LIBRARY_PATH": "/theirs"}, "/a:/b:/theirs")],
)
def test_our_libraries_come_before_the_users(inherited, expected):
    """An empty entry would mean the current folder."""
    environment = launch(CUDA, library_paths=(Path("/a"), Path("/b"))).environment(inherited)

    assert environment["LD_LIBRARY_PATH"] == expected


def test_without_libraries_of_ours_the_library_path_is_left_alone():
    assert "LD_LIBRARY_PATH" not in launch().environment({})
    assert launch().environment({"LD_LIBRARY_PATH": "/theirs"})["LD_LIBRARY_PATH"] == "/theirs"


PYTHON_NAMES = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


def test_an_environment_of_ours_knows_nothing_of_the_users_python():
    environment = launch(managed=True).environment(dict.fromkeys(PYTHON_NAMES, "/theirs") | {"HOME": "/home/x"})

    assert not set(PYTHON_NAMES) & set(environment)
    assert environment["PYTHONNOUSERSITE"] == "1"
    assert environment["HOME"] == "/home/x"


def test_the_running_interpreter_keeps_the_path_that_it_found_its_packages_by():
    environment = launch(managed=False).environment({"PYTHONPATH": "/theirs", "PYTHONHOME": "/other"})

    assert environment["PYTHONPATH"] == "/theirs"
    assert "PYTHONHOME" not in environment
    assert "PYTHONNOUSERSITE" not in environment


@pytest.mark.parametrize(("managed", "kept"), [(True, False), (False, True)])
def test_byte_code_is_written_in_environments_of_ours_whatever_holds_elsewhere(managed, kept):
    environment = launch(managed=managed).environment({"PYTHONDONTWRITEBYTECODE": "1"})

    assert ("PYTHONDONTWRITEBYTECODE" in environment) is kept


def test_an_engine_never_tells_its_makers_what_it_runs():
    """onnxruntime reads it as it is loaded; tests/cli/test_engines_command.py shows that the home stays clean."""
    assert launch().environment({})["ORT_DISABLE_TELEMETRY"] == "1"
    assert Place().surroundings()["ORT_DISABLE_TELEMETRY"] == "1"


def test_a_worker_never_asks_a_model_hub():
    assert launch().environment({"HF_HUB_OFFLINE": "0"})["HF_HUB_OFFLINE"] == "1"


def test_what_was_inherited_is_not_changed():
    inherited = {"PYTHONPATH": "/theirs", "LD_LIBRARY_PATH": "/x"}
    launch(CUDA, library_paths=(Path("/a"),), device_index=1).environment(inherited)

    assert inherited == {"PYTHONPATH": "/theirs", "LD_LIBRARY_PATH": "/x"}


# ---- a foreign interpreter ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """The interpreter of an environment in which nothing is installed."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def with_numpy(tmp_path_factory, bare) -> Path:
    """One that has numpy, as every environment of an engine has, and nothing else of ours."""
    folder = tmp_path_factory.mktemp("with-numpy")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = folder / "bin" / "python"
    site = next(folder.glob("lib/python*/site-packages"))
    ours = Path(numpy.__file__).parents[1]
    for found in ours.glob("numpy*"):
        if found.suffix in ("", ".libs"):
            (site / found.name).symlink_to(found)
    return python


LOOK = """
import importlib.util, json, runpy, sys
runpy.run_path(sys.argv[1])["make_yamabiko_importable"]()
import yamabiko.workers.messages, yamabiko.records, yamabiko.speech, yamabiko.children
names = ("yamabiko", "httpx", "typer", "pytest", "hypothesis", "marker_of_the_user")
print(json.dumps({name: name in sys.modules or importlib.util.find_spec(name) is not None for name in names}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="an environment's interpreter lies elsewhere there")
def test_a_foreign_interpreter_sees_yamabiko_and_no_package_of_ours_or_the_users(bare, tmp_path):
    """Our numpy in an engine's process would hide the engine's own."""
    (tmp_path / "marker_of_the_user.py").touch()
    assert (Path(sysconfig.get_path("purelib")) / "pytest").is_dir()
    environment = launch(python=bare).environment(os.environ | {"PYTHONPATH": str(tmp_path)})

    seen = subprocess.run(
        [bare, "-P", "-c", LOOK, bootstrap.__file__],
        capture_output=True, text=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip

    assert seen.returncode == 0, seen.stderr
    assert [name for name, importable in json.loads(seen.stdout).items() if importable] == ["yamabiko"]


@pytest.mark.skipif(sys.platform == "win32", reason="an environment's interpreter lies elsewhere there")
def test_a_worker_runs_in_a_foreign_interpreter(with_numpy, recording, no_children_left):
    worker = Worker(launch(python=with_numpy), Settings())
    try:
        worker.load("", 0)
        messages = list(worker.transcribe(*recording, TranscribeOptions()))
    finally:
        worker.kill()

    assert sum(isinstance(message, SegmentFound) for message in messages) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="an environment's interpreter lies elsewhere there")
def test_an_interpreter_without_numpy_is_a_broken_environment_and_says_which_module(bare, no_children_left):
    with pytest.raises(WorkerFailed) as caught:
        Worker(launch(python=bare), Settings())

    finding = explain_exit(caught.value.exit).finding
    assert caught.value.exit.phase == "start"
    assert finding.id == "engine-environment-broken"
    assert any("No module named 'numpy'" in line for line in finding.evidence)

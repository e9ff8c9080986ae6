"""
NeMo's transducer decoders (Parakeet, Canary, FastConformer) and the CUDA that their graphs meet.

RNNT and TDT decode through one CUDA graph where a guard lets them: torch sees a
GPU, cuda-bindings can be imported, and the driver serves CUDA 12.6 (12.3 before
NeMo 2.5). What the guard does not look at, the bindings against the driver,
against NeMo, against PTX, is what fails. Read in the wheels 2.3.2 to 3.0.0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from yamabiko.diagnosis.checks.contract import ABSENT, UNTOLD, Check, Sign, absent, anywhere, present, version
from yamabiko.diagnosis.checks.driver_serves import Cuda, dotted, driver_serves
from yamabiko.diagnosis.facts.records import Environment, Facts
from yamabiko.diagnosis.tables import NEMO_FLOOR, NEMO_PAYLOAD
from yamabiko.i18n import Text

# NeMo 2.6 asks cuda.bindings; before it, `from cuda import cuda`, which bindings 13 no longer have: no full graph then.
_BINDINGS_BY_NAME = (2, 6)
_FALLS_BACK = (2, 7)
"""From here an error of CUDA while the full graph is made leads to partial graphs, with a warning."""
_ANY_PAYLOAD = (2, 7, 1)
_AUTOCAST_OFF = (2, 5)
_LAST_READ = (3, 0, 0)
"""The newest wheel that was looked at: of a newer one it is not known whether it is mended."""
_SERVERS = ("uvicorn", "hypercorn", "gunicorn", "sanic")


@dataclass(frozen=True, slots=True)
class _Stack:
    """What meets in one environment."""

    name: str
    nemo: tuple[int, ...]
    nemo_said: str
    bindings: tuple[int, ...] | None
    bindings_said: str
    serves: Cuda | None
    """Newest CUDA of the driver; None if untold."""
    driver_line: str
    hip: bool

    @property
    def floor(self) -> Cuda:
        return next(cuda for least, cuda in NEMO_FLOOR if self.nemo >= least)

    @property
    def guarded(self) -> bool:
        """The guard is known to refuse the full graph, so nothing of it can fail."""
        return self.bindings is None or (self.serves is not None and self.serves < self.floor)

    @property
    def fits(self) -> bool:
        """NeMo can use these bindings at all."""
        if self.bindings is None or self.bindings[0] not in (12, 13):
            return False
        if self.nemo < _BINDINGS_BY_NAME:
            return self.bindings[0] == 12
        return self.nemo >= _ANY_PAYLOAD or self.bindings[0] == NEMO_PAYLOAD


def _among(facts: Facts, look: Callable[[_Stack, Environment], Sign]) -> Sign:
    """A look at each environment that holds NeMo; where none does, nothing is told: the failure was elsewhere."""
    serves, line = driver_serves(facts)

    def one(environment: Environment) -> Sign:
        nemo, bindings = environment.version("nemo-toolkit") or "", environment.version("cuda-bindings")
        return look(
            _Stack(
                name=environment.name,
                nemo=version(nemo),
                nemo_said=f"package: nemo-toolkit {nemo}",
                bindings=None if bindings is None else version(bindings),
                bindings_said=f"package: cuda-bindings {bindings}",
                serves=serves,
                driver_line=line,
                hip="torch.hip" in environment.details,
            ),
            environment,
        )

    return anywhere([each for each in facts.environments if each.version("nemo-toolkit")], one)


def _bindings_newer(facts: Facts) -> Sign:
    def look(stack: _Stack, environment: Environment) -> Sign:
        if stack.bindings is None or stack.hip:
            return ABSENT
        if stack.nemo < _BINDINGS_BY_NAME:
            return absent(stack.nemo_said, stack.bindings_said)
        probed = facts.probe("bindings", environment.name)
        asked = () if probed is None else (f"probe: cudaStreamGetCaptureInfo gives {probed.values.get('error')}",)
        if probed is not None and "error" in probed.values and probed.values["error"] != "35":
            return absent(*asked)
        if stack.serves is None:
            return UNTOLD
        if stack.guarded or stack.bindings[0] <= stack.serves[0]:
            return absent(stack.driver_line, stack.bindings_said)
        lines = (stack.bindings_said, stack.driver_line, stack.nemo_said, *asked)
        if stack.nemo < _FALLS_BACK:
            return present(*lines)
        return present(
            *lines,
            severity="info",
            cause=Text(
                "cuda-bindings are for a newer CUDA than the driver serves. This NeMo notices and decodes with partial "
                "CUDA graphs: the same text, only slower.",
                "cuda-bindings が、ドライバーの対応するCUDAより新しい版向けです。このNeMoはそれを検知し、"
                "部分的なCUDAグラフでデコードします。結果は同じで、速度だけが落ちます。",
            ),
        )

    return _among(facts, look)


def _payload(facts: Facts) -> Sign:
    def look(stack: _Stack, environment: Environment) -> Sign:
        if stack.hip or stack.guarded or not _BINDINGS_BY_NAME <= stack.nemo < _ANY_PAYLOAD:
            return ABSENT
        if stack.bindings is None or stack.bindings[0] >= NEMO_PAYLOAD:
            return absent(stack.bindings_said)
        return present(stack.nemo_said, f"{stack.bindings_said} gives 5 values where this NeMo takes 6")

    return _among(facts, look)


def _libcuda_on_rocm(facts: Facts) -> Sign:
    def look(stack: _Stack, environment: Environment) -> Sign:
        if stack.bindings is None:
            return absent("package: cuda-bindings are not installed")
        if "torch.cuda" in environment.details:
            return absent(f"torch/version.py: built for CUDA {environment.details['torch.cuda']}")
        if not stack.hip or stack.nemo > _LAST_READ:
            return UNTOLD
        built = f"torch/version.py: built for ROCm (HIP {environment.details['torch.hip']})"
        return present(built, stack.bindings_said, stack.nemo_said)

    return _among(facts, look)


def _ptx(facts: Facts) -> Sign:
    def look(stack: _Stack, environment: Environment) -> Sign:
        if stack.hip or stack.guarded or stack.bindings is None or not stack.fits:
            return ABSENT
        package = "nvidia-cuda-nvrtc-cu12" if stack.bindings[0] == 12 else "nvidia-cuda-nvrtc"
        nvrtc = environment.version(package)
        if stack.serves is None or nvrtc is None:
            return UNTOLD
        needs = version(nvrtc)[:2]
        if needs[0] != stack.serves[0] or needs <= stack.serves:
            return absent(stack.driver_line, f"package: {package} {nvrtc}")
        lines = (f"package: {package} {nvrtc}", stack.driver_line, stack.nemo_said)
        return present(*lines) if stack.nemo < _FALLS_BACK else present(*lines, severity="info")

    return _among(facts, look)


def _slower(facts: Facts) -> Sign:
    def look(stack: _Stack, environment: Environment) -> Sign:
        if stack.bindings is None or stack.hip:
            return ABSENT  # the guard gives another reason
        if stack.serves is None:
            return UNTOLD
        if stack.serves[0] == 0 or stack.serves >= stack.floor:
            return absent(stack.driver_line)
        return present(stack.driver_line, f"{stack.nemo_said} asks for CUDA {dotted(stack.floor)}")

    return _among(facts, look)


def _interned_bytes(facts: Facts) -> Sign:
    def look(stack: _Stack, environment: Environment) -> Sign:
        if environment.engine is not None:
            return absent("process: yamabiko runs each engine in one of its own, without an HTTP server")
        if stack.hip or stack.guarded or not stack.fits:
            return ABSENT
        if stack.serves is None or stack.bindings is None or stack.nemo > _LAST_READ:
            return UNTOLD
        if stack.bindings[0] > stack.serves[0]:
            return absent(stack.driver_line, stack.bindings_said)
        server = next((name for name in _SERVERS if environment.version(name)), None)
        if server is None:
            return UNTOLD
        beside = f"package: {server} {environment.version(server)} beside it"
        return present(stack.nemo_said, stack.bindings_said, stack.driver_line, beside, severity="info")

    return _among(facts, look)


def _autocast(facts: Facts) -> Sign:
    def look(stack: _Stack, environment: Environment) -> Sign:
        if stack.nemo >= _AUTOCAST_OFF:
            return absent(stack.nemo_said)
        return present(f"{stack.nemo_said}, before 2.5.0", severity="info") if stack.nemo >= (2, 0) else UNTOLD

    return _among(facts, look)


def _sees_nvidia(facts: Facts) -> bool:
    return facts.sees_nvidia


CHECKS = (
    Check(
        "nemo-cuda35-bindings-newer-than-driver",
        words=(r"CUDA failure! (?:35\b|\S*cudaErrorInsufficientDriver)",),
        needs="nvidia",
        look=_bindings_newer,
        by_itself=_sees_nvidia,
        probe="bindings",
    ),
    Check(
        "nemo-capture-info-unpack",
        words=(r"not enough values to unpack \(expected 6, got 5\)",),
        whose=(r"[/\\]nemo[/\\](?:collections|core)[/\\]|cuda_python_utils|\bnemo\.\w|^(?:nemo|parakeet|canary)\b",),
        whose_tells=False,
        needs="nvidia",
        look=_payload,
        by_itself=_sees_nvidia,
        probe="bindings",
    ),
    Check(
        "nemo-libcuda-missing-rocm",
        words=(
            r"Failed to dlopen libcuda\.so\.1",
            r'Failure finding "libcuda\.so\.1"',
            r'"cuda" is an NVIDIA driver library and can only be found via system search',
        ),
        look=_libcuda_on_rocm,
        by_itself=lambda facts: facts.sees_amd,
    ),
    Check(
        "nemo-nvrtc-ptx-222",
        words=(r"Cuda Error: (?:222\b|\S*UNSUPPORTED_PTX_VERSION)",),
        needs="nvidia",
        look=_ptx,
        by_itself=_sees_nvidia,
        probe="driver",
    ),
    Check(
        "nemo-driver-below-12.6-slower",
        work_goes_on=True,
        words=(r"(?:Reason: )?Driver supports cuda toolkit version [\d.]+, but the driver needs to support",),
        needs="nvidia",
        look=_slower,
        words_suffice=True,
        by_itself=_sees_nvidia,
        probe="driver",
    ),
    Check("nemo-nvrtc-interned-bytes-corruption", look=_interned_bytes, by_itself=_sees_nvidia, probe="driver"),
    Check("nemo-autocast-graph-wer", look=_autocast, by_itself=_sees_nvidia),
)

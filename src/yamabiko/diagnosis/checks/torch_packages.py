"""What is built for one torch, and what a new torchaudio or NumPy took away: torchcodec, torchaudio, pyannote."""

from __future__ import annotations

import re
from collections.abc import Callable

from yamabiko.diagnosis.checks.contract import ABSENT, UNTOLD, Check, Sign, absent, anywhere, present, version
from yamabiko.diagnosis.facts.records import Environment, Facts, Unavailable
from yamabiko.diagnosis.tables import (
    PYANNOTE_WITHOUT_NP_NAN,
    PYANNOTE_WITHOUT_TORCHAUDIO_IO,
    SPEECHBRAIN_WITHOUT_BACKENDS,
    TORCHAUDIO_STABLE,
    TORCHAUDIO_WITHOUT_BACKENDS,
    TORCHCODEC_STABLE,
    TORCHCODEC_TORCH,
    TORCHVISION_OF_TORCH_2,
)
from yamabiko.i18n import Text


def among(facts: Facts, package: str, look: Callable[[Environment], Sign]) -> Sign:
    """A look at each environment that holds the package; where none does, the words came from somewhere else."""
    holding = [environment for environment in facts.environments if environment.version(package) is not None]
    return anywhere(holding, look) if holding else UNTOLD


def older(environment: Environment, package: str, than: str) -> str | None:
    """The package's version where it is here and older; else None."""
    found = environment.version(package)
    return found if found is not None and version(found) < version(than) else None


# ---- torchcodec -----------------------------------------------------------------------------------------------------


def _with_codec(facts: Facts, look: Callable[[Environment], Sign]) -> Sign:
    """Words such as std::bad_alloc are said by many: an engine whose own environment has no torchcodec is not meant."""
    engines_alone = bool(facts.environments) and all(environment.engine for environment in facts.environments)
    without = not any(environment.version("torchcodec") for environment in facts.environments)
    return ABSENT if engines_alone and without else among(facts, "torchcodec", look)


def _codec_and_torch(facts: Facts) -> Sign:
    return _with_codec(facts, _codec_and_torch_in)


def _codec_and_torch_in(environment: Environment) -> Sign:
    codec, torch = environment.version("torchcodec") or "", environment.version("torch")
    wanted = _torch_of(codec)
    if torch is None or wanted is None:
        return UNTOLD
    stable = version(codec) >= version(TORCHCODEC_STABLE[0])
    fits = version(torch) >= version(wanted) if stable else version(torch)[:2] == version(wanted)
    built = f"torch {wanted}{' or newer' if stable else ''}"
    if fits:
        return absent(f"package: torchcodec {codec} is built for {built}, and torch is {torch}")
    right = _codecs_of(torch)
    return present(
        f"package: torchcodec {codec} is built for {built}",
        f"package: torch {torch}" + (f"; torchcodec {_in_words(right)} is built for it" if right else ""),
        cause=Text(
            f"torchcodec {codec} is built for {built}, and torch {torch} is installed: their binaries do not fit.",
            f"torchcodec {codec} は torch {wanted}{'以降' if stable else ' '}用のビルドで、"
            f"導入済みの torch {torch} とはバイナリの互換性がありません。",
        ),
        command=f'pip install "torchcodec{right}"' if right else "",
    )


def _torch_of(codec: str) -> str | None:
    """The torch that this torchcodec is built for, or the oldest of them; None for one older than the table."""
    if version(codec) >= version(TORCHCODEC_STABLE[0]):
        return TORCHCODEC_STABLE[1]
    return next((torch for minor, torch in TORCHCODEC_TORCH if version(codec)[:2] == version(minor)), None)


def _codecs_of(torch: str) -> str | None:
    """The newest torchcodec for this torch, as pip asks for it: `==0.7.*`."""
    if version(torch)[:2] > version(TORCHCODEC_STABLE[1]):
        return f">={TORCHCODEC_STABLE[0]}"
    return next((f"=={codec}.*" for codec, minor in TORCHCODEC_TORCH if version(torch)[:2] == version(minor)), None)


def _in_words(asked: str) -> str:
    """What pip is asked for, as people read it: `==0.7.*` as 0.7.*."""
    return asked.removeprefix("==") if asked.startswith("==") else f"{asked.removeprefix('>=')} or newer"


def _no_ffmpeg(facts: Facts) -> Sign:
    return _with_codec(facts, lambda environment: _no_ffmpeg_in(environment, facts))


def _no_ffmpeg_in(environment: Environment, facts: Facts) -> Sign:
    codec = environment.version("torchcodec")
    cores = [f for f in environment.native if re.fullmatch(r"torchcodec/libtorchcodec_core\d+\.so", f.path)]
    wanted = {name for core in cores for name in core.needed if name.startswith("libavcodec.so")}
    # The loader of a conda Python looks into its own lib folder too, where we do not.
    if not wanted or isinstance(facts.libraries, Unavailable) or "CONDA_PREFIX" in facts.variables:
        return UNTOLD
    there = {library.soname: library for library in facts.libraries if library.soname.startswith("libavcodec.so.")}
    fitting = sorted(wanted & set(there))
    if fitting:
        return absent(f"loader: {fitting[-1]} is {there[fitting[-1]].path}")
    return present(
        f"package: torchcodec {codec} looks for {', '.join(sorted(wanted))}",
        f"loader: there is {'only ' + ', '.join(sorted(there)) if there else 'no libavcodec'}",
    )


def _transformers_meets_torchcodec(facts: Facts) -> bool:
    """Its pipelines import torchcodec wherever it is installed; others may never touch it."""
    return any(e.version("torchcodec") and e.version("transformers") for e in facts.environments)


# ---- builds of one torch --------------------------------------------------------------------------------------------


def _builds(facts: Facts) -> Sign:
    return among(facts, "torch", _builds_in)


def _builds_in(environment: Environment) -> Sign:
    torch = environment.version("torch") or ""
    lines = [*_numbers_apart(environment, torch), *_gpus_apart(environment, torch)]
    if lines:
        return present(*lines)
    beside = [name for name in ("torchaudio", "torchvision", "torchcodec") if environment.version(name)]
    seen = any(
        f.needed for f in environment.native if f.path.startswith(("torchaudio/", "torchvision/", "torchcodec/"))
    )
    return ABSENT if beside and seen else UNTOLD


def _numbers_apart(environment: Environment, torch: str) -> list[str]:
    """A package that belongs to a torch of another number."""
    lines, mine = [], version(torch)[:2]
    if (audio := older(environment, "torchaudio", TORCHAUDIO_STABLE)) and version(audio)[:2] != mine:
        lines.append(f"package: torchaudio {audio} belongs to torch {'.'.join(map(str, version(audio)[:2]))}")
    vision = environment.version("torchvision")
    if vision and mine[:1] == (2,) and version(vision)[:2] != (0, TORCHVISION_OF_TORCH_2 + mine[1]):
        lines.append(f"package: torchvision {vision} belongs to torch 2.{version(vision)[1] - TORCHVISION_OF_TORCH_2}")
    return [*lines, f"package: torch is {torch}"] if lines else []


def _gpus_apart(environment: Environment, torch: str) -> list[str]:
    """A library that asks for a part of torch which this build of torch does not have."""
    lines = []
    for kind in ("cuda", "hip"):
        if environment.file("torch/lib/libtorch_cpu.so") is None or environment.file(f"torch/lib/libtorch_{kind}.so"):
            continue
        asking = next((f for f in environment.native if _asks(f.path, f.needed, kind)), None)
        if asking is not None:
            package = asking.path.partition("/")[0]
            lines += [
                f"package: {package} {environment.version(package)}, torch {torch}",
                f"{asking.path}: needs libtorch_{kind}.so, which this build of torch does not have",
            ]
    cuda = environment.details.get("torch.cuda", "")
    for file in environment.native:
        if not file.path.startswith(("torchaudio/", "torchvision/", "torchcodec/")):
            continue
        runtime = next((m[1] for name in file.needed if (m := re.fullmatch(r"libcudart\.so\.(\d+)", name))), None)
        if runtime and cuda and runtime != cuda.partition(".")[0]:
            return [*lines, f"{file.path}: needs libcudart.so.{runtime}", f"torch/version.py: torch is for CUDA {cuda}"]
    return lines


def _asks(path: str, needed: tuple[str, ...], kind: str) -> bool:
    ours = path.startswith(("torchaudio/", "torchvision/", "torchcodec/"))
    return ours and not {f"libtorch_{kind}.so", f"libc10_{kind}.so"}.isdisjoint(needed)


# ---- what torchaudio 2.9 and NumPy 2 took away ----------------------------------------------------------------------


def _old_torchaudio_calls(facts: Facts) -> Sign:
    return among(facts, "torchaudio", _old_torchaudio_calls_in)


def _old_torchaudio_calls_in(environment: Environment) -> Sign:
    audio = environment.version("torchaudio") or ""
    if version(audio) < version(TORCHAUDIO_WITHOUT_BACKENDS):
        return absent(f"package: torchaudio {audio} still has them")
    callers = (
        ("pyannote-audio", PYANNOTE_WITHOUT_TORCHAUDIO_IO),
        ("speechbrain", SPEECHBRAIN_WITHOUT_BACKENDS),
    )
    lines = [
        f"package: {name} {found} calls what torchaudio has no longer"
        for name, mended in callers
        if (found := older(environment, name, mended))
    ]
    return present(*lines, f"package: torchaudio {audio}") if lines else UNTOLD


def _numpy_names(facts: Facts) -> Sign:
    return among(facts, "numpy", _numpy_names_in)


def _numpy_names_in(environment: Environment) -> Sign:
    numpy = environment.version("numpy") or ""
    if version(numpy) < (2,):
        return absent(f"package: numpy {numpy}")
    if pyannote := older(environment, "pyannote-audio", PYANNOTE_WITHOUT_NP_NAN):
        return present(f"package: pyannote-audio {pyannote} uses np.NaN", f"package: numpy {numpy} has it no longer")
    return UNTOLD


CHECKS = (
    Check(
        "torchcodec-torch-abi-mismatch",
        words=(
            r"(?:\S*/)?libtorchcodec_\w+\.(?:so|dylib|dll).*(?:undefined symbol|Symbol not found)",
            r"not found in DLL: .*libtorchcodec",
            r"Could not load this library: .*libtorchcodec_core",
            r"Could not load libtorchcodec",
            r"\s*File \"\S*torchcodec[/\\]\S+\.py\"?, line \d+ in load_torchcodec_shared_libraries",
            r"(?:terminate called after throwing an instance of ')?std::bad_alloc\b",
        ),
        whose=(r"torchcodec",),
        whose_tells=False,
        look=_codec_and_torch,
    ),
    Check(
        "torchcodec-ffmpeg-missing",
        words=(
            r"Could not load libtorchcodec",
            r"libav(?:util|codec|format|device|filter)\.so\.\d+: cannot open shared object file",
        ),
        whose=(r"torchcodec",),
        whose_tells=False,
        whose_always=True,  # PyAV and OpenCV miss the same files
        look=_no_ffmpeg,
        by_itself=_transformers_meets_torchcodec,
    ),
    Check(
        "torchcodec-or-torchaudio-build-variant",
        words=(r"lib(?:c10|torch)_(?:cuda|hip)(?:_\w+)?\.so: cannot open shared object file",),
        whose=(r"torchaudio|torchvision|torchcodec",),
        sure_words=(
            r"Detected that PyTorch and (?:TorchAudio|torchvision) were compiled with different CUDA",
            r"operator torchvision::nms does not exist",
            r"(?:\S*/)?_?(?:lib)?torchaudio(?:\.abi3)?\.so: undefined symbol",
        ),
        look=_builds,
    ),
    Check(
        "pyannote3-torchaudio-2.9",
        words=(
            r"module 'torchaudio' has no attribute '(?:AudioMetaData|info|(?:list|get|set)_audio_backends?|backend)'",
            r"No module named 'torchaudio\.(?:backend|io|sox_effects|kaldi_io)",
        ),
        words_suffice=True,
        look=_old_torchaudio_calls,
    ),
    Check(
        "numpy2-nan-alias",
        # Others have used these names too; pyannote's are mended, theirs we do not know.
        words=(
            r"np\.N[aA]N` was removed in the NumPy 2\.0 release\. Use",
            r"module 'numpy' has no attribute 'N[aA]N'",
        ),
        whose=(r"pyannote|whisperx",),
        sure_words=(
            r"A module that was compiled using NumPy 1\.x cannot be run in",
            r"Failed to initialize NumPy: _ARRAY_API not found",
        ),
        look=_numpy_names,
    ),
)

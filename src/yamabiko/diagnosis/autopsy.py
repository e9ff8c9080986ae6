"""
What a worker's end means: from WorkerExit to an Explanation.

Text and signals only suggest a cause. A rule below fires on words that no other
cause produces; what concerns a device, or what no rule knows, is put to the
`Witness`, who looks at the machine. Everything else is reported as unknown,
never as a guess dressed up as knowledge.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from yamabiko.diagnosis.articles import Spoils, article
from yamabiko.diagnosis.examine import Symptom
from yamabiko.engines.contract import Placement
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text
from yamabiko.workers.process import WorkerExit


@dataclass(frozen=True, slots=True)
class Explanation:
    finding: Finding
    spoils: Spoils

    @property
    def unknown(self) -> bool:
        return self.finding.severity == "unknown"


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: str
    """What a line must begin with, after names such as `RuntimeError: `; any case."""
    explain: Callable[[WorkerExit, tuple[str, ...]], Explanation]


Ask = Callable[[Symptom], tuple[Finding, ...]]
"""What facts and probes confirm of a symptom, the likeliest first: `Witness.explain`."""


def explain_exit(exit_: WorkerExit, ask: Ask = lambda symptom: ()) -> Explanation:
    """
    The true cause where the words leave only one or the machine confirms one, else what is known of the end.

    The machine is asked about what no words settle: the unknown, and everything of a device, where one error has
    several causes.
    """
    explanation = _by_words(exit_)
    if explanation.finding.area != "device" and not explanation.unknown:
        return explanation
    ending = exit_.ending.name if exit_.kind == "died" and exit_.ending else ""
    confirmed = ask(Symptom(_heard(exit_), ending, exit_.engine, anchored=exit_.kind == "died"))
    if not confirmed:
        return explanation
    finding = confirmed[0]
    known = [line for line in evidence(exit_) if line not in finding.evidence]
    return Explanation(replace(finding, evidence=(*finding.evidence, *known)), article(finding.id).spoils)


def _by_words(exit_: WorkerExit) -> Explanation:
    """What the words alone tell."""
    if exit_.kind == "over-memory" or exit_.raised_kind == "MemoryError":
        return _out_of_memory(exit_, evidence(exit_))
    for rule in _RULES:
        pattern = re.compile(f"{_NAMES_BEFORE}(?:{rule.pattern})", re.IGNORECASE)
        line = next((line for line in _heard(exit_) if pattern.match(line)), None)
        if line is not None:
            known = evidence(exit_)
            quoted = line.strip()[:300]
            said_already = any(quoted in fact for fact in known)
            return rule.explain(exit_, known if said_already else (f"worker: {quoted}", *known))
    if exit_.kind == "died" and exit_.ending is not None and exit_.ending.name == "SIGILL":
        return _illegal_instruction(exit_, evidence(exit_))
    return _unexplained(exit_)


def _heard(exit_: WorkerExit) -> tuple[str, ...]:
    """
    The lines in which a cause may be named.

    What is raised speaks for itself: what was printed before it may be of
    something that went well since. A death has only its last words, and of
    those the newest; a silence has none.
    """
    if exit_.kind == "raised":
        return tuple(f"{exit_.raised_kind}: {exit_.message}".splitlines())
    return exit_.last_words[-_NEWEST_LINES:] if exit_.kind == "died" else ()


def evidence(exit_: WorkerExit) -> tuple[str, ...]:
    """The facts of an end as quotable lines, newest words last."""
    lines = [f"worker: {exit_.engine} on {exit_.placement}, while {_PHASES[exit_.phase].en}"]
    if exit_.ending is not None:
        lines.append(f"worker ended: {exit_.ending.name}")
    elif exit_.message:
        lines.append(
            f"worker {exit_.kind}: {f'{exit_.raised_kind}: ' if exit_.raised_kind else ''}{exit_.message}"[:300]
        )
    if exit_.resident_bytes:
        cap = f" of {exit_.memory_cap_bytes / 2**20:.0f} allowed" if exit_.memory_cap_bytes else ""
        lines.append(f"worker memory: {exit_.resident_bytes / 2**20:.0f} MiB{cap}")
    lines += [f"worker said: {line[:300]}" for line in exit_.last_words[-5:]]
    return tuple(lines)


_PHASES = {
    "start": Text("starting", "起動中"),
    "load": Text("loading the model", "モデルの読み込み中"),
    "first answer": Text("working on its first answer", "最初の応答の処理中"),
    "answers": Text("transcribing", "文字起こし中"),
}


def _unexplained(exit_: WorkerExit) -> Explanation:
    phase = _PHASES[exit_.phase]
    if exit_.kind == "died":
        how = exit_.ending.name if exit_.ending else "no status"
        cause = Text(
            f"The {exit_.engine} worker died ({how}) while {phase.en}. We do not know why.",
            f"{exit_.engine} のワーカーが{phase.ja}に異常終了しました（{how}）。原因は分かっていません。",
        )
        return _unknown("worker-died-unexplained", exit_, cause)
    if exit_.kind == "silent":
        cause = Text(
            f"The {exit_.engine} worker fell silent while {phase.en}: {exit_.message}. We do not know why.",
            f"{exit_.engine} のワーカーが{phase.ja}に応答しなくなりました（{exit_.message}）。原因は分かっていません。",
        )
        return _unknown("worker-silent", exit_, cause)
    if exit_.kind == "nonsense":
        cause = Text(
            f"The {exit_.engine} worker sent what is not a message while {phase.en}. We do not know why.",
            f"{exit_.engine} のワーカーが{phase.ja}に解釈できないデータを送りました。原因は分かっていません。",
        )
        return _unknown("worker-nonsense", exit_, cause)
    if exit_.kind == "not-started":
        return _environment_broken(exit_, evidence(exit_))
    cause = Text(
        f"{exit_.engine} raised {exit_.raised_kind} while {phase.en}: {exit_.message[:200]}",
        f"{exit_.engine} が{phase.ja}にエラーを出しました（{exit_.raised_kind}: {exit_.message[:200]}）",
    )
    return _unknown("engine-raised", exit_, cause)


def _unknown(id_: str, exit_: WorkerExit, cause: Text) -> Explanation:
    return Explanation(
        Finding(
            id=id_,
            severity="unknown",
            area="worker",
            cause=cause,
            evidence=evidence(exit_),
            remedies=(
                Remedy(
                    Text("See whether the engine works at all", "エンジン自体が動くか確かめる"),
                    f"yamabiko engines verify {exit_.engine}",
                    "effort",
                ),
                Remedy(
                    Text("Make its environment anew", "環境を作り直す"),
                    f"yamabiko engines repair {exit_.engine}",
                    "effort",
                ),
            ),
        ),
        "nothing",
    )


def _device_name(place: Placement) -> str:
    return "GPU" if place.device != "cpu" else "CPU"


def _out_of_memory(exit_: WorkerExit, lines: tuple[str, ...], *, on_gpu: bool = False) -> Explanation:
    where = Text("the GPU" if on_gpu else "this machine", "GPU" if on_gpu else "このマシン")
    cap = f" ({exit_.memory_cap_bytes / 2**20:.0f} MiB allowed)" if exit_.kind == "over-memory" else ""
    return Explanation(
        Finding(
            id="cuda-oom" if on_gpu else "worker-out-of-memory",
            severity="error",
            area="device" if on_gpu else "worker",
            cause=Text(
                f"The work did not fit in the memory of {where.en} on {exit_.placement}{cap}.",
                f"{where.ja}のメモリに収まりませんでした（{exit_.placement}{cap}）。",
            ),
            evidence=lines,
            remedies=(
                Remedy(Text("Close what else uses memory", "メモリを使う他のプログラムを閉じる"), None, "effort"),
                *_less_precise(exit_.placement),
                Remedy(Text("Use a smaller model", "小さいモデルを使う"), "--model NAME", "accuracy"),
            ),
        ),
        "memory",
    )


def _gpu_out_of_memory(exit_: WorkerExit, lines: tuple[str, ...]) -> Explanation:
    return _out_of_memory(exit_, lines, on_gpu=True)


def _less_precise(place: Placement) -> tuple[Remedy, ...]:
    if place.compute_type.startswith("int8"):
        return ()
    return (Remedy(Text("Use less precise numbers", "精度の低い数値型を使う"), "--compute_type int8", "accuracy"),)


def _no_usable_driver(exit_: WorkerExit, lines: tuple[str, ...]) -> Explanation:
    return Explanation(
        Finding(
            id="driver-none-or-container-without-runtime",
            severity="error",
            area="device",
            cause=Text(
                "The CUDA runtime found no NVIDIA driver that it can use: there is none, it is older than this build "
                "needs, or it is not visible from here.",
                "CUDAランタイムが使えるNVIDIAドライバーを見つけられませんでした。ドライバーがない、"
                "このビルドに必要な版より古い、またはここから見えていません。",
            ),
            evidence=lines,
            remedies=(
                Remedy(Text("Run on the CPU", "CPUで実行する"), "--device cpu", "speed"),
                Remedy(Text("See what driver there is", "ドライバーの状態を見る"), "nvidia-smi", "effort"),
                Remedy(
                    Text(
                        "In a container: start it with GPU access (docker run --gpus all ...)",
                        "コンテナーではGPUを渡して起動する（docker run --gpus all ...）",
                    ),
                    None,
                    "effort",
                ),
            ),
        ),
        "device",
    )


def _library_missing(exit_: WorkerExit, lines: tuple[str, ...]) -> Explanation:
    return Explanation(
        Finding(
            id="ct2-libcublas12-missing-under-cuda13",
            severity="error",
            area="device",
            cause=Text(
                "CTranslate2 was built for CUDA 12 and its libcublas.so.12 is nowhere on the worker's library path.",
                "CTranslate2はCUDA 12用のビルドで、libcublas.so.12 がワーカーのライブラリーパスにありません。",
            ),
            evidence=lines,
            remedies=(
                Remedy(
                    Text("Install the environment that carries it", "それを含む環境を入れる"),
                    f"yamabiko engines install {exit_.engine} --profile cuda12",
                    "effort",
                ),
                Remedy(Text("Run on the CPU", "CPUで実行する"), "--device cpu", "speed"),
            ),
        ),
        "device",
    )


def _compute_type_unsupported(exit_: WorkerExit, lines: tuple[str, ...]) -> Explanation:
    place = exit_.placement
    return Explanation(
        Finding(
            id="ct2-compute-type-unsupported",
            severity="error",
            area="device",
            cause=Text(
                f"This {_device_name(place)} or this build has no kernels for {place.compute_type}.",
                f"この{_device_name(place)}またはビルドには {place.compute_type} 用の演算がありません。",
            ),
            evidence=lines,
            remedies=(
                Remedy(Text("Let yamabiko choose the precision", "精度の選択を任せる"), "--compute_type auto", "none"),
            ),
        ),
        "precision",
    )


def _model_broken(exit_: WorkerExit, lines: tuple[str, ...]) -> Explanation:
    return Explanation(
        Finding(
            id="model-broken",
            severity="error",
            area="model",
            cause=Text(
                "The engine cannot read the model's files: they are missing, cut short, damaged, or of another kind.",
                "エンジンがモデルのファイルを読めません。欠けている、途中で切れている、壊れている、または別の形式です。",
            ),
            evidence=lines,
            remedies=(
                Remedy(
                    Text("Check the files against their hashes", "ファイルをハッシュと照合する"),
                    "yamabiko models verify",
                    "effort",
                ),
                Remedy(
                    Text("Fetch them again", "取得し直す"),
                    "yamabiko models remove NAME && yamabiko models pull NAME",
                    "effort",
                ),
            ),
        ),
        "model",
    )


def _environment_broken(exit_: WorkerExit, lines: tuple[str, ...]) -> Explanation:
    return Explanation(
        Finding(
            id="engine-environment-broken",
            severity="error",
            area="engine",
            cause=Text(
                f"The environment of {exit_.engine} is not whole: what it needs cannot be imported or started.",
                f"{exit_.engine} の環境が壊れています。必要なものを読み込めない、または起動できません。",
            ),
            evidence=lines,
            remedies=(
                Remedy(Text("Make it anew", "環境を作り直す"), f"yamabiko engines repair {exit_.engine}", "effort"),
            ),
        ),
        "device",  # another device's rungs may be started from another environment
    )


def _illegal_instruction(exit_: WorkerExit, lines: tuple[str, ...]) -> Explanation:
    """SIGILL is what it says, but which library was built for another processor stays open: unknown, device kept."""
    cause = Text(
        f"The {exit_.engine} worker died of SIGILL: it met an instruction that this processor does not have, or jumped "
        "into data. Which library it was, we do not know.",
        f"{exit_.engine} のワーカーがSIGILLで終了しました。このCPUにない命令に当たったか、"
        "コードでない所へ飛びました。どのライブラリーかは分かっていません。",
    )
    explanation = _unknown("worker-died-unexplained", exit_, cause)
    return Explanation(explanation.finding, "nothing")


# Texts as the libraries write them. A line that begins in any other way may be a user's words: a prompt, a transcript.
_NAMES_BEFORE = (
    r"(?:[\w.]+: |[ \t]*what\(\):[ \t]+|terminate called after throwing an instance of '"
    r"|\[ONNXRuntimeError\] : \d+ : \w+ : )*"
)
_NEWEST_LINES = 100
"""Enough for a traceback and what the fault handler prints of every thread."""
_CUDA = r"(?:CUDA failed with error |CUDA error: )"
_CUBLAS = r"(?:cuBLAS failed with status |CUDA error: )"

_RULES = (
    _Rule(rf"{_CUDA}(?:CUDA driver version is insufficient|no CUDA-capable device)", _no_usable_driver),
    _Rule(
        rf"{_CUDA}out of memory|CUDA out of memory\. Tried to allocate|{_CUBLAS}CUBLAS_STATUS_ALLOC_FAILED",
        _gpu_out_of_memory,
    ),
    _Rule(
        r"std::bad_alloc|MemoryError(?::|$)|(?:\[Errno 12\] )?Cannot allocate memory|failed to allocate memory",
        _out_of_memory,
    ),
    _Rule(
        r"Library (?:libcublas\.so\.12|cublas64_12\.dll) is not found or cannot be loaded"
        r"|libcublas\.so\.12: cannot open shared object file",
        _library_missing,
    ),
    _Rule(
        r"Requested \w+ compute type, but the target device or backend do not support efficient \w+ computation"
        rf"|{_CUBLAS}CUBLAS_STATUS_NOT_SUPPORTED",
        _compute_type_unsupported,
    ),
    _Rule(
        r"File \S+ is incomplete: failed to read|Unsupported model binary version|Unable to open file 'model\.bin'"
        r"|Variable '.+' has an invalid payload size|Cannot load the (?:\w+ )?vocabulary from the model"
        r"|\[json\.exception\.parse_error|EOF while parsing|LocalEntryNotFoundError: |Load model from .+ failed",
        _model_broken,
    ),
    _Rule(r"(?:ModuleNotFoundError|ImportError): ", _environment_broken),
)

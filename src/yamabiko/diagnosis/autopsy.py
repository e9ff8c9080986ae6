"""
What a worker's end means: from WorkerExit to an Explanation.

Text and signals only suggest a cause. Memory, a model's files and an
environment are named by words that nothing else writes (`_RULES`); whatever
else the words suggest is put to the `Witness`, who looks at the machine. What
neither settles is reported as unknown, with the causes that may be behind it.

`std::bad_alloc` is written for want of memory, and by libraries that do not fit
each other: it is memory where the worker was seen to have little left.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from yamabiko.diagnosis import examine
from yamabiko.diagnosis.articles import Article, Spoils, article
from yamabiko.diagnosis.examine import Symptom
from yamabiko.diagnosis.probes import newest_words
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text
from yamabiko.workers.exits import WorkerExit


@dataclass(frozen=True, slots=True)
class Explanation:
    finding: Finding
    spoils: Spoils

    @property
    def unknown(self) -> bool:
        return self.finding.severity == "unknown"


Ask = Callable[[Symptom], examine.Explanation]
"""What facts and probes say of a symptom: `Witness.explain`."""


def _words_alone(symptom: Symptom) -> examine.Explanation:
    return examine.explain(symptom, None)


def explain_exit(exit_: WorkerExit, ask: Ask = _words_alone) -> Explanation:
    """The true cause where the words leave only one or the machine confirms one, else what is known of the end."""
    exit_ = _without_advice(exit_)
    known = evidence(exit_)
    refused = _first(_BAD_ALLOC, exit_)
    if refused is not None and _had_little_memory(exit_):
        return _told(_MEMORY, exit_, refused, known)
    for id_ in ("worker-out-of-memory", "transformers-without-task", "model-broken"):
        if (explanation := _named(id_, exit_, known)) is not None:
            return explanation
    ending = exit_.ending.name if exit_.kind == "died" and exit_.ending else ""
    heard = ask(Symptom(_heard(exit_), ending, exit_.engine))
    if heard.confirmed:
        finding = heard.confirmed[0]
        quoted = {_without_label(line) for line in finding.evidence}
        lines = (*finding.evidence, *(line for line in known if _without_label(line) not in quoted))
        return Explanation(_for(exit_, replace(finding, evidence=lines)), article(finding.id).spoils)
    # An import that fails is the fault of the environment's files only where the machine knows no better cause.
    suspects = {one.check.id: one.line for one in heard.open if one.line}  # an end alone suggests too little to be told
    if refused is not None:
        suspects[_MEMORY] = refused
    return _named("engine-environment-broken", exit_, known) or _unexplained(exit_, known, tuple(suspects))


def _without_label(line: str) -> str:
    return line.partition(": ")[2] or line


# ---- what is named --------------------------------------------------------------------------------------------------


def _named(id_: str, exit_: WorkerExit, known: tuple[str, ...]) -> Explanation | None:
    """This cause, if the end itself or the first words of a line name it."""
    rule = _RULES[id_]
    said_by_its_end = exit_.kind == rule.kind or (
        exit_.raised_kind == rule.raised and _first(_BAD_ALLOC, exit_) is None
    )
    line = "" if said_by_its_end else _first(rule.words, exit_)
    return None if line is None else _told(id_, exit_, line, known)


def _told(id_: str, exit_: WorkerExit, line: str, known: tuple[str, ...]) -> Explanation:
    quoted = line.strip()[:300]
    said_already = not quoted or any(quoted in fact for fact in known)
    finding = article(id_).finding(known if said_already else (f"worker: {quoted}", *known))
    return Explanation(_for(exit_, finding), article(id_).spoils)


def _first(words: str, exit_: WorkerExit) -> str | None:
    pattern = re.compile(f"{_NAMES_BEFORE}(?:{words})", re.IGNORECASE)
    return next((line for line in _heard(exit_) if pattern.match(line)), None)


# Texts as the libraries write them. A line that begins in any other way may be a user's words: a prompt, a transcript.
_NAMES_BEFORE = (
    r"(?:[\w.]+: |[ \t]*what\(\):[ \t]+|terminate called after throwing an instance of '"
    r"|\[ONNXRuntimeError\] : \d+ : \w+ : )*"
)
_MEMORY = "worker-out-of-memory"
_BAD_ALLOC = r"std::bad_alloc\b"
_LARGEST_PIECE = 2 * 2**30
"""Bytes; engines read a model tensor by tensor, and none of those is larger."""


def _had_little_memory(exit_: WorkerExit) -> bool:
    """Whether so much of what it may use was in use that the next piece need not fit; not to have looked is no."""
    resident, cap = exit_.resident_bytes or 0, exit_.memory_cap_bytes
    return resident > 0 and cap > 0 and (resident > cap / 2 or cap - resident < _LARGEST_PIECE)


_NEWEST_LINES = 100
"""Enough for a traceback and what the fault handler prints of every thread."""


@dataclass(frozen=True, slots=True)
class _Rule:
    words: str
    """What a line must begin with, after names such as `RuntimeError: `; any case."""
    kind: str = "none"
    """Of a WorkerExit: this end says it without words."""
    raised: str = "nothing"
    """And so does an exception of this name."""


_SHERPA_ONNX = r"\S*sherpa-onnx/csrc/(?:[\w-]*model[\w-]*|symbol-table|offline-recognizer-impl)\.(?:cc|h):\w+:\d+"
"""It ends its process with _Exit where it cannot read a model, and this is what stands before its last words."""

_RULES = {
    "worker-out-of-memory": _Rule(
        r"MemoryError(?:: (?!std::bad_alloc)|$)|(?:\[Errno 12\] )?Cannot allocate memory|failed to allocate memory",
        kind="over-memory",
        raised="MemoryError",
    ),
    "model-broken": _Rule(
        r"File \S+ is incomplete: failed to read|Unsupported model binary version|Unable to open file 'model\.bin'"
        r"|Variable '.+' has an invalid payload size|Cannot load the (?:\w+ )?vocabulary from the model"
        r"|\[json\.exception\.parse_error|EOF while parsing|LocalEntryNotFoundError: |Load model from .+ failed"
        rf"|{_SHERPA_ONNX} (?:'\w+' does not exist in the metadata|No model_type in the metadata|Unsupported model_type: "
        r"|Invalid value .+ for '\w+'|.+ should be int32 or int64\.|Error: )",
        raised="ModelUnreadable",
    ),
    "transformers-without-task": _Rule(r"NoSpeechModel: ", raised="NoSpeechModel"),
    "engine-environment-broken": _Rule(r"(?:ModuleNotFoundError|ImportError): ", kind="not-started"),
}


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


# ---- what is told ---------------------------------------------------------------------------------------------------


def evidence(exit_: WorkerExit) -> tuple[str, ...]:
    """The facts of an end as quotable lines, newest words last."""
    doing, where = _PHASES[exit_.phase], exit_.placement
    about = Text(f"{exit_.engine} on {where}, while {doing.en}", f"{exit_.engine}（{where}）、{doing.ja}")
    lines = [f"worker: {about}"]
    if exit_.ending is not None:
        lines.append(f"worker ended: {exit_.ending.name}")
    elif exit_.message:
        raised = f"{exit_.raised_kind}: " if exit_.raised_kind else ""
        lines.append(f"worker {exit_.kind}: {raised}{exit_.message}"[:300])
    if exit_.resident_bytes:
        cap = f" of {exit_.memory_cap_bytes / 2**20:.0f} allowed" if exit_.memory_cap_bytes else ""
        lines.append(f"worker memory: {exit_.resident_bytes / 2**20:.0f} MiB{cap}")
    lines += [f"worker said: {line[:300]}" for line in newest_words(exit_.last_words)]
    return tuple(lines)


_ADVICE = re.compile(
    r"[ \t]*(?:\(1\)[ \t]*)?(?:In PyTorch 2\.6, we changed .*?`True`\.[ \t]*)?Re-running `torch\.load` with `weights_only`.*?"
    r"(?:trusted source\.|$)",
    re.MULTILINE | re.DOTALL,
)


def _without_advice(exit_: WorkerExit) -> WorkerExit:
    """torch's own advice, to read weights in a way that runs what code they hold, is passed on to nobody."""
    last_words = tuple(_ADVICE.sub("", line) for line in exit_.last_words)
    return replace(exit_, message=_ADVICE.sub("", exit_.message), last_words=last_words)


_PHASES = {
    "start": Text("starting", "起動中"),
    "load": Text("loading the model", "モデルの読み込み中"),
    "first answer": Text("working on its first answer", "最初の応答の処理中"),
    "answers": Text("transcribing", "文字起こし中"),
}


_FOR_A_FOREIGN_MODEL = (
    Remedy(
        Text(
            "Copy, fetch or convert it anew, from where it came, and compare the sizes of its files",
            "入手元からコピー、取得または変換をやり直し、ファイルの大きさを比べる",
        ),
        cost="effort",
    ),
    Remedy(
        Text(
            "Or use a model that yamabiko fetches and checks itself", "または、yamabikoが取得して検証するモデルを使う"
        ),
        "--model NAME",
        "accuracy",
    ),
)
"""We have no hashes of it, and remove nothing that is not ours."""


_OF_OTHERS = "In a program of your own"
"""What follows is a line for such a program: the worker that ended was one of ours."""


def _for(exit_: WorkerExit, finding: Finding) -> Finding:
    """With commands that name this engine, and without advice that was taken already."""
    named = finding.of_engine(exit_.engine)
    of_ours = tuple(r for r in named.remedies if not r.what.en.startswith(_OF_OTHERS))
    named = replace(named, remedies=of_ours or named.remedies)
    if finding.id == "model-broken" and exit_.foreign_model:
        where = f"model: {exit_.foreign_model}, which is not in yamabiko's cache"
        return replace(named, evidence=(*named.evidence, where), remedies=_FOR_A_FOREIGN_MODEL)
    if "int8" not in exit_.placement.compute_type:
        return named
    left = (r for r in named.remedies if not re.fullmatch(r"--compute[_-]type int8\w*", r.command or ""))
    return replace(named, remedies=tuple(left))


def _unexplained(exit_: WorkerExit, known: tuple[str, ...], named: tuple[str, ...]) -> Explanation:
    """Unknown, and said so. What all that the words suggest makes useless to try again is not tried again."""
    maybe = tuple(f"may be {suspect}: nothing here confirms it or rules it out" for suspect in named)
    spoilt = {article(suspect).spoils for suspect in named}
    about, cause = _unknown(exit_)
    finding = _for(exit_, about.finding((*known, *maybe), cause=cause))
    return Explanation(finding, spoilt.pop() if len(spoilt) == 1 else "nothing")


def _unknown(exit_: WorkerExit) -> tuple[Article, Text]:
    phase, engine = _PHASES[exit_.phase], exit_.engine
    if exit_.kind == "died" and exit_.ending is not None and exit_.ending.name == "SIGILL":
        return article("worker-died-unexplained"), Text(
            f"The {engine} worker died of SIGILL: it met an instruction that this processor does not have, or jumped "
            "into data. Which library it was, we do not know.",
            f"{engine} のワーカーがSIGILLで終了しました。このCPUにない命令に当たったか、"
            "コードでない所へ飛びました。どのライブラリーかは分かっていません。",
        )
    if exit_.kind == "died":
        how = exit_.ending.name if exit_.ending else "no status"
        return article("worker-died-unexplained"), Text(
            f"The {engine} worker died ({how}) while {phase.en}. We do not know why.",
            f"{engine} のワーカーが{phase.ja}に異常終了しました（{how}）。原因は分かっていません。",
        )
    if exit_.kind == "silent":
        return article("worker-silent"), Text(
            f"The {engine} worker fell silent while {phase.en}: {exit_.message}. We do not know why.",
            f"{engine} のワーカーが{phase.ja}に応答しなくなりました（{exit_.message}）。原因は分かっていません。",
        )
    if exit_.kind == "nonsense":
        return article("worker-nonsense"), Text(
            f"The {engine} worker sent what is not a message while {phase.en}. We do not know why.",
            f"{engine} のワーカーが{phase.ja}に解釈できないデータを送りました。原因は分かっていません。",
        )
    said = exit_.message[:200]
    return article("engine-raised"), Text(
        f"{engine} raised {exit_.raised_kind} while {phase.en}: {said}",
        f"{engine} が{phase.ja}にエラーを出しました（{exit_.raised_kind}: {said}）",
    )

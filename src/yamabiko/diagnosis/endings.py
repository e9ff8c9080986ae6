"""
How shells, supervisors and Python write that a process has died, and whose process it was.

Any program may have died in a log. An end counts where the line does not name
the program, as shells do, or names one that may run an engine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONGEST = 2_000

_EXIT = r"(?i:exit(?:ed)?(?: with)?(?: code| status)?|return ?code)[:= ]+(?:code=)?"
_DUMPED = (
    r"(?:core dump\w*|コアダンプ|核心已转储|吐核|核心已傾印|코어 덤프됨|Speicherabzug geschrieben|[`'’]?core' generado|core generado"
    r"|imagem do núcleo gravada|núcleo despejado|образ памяти сброшен на диск)"
)


def _alone(*names: str) -> str:
    """Names that are words of every day: an end where nothing else is in the line, or a core was dumped."""
    return rf"(?:^|\s\d+ )(?:{'|'.join(names)})(?:です|しました)?(?:[\s:：\d]*$| *[(（] ?{_DUMPED} ?[)）])"


# As glibc, bash and zsh write them, in the languages of those who wrote to us, and of their neighbours.
_SEGMENTATION = (
    r"segmentation fault|セグメンテーション違反|段错误|區段錯誤|세그멘테이션 오류|Speicherzugriffsfehler|(?:Erreur|Violation) de segment"
    r"|Violación de segmento|Errore di segmentazione|Fal(?:ha|ta) de segmentação|Ошибка сегментирования"
)
_ILLEGAL = (
    r"illegal (?:hardware )?instruction|不正な命令|非法指令|無效指令|Ungültiger Maschinenbefehl|Instruction (?:non permise|illégale)"
    r"|Instrucción ilegal|Istruzione non consentita|Instrução ilegal|Недопустимая инструкция"
)
_BUS = (
    r"bus error|バスエラー|总线错误|匯流排錯誤|버스 오류|Bus-Zugriffsfehler|Erreur du bus|Error del bus"
    r"|Errore di bus|Erro (?:no barramento|de bus)|Ошибка шины"
)
_FLOATING = (
    r"floating point exception|浮動小数点例外|浮点数例外|浮點數例外|부동 소수점 예외|Gleitkomma-Ausnahme"
    r"|Exception en (?:point|virgule) flottante?|Excepción de coma flotante|Eccezione in virgola mobile|Exce[pç]ção de (?:ponto"
    r"|vírgula) flutuante"
)
_TRAP = r"trace/(?:breakpoint|BPT) ?(?:trap|ausgelöst|トラップ)|\btrace trap\b|追踪与中断点陷阱|追蹤 / 斷點陷阱"
_KILLED = _alone(
    "Killed", "強制終了", "已杀死", "已砍掉", "強制結束", "죽었음", "Getötet", "Processus arrêté", r"Terminado \(killed\)",
    r"Terminado \(matado\)", "Ucciso", "Morto", "Убито",
)  # fmt: skip
_ABORTED = _alone(
    "中止",
    "アボート",
    "已放弃",
    "已中止",
    "중지됨",
    "Abgebrochen",
    "Abandon",
    "Abortado",
    "Annullato",
    "Аварийный останов",
)
_ENDINGS = (
    ("SIGABRT", re.compile(rf"\bSIGABRT\b|\bAborted\b|\bAbort trap\b|{_EXIT}(?:134|-6)\b|signal 6\b|{_ABORTED}")),
    ("SIGSEGV", re.compile(rf"\bSIGSEGV\b|(?i:{_SEGMENTATION})|{_EXIT}(?:139|-11)\b|signal 11\b")),
    ("SIGILL", re.compile(rf"\bSIGILL\b|(?i:{_ILLEGAL})|{_EXIT}(?:132|-4)\b|signal 4\b")),
    ("SIGBUS", re.compile(rf"\bSIGBUS\b|(?i:{_BUS})|{_EXIT}(?:135|138|-7|-10)\b|by signal 7\b")),
    ("SIGFPE", re.compile(rf"\bSIGFPE\b|(?i:{_FLOATING})|{_EXIT}(?:136|-8)\b|by signal 8\b")),
    ("SIGTRAP", re.compile(rf"\bSIGTRAP\b|(?i:{_TRAP})|{_EXIT}(?:133|-5)\b|by signal 5\b")),
    ("SIGKILL", re.compile(rf"\bSIGKILL\b|{_EXIT}(?:137|-9)\b|signal 9\b|{_KILLED}|\s\d+ Killed\s")),
)
_NAMES = (
    "segment", "区段", "區段", "段错误", "segmento", "instruc", "istruzion", "命令", "指令", "maschinenbefehl", "инструк", "bus", "バス",
    "总线", "匯流排", "버스", "barramento", "шины", "floating", "浮動", "浮点", "浮點", "부동", "gleitkomma", "point flottant", "virgule",
    "coma flot", "virgola", "ponto flut", "vírgula", "trap", "trace", "追踪", "追蹤", "セグメンテーション", "세그멘테이션",
    "speicherzugriff", "сегмент",
    "sigabrt", "sigsegv", "sigill", "sigbus", "sigfpe", "sigtrap", "sigkill", "abort", "signal ", "exit", "return", "0xc0000", "-10737",
    "322122", "killed", "強制終了", "杀死", "砍掉", "強制結束", "죽었음", "getötet", "arrêté", "matado", "ucciso", "morto", "убито", "中止",
    "アボート", "已放弃", "중지됨", "abgebrochen", "abandon", "annullato", "аварийный",
)  # fmt: skip
"""Without one of these, in lower case, no line tells an end: looked for first, since this is asked of every line."""
_OF_WINDOWS = re.compile(r"\b0[xX][cC]0000([0-9a-fA-F]{3})\b|(?<![\d.])(-10737[34]\d{4}|322122[5-9]\d{3})\b")
_STATUS = re.compile(r"0xC0000[0-9A-F]{3}")
"""What Windows ends a process with: 0xC0000005, as a signed or an unsigned number too."""
# `nginx[991]: `, `./foo: `, behind a time and a host's name; `ffmpeg.exe exited`; what stands behind `(core dumped)`.
_BEFORE = re.compile(
    r"^\W*(?:[A-Z][a-z]{2} +\d+ [\d:]+ [\w.-]+ |\d{4}-\d\d-\d\d[T ][\d:.,Z+-]+ )?(?:\[[^\]]*\] ?)*([^\s:\[]+)(?:\[\d+\])?:\s"
)
_SUBJECT = re.compile(
    r"([\w./\\-]+(?:\.exe)?)(?:['\"])? (?:exited|crashed|died|terminated|has been killed|was killed)\b"
)
_COMMAND = re.compile(
    rf"(?:[(（]{_DUMPED}[)）]|Aborted|Killed|(?i:{_SEGMENTATION}|{_ILLEGAL}|{_BUS}|{_FLOATING}|{_TRAP}))\s+"
    rf"(?:[(（]{_DUMPED}[)）]\s+)?(?:\w+=\S+\s+|(?:sudo|env|nohup|timeout \S+|time)\s+)*([^\s(（|&;]+)"
)
_IN_A_CALL = re.compile(r"\bCommand '?\[?'?\"?([^\s',\"\]]+)")
_TELLS_OF_OTHERS = re.compile(
    r"(?:-?(?:ba|z|da|k)?sh|fish|systemd|kernel|make|docker|podman|kubelet|supervisord|pm2|[\w./-]+\.sh|Fatal|Error|ERROR|WARN\w*"
    r"|INFO|CRITICAL|Killed|returncode|\w+(?:Error|Exception|Warning)|\S+\.service|Process|process|[\w.]+\.\w+Error|exit|status|Exit|LLVM"
    r"|CUDA"
    r"|.*[/\\]?\w+\.c(?:c|pp|u)?)"
)
_MAY_RUN_AN_ENGINE = re.compile(
    r"python|pypy|uvicorn|hypercorn|gunicorn|celery|streamlit|gradio|jupyter|ipykernel|torchrun|accelerate|\bray\b|\bvllm\b"
    r"|pytest|poetry|\buv\b|\buvx\b|pipx|conda|\.py\b|whisper|wyoming|yamabiko|transcri|speech|\basr\b|\bstt\b|\btts\b|voice"
    r"|sherpa|nemo|\bmain\b|\bapp\b|\bserver\b|worker|process|container|child|program|\bit\b",
    re.IGNORECASE,
)


def ending_in(lines: Sequence[str]) -> str:
    """The newest end by a signal that a log tells of a process that may run an engine; empty if it tells of none."""
    for line in reversed(lines):
        if name := ending_of(line):
            return name
    return ""


def ending_of(line: str) -> str:
    """The end that a line tells of: SIGABRT, 0xC0000409; empty if of none, or of another program's."""
    shown = line[:_LONGEST].strip()
    name = _named(shown)
    return name if name and _may_be_an_engines(shown) else ""


def tells_an_end(line: str) -> bool:
    """Whether a line tells how a process has ended, whosever it was."""
    return bool(_named(line[:_LONGEST].strip()))


def _named(shown: str) -> str:
    low = shown.lower()
    if not any([text in low for text in _NAMES]):  # noqa: C419 - a list is built in half a generator's time
        return ""
    for name, pattern in _ENDINGS:
        if pattern.search(shown):
            return name
    code = _OF_WINDOWS.search(shown)
    if code is None:
        return ""
    status = f"0xC0000{code[1].upper()}" if code[1] else f"0x{int(code[2]) & 0xFFFFFFFF:08X}"
    return status if _STATUS.fullmatch(status) else ""


def tells_an_interrupt(line: str) -> bool:
    """What a terminal shows of Ctrl+C."""
    return line.lstrip().startswith("^C")


def was_interrupted(lines: Sequence[str]) -> bool:
    return any(map(tells_an_interrupt, lines))


def _may_be_an_engines(line: str) -> bool:
    named = [m[1] for pattern in (_COMMAND, _IN_A_CALL, _SUBJECT) if (m := pattern.search(line))]
    before = _BEFORE.match(line)
    if before is not None and not _TELLS_OF_OTHERS.fullmatch(before[1]):
        named.append(before[1])
    return all(_MAY_RUN_AN_ENGINE.search(name) for name in named)

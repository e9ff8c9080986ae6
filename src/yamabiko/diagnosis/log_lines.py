"""
Where the words of a log's line begin, and whether a program has written them.

A library writes its error at the beginning of a line; what stands before it are
names, levels, times and brackets of loggers and tracebacks. The same words in
the middle of a line may be speech, a prompt, a test's name or a question.

Some of what stands before words says that a program speaks: a level, an
exception's name, a logger's brackets. Some may be anybody's: a bullet, a quotation
mark, a bare time, a plain name. Behind those words count only if the line says,
somewhere before them, that a program has written it.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST_BEFORE = 600
"""Characters; no logger writes more before the words."""
_PLAIN, _ANYBODYS, _WRITTEN = range(3)
"""How far a place in a line is known: nothing stands before it; what does may be anybody's; a program wrote it."""

LEVEL = r"(?:DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|CRITICAL|FATAL|TRACE)"
_TIME = r"\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_SOFTWARE = (
    r"(?:[Pp]ython\d*(?:\.\d+)?|pypy\d*|ipython|jupyter|[Mm]ain|[Ee]rror|[Ff]atal|panic|stderr|stdout|(?:ba|z|da|k)?sh|sudo"
    r"|docker|podman|containerd|nvidia-[\w-]+|NVIDIA-SMI|systemd|kernel|uvicorn|hypercorn|gunicorn|celery|streamlit|gradio"
    r"|vllm|ray|torchrun|accelerate|torch\w*|CUDA|cuda|hip|HIP|ROCm|NVML|OMP|ggml\w*|llama\w*|gguf\w*|sherpa[\w-]*"
    r"|onnxruntime\w*|ctranslate2|pyannote|[Nn]e[Mm]o|transformers|[Ww]hisper[\w-]*|faster[-_]whisper|voxcpm|yamabiko"
    r"|[Aa]pp|api|[Ss]erver|[Ww]orker|[Bb]ackend|[Ee]ngine|asr|stt|tts|transcriber?|\w+\.(?:py|sh|bat|ps1))"
)
"""Names before a colon that no speaker has, and whose words may be those of an engine."""
_BAD = re.compile(
    r"error|fail|exception|warning|fatal|crash|abort|raised|could not|cannot|エラー|失敗|例外|警告|異常|できません",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"\b(?:I|my|he|she|we|our|you|your|they|who|said|says|told|asked|got|gets?|saw|sees?|reads|was|were|is|are|had"
    r"|(?:the|this|that) (?:error|message|failure))\b|と言|言った|という",
    re.IGNORECASE,
)
_LOADER = "error while loading shared libraries"
"""Said of the program that the line names."""
_SHOWN = re.compile(r"[」』\"”`]\s*と表示")

_NEUTRAL = (
    r"\s+|^:\s",  # LLVM names the program before the colon, if it knows its name
    r"\x1b\[[0-9;?]*[A-Za-z]|\[\d{1,2}(?:;\d{1,3})*m",  # colours, also those that lost their escape
    r"(?:(?![♩-♯])[←-⯿️‍\U0001f000-\U0001faff])+",  # arrows, marks, emoji; no notes of music
    r"[âðÃ][^\x00-\x7f]{1,5}\s",  # such signs, read in another encoding
    rf"\d{{4}}[-/]\d\d[-/]\d\d[T ]{_TIME}(?:\s+-\s+[\w.]+(?=\s+-\s))?",
    rf"\d\d-\d\d {_TIME}\s",
    rf"[A-Z][a-z]{{2}} +\d+ {_TIME} [\w.-]+ ",  # syslog: Nov 21 18:00:00 host
    rf"\d{{4}}-\d\d-\d\dT{_TIME} [\w.-]+ (?=[\w./-]+(?:\[\d+\])?:\s)",  # journalctl -o short-iso
    r"\S*\.(?:so|dylib|dll)[.\d]*:\s",
    r"Caused by:\s|(?:CUDA|HIP) initialization:\s",
    r"(?:CUDA|HIP|cuDNN|cuBLAS) (?:failed with (?:error|status)|failure!?(?: \d+)?:?|(?:driver |runtime )?error:?) ",
    r"#\d+ +(?:0x[0-9a-f]+ in )?(?=[\w:~<>]+ ?\()",  # a debugger's frame
    r"what\(\):\s+|terminate called after throwing an instance of '",
)
_ANYBODY = (
    r"[^\w\s]+",  # bullets, quotation marks, the bars of a table
    rf"\d{{0,2}}:?\d{{1,2}}:\d\d(?:[.,]\d+)?\s|{_TIME}\s",
    r"\[[^\]]{0,120}\]|\([^)]{0,120}\)",
    r"[\w.-]+\[\d+\]:\s",
    r"[a-z./~\\][\w./\\~+-]*:\s",
    r"(?:segment|chunk)\W{0,3}\d+:\s",
)
_PROGRAM = (
    r"(?:[✗✘❌✖⚠🚨]|â\x9d?Œ)\ufe0f?\s*(?:[^:：\n]{1,40}[:：]\s+)?",  # marks of failure, and what has failed
    rf"(?-i:{LEVEL})\b(?:\s*[-|:]\s*[\w.:<>]+\s+[-|]\s)?|{LEVEL}[:\]|]\s?",
    rf"{LEVEL}:[\w.]+:",
    r"(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception|Warning|Interrupt|Exit|Failure|Fault)\w*(?:\([^)'\"]{0,60}\))?:\s?",
    r"(?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception)\(['\"]",
    r"[a-z_]\w*(?:\.\w+)+:\s",  # a module's name, onnxruntime's InvalidArgument
    r"(?-i:Fail|InvalidArgument|InvalidProtobuf|InvalidGraph|NoSuchFile|NotImplemented|NoModel|EPFail|RuntimeException):\s",
    r"(?:[A-Za-z]:)?[^\s:\"「」]+\.(?:pyx?|c|cc|cpp|cxx|cuh?|hip|h|hpp|mm?|rs|go|[jt]sx?|java|kt|cs|swift|sh|log|err|out|ipynb)"
    r"(?::\d+(?::\d+)?|\(\d+\))[:\])]*\s",
    rf"(?-i:(?:[\w.~/\\+-]*[/\\])?{_SOFTWARE}(?:\.exe)?(?:\[\d+\])?):\s",
    # Of brackets: a level, a date, software, or what a logger's have and names do not: a file, a number, a sign.
    rf"[\[(<](?=[^\])>]{{0,120}}(?:(?-i:\b{LEVEL}\b)|\d{{4}}[-/]\d\d|error|warning|エラー|警告))[^\])>]{{0,120}}[\])>]",
    rf"[\[(](?-i:{_SOFTWARE}|\w*(?:Thread|Worker|Process|Pool|Executor|Engine|Service)\w*)[\])]",
    r"[\[(](?!\s*\d+\s*[\])]|[^\])]*\d:\d\d|\W*(?:speaker|spk|話者|s)[ _-]?\d)(?=[^\])]*[\d._:/=@])[^\])]{0,120}[\])]",
    r"<(?:\d{1,3}|std\w+)>",
    r"[EWIF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [^\]\s]+\]",  # glog
    r"E {2,}|[EWI] (?=\w+:\s|[\w/]+\.\w)",  # pytest, XLA
    r"FAILED \S+::\S+ - ",
    r"(?-i:[a-z][\w.-]*)\s+\|\s",  # docker compose
    r"std(?:err|out) [FP] ",  # Kubernetes
    r"(?:\d{1,2}:\d\d(?:AM|PM) )?(?-i:DBG|INF|WRN|ERR) (?:GRPC\([^)]{0,120}\): )?(?:std(?:err|out) )?",  # LocalAI
    r"std(?:err|out) (?=\w*(?:ggml|whisper|llama)_|\w+Error: |CUDA |Traceback )",
    r"HTTP(?:/[\d.]+)? [45]\d\d\b[^{\n]{0,60}",
    r"Error transcribing file on line ",  # Whisper-WebUI
    r"\d{1,2} : (?-i:[A-Z_]{4,}) : ",  # onnxruntime's number and name of an error
    r"[^=\n]{0,200}?\s{2,}(?:error|err|exception)=['\"]?",  # structlog
    r"line \d+:\s+(?:\d+\s+)?| {4,}\d+:\s",  # shells; the causes of anyhow
    rf"Thread \d+ \"(?-i:{_SOFTWARE})\"[^\n]{{0,40}} received signal SIG\w+, ",
    r"thread '[^']{0,60}'(?: \(\d+\))? panicked at (?:'|[^\s:]+:\d+:\d+:\s*)?",
    r"called `\w+::\w+\(\)` on an? `\w+` value: \"?",
    r"terminating (?:due to|with) uncaught exception of type [\w:]+:\s",
    r"[^\n]{0,200}?\bexception=\w+\(['\"]",
    r"[^\n]{0,300}?\[ONNXRuntimeError\] : \d+ : \w+ : ",
    r"Unexpected error from cudaGetDeviceCount\(\)\.[^\n]{0,200}?(?=Error \d+: )",
    r"\{[^\n]{0,300}?\"(?:msg|message|error|detail|event|exception)\"\s*:\s*\"",
    rf"\{{\"text\"\s*:\s*\"(?=\d{{4}}-\d\d-\d\d[T ]{_TIME}\s*\|\s*(?-i:{LEVEL})\b)",  # loguru
    r"\s*\"(?:msg|message|error|detail|exception|stderr|traceback)\"\s*:\s*\"",
    r"(?:\w+=(?:\"[^\"]*\"|[^\s\"]*)\s+)*(?:msg|message|error|err)=\"?",
)
_ENCLOSING = re.compile(r"(?:\w+\()+\"?")
"""`Cuda(DriverError(`: how Rust and Python print an error, once it is known for one."""


def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


_BY_KIND = ((_PLAIN, _compiled(_NEUTRAL)), (_ANYBODYS, _compiled(_ANYBODY)), (_WRITTEN, _compiled(_PROGRAM)))
_SENTENCES = (
    re.compile(r"([^:：\n]{1,100})[:：]\s*"),
    re.compile(r"((?:[^:：\n]|:(?=\S)){1,100}):\s+"),  # Failed to load it on cuda:0: ...
    re.compile(r"([^。:：\n]{1,60}(?:失敗|異常終了|発生)しました|[^。:：\n]{1,60}できませんでした)。\s*"),
)


@lru_cache(maxsize=256)
def beginnings(line: str) -> frozenset[int]:
    """Each place at which a program's own words may begin: the line's start, and behind whatever loggers put there."""
    shown = line[:LONGEST_BEFORE]
    start = (0, _WRITTEN if _SHOWN.search(shown) else _PLAIN)
    found, ahead = {start}, [start]
    while ahead:
        at, known = ahead.pop()
        reached = {(end, max(known, kind)) for end, kind in _next(shown, at, known)} - found
        ahead += reached
        found |= reached
    return frozenset(at for at, known in found if known != _ANYBODYS)


def _next(shown: str, at: int, known: int) -> set[tuple[int, int]]:
    """Where what stands at this place may end, and what it says of who writes."""
    ends = {(m.end(), kind) for kind, patterns in _BY_KIND for one in patterns if (m := one.match(shown, at))}
    for sentence in filter(None, (one.match(shown, at) for one in _SENTENCES)):  # Transcription failed:
        if _BAD.search(sentence[1]) and not _SAID.search(sentence[1]):
            ends.add((sentence.end(), known if sentence[1].strip() == _LOADER else _WRITTEN))
    if known == _WRITTEN and (enclosing := _ENCLOSING.match(shown, at)):
        ends.add((enclosing.end(), known))
    return {(end, kind) for end, kind in ends if end > at}


# ---- what a file holds ----------------------------------------------------------------------------------------------

_NO_TEXT = re.compile(r"[\x00-\x06\x0e-\x1a\ufffd]")
_MOST_NO_TEXT = 1 / 20
"""Of all characters: more than a text has of what a crash, a torn write or a stray byte leaves in it."""


def as_text(decoded: str) -> str | None:
    """A log without its zero bytes; None if it is no text at all. Rotation and power cuts leave runs of them in logs."""
    without = re.sub("\0+", "\0", decoded)
    if len(_NO_TEXT.findall(without)) > max(2, len(without) * _MOST_NO_TEXT):
        return None
    if "\0" in without and "\n" not in without:  # the head of some file, and no line at all
        return None
    return without.replace("\0", "")

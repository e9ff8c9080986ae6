"""
Where the words of a log's line begin, and which lines are what somebody said in a recording.

A library writes its error at the beginning of a line; what stands before it are
names, levels, times and brackets of loggers and tracebacks. The same words in
the middle of a line may be speech, a prompt, a test's name or a question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_LONGEST_BEFORE = 600
"""Characters; no logger writes more before the words."""
_LONGEST_CUE = 8
"""Lines under the times of a subtitle's cue."""
_LEVEL = r"(?:DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|CRITICAL|FATAL|TRACE)"
_TIME = r"\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_SENTENCE = re.compile(r"([^:：\n]{1,100})[:：]\s*")
_BAD = re.compile(r"error|failed|failure|exception|warning|fatal|crash|エラー|失敗|例外|警告", re.IGNORECASE)
_SAID = re.compile(r"\b(?:I|my|he|she|we|you|your|they|said|says|told|asked)\b|と言|言った", re.IGNORECASE)

_BEFORE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\s+",
        r"[^\w]+",  # bullets, quotation marks, signs of all kinds
        r"[âðÃ][^\x00-\x7f]{1,5}\s",  # such signs, read in another encoding
        r"\[[^\]]{0,120}\]|\([^)]{0,120}\)|<[^>]{0,120}>",
        rf"\d{{4}}[-/]\d\d[-/]\d\d[T ]{_TIME}(?:\s+-\s+[\w.]+(?=\s+-\s))?",
        rf"{_TIME}\s",
        rf"[A-Z][a-z]{{2}} +\d+ {_TIME} [\w.-]+ ",  # syslog: Nov 21 18:00:00 host
        r"[EWIF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [^\]\s]+\]",  # glog
        rf"{_LEVEL}\b(?:\s*[-|:]\s*[\w.:<>]+\s+[-|]\s)?",
        rf"{_LEVEL}:[\w.]+:|\w*(?:Error|Exception)\(['\"]",
        r"[EWI] (?=\s|\w+:\s|\w+\.\w)",  # pytest
        r"[\w.-]+\s+\|\s",  # docker compose
        r"[^\s「」『』\"“”‘’`：]{1,200}:\s",  # RuntimeError: ; /srv/app.py:12: ; a module's name
        r"[^\s「」『』\"“”‘’`:：]{1,40}：",
        r"line \d+:\s|\d+\s+(?=\S)",  # shells: their line, the process's number
        r"Caused by:\s|(?:CUDA|HIP) initialization:\s",
        r"(?:CUDA|HIP|cuDNN|cuBLAS) (?:failed with (?:error|status)|failure!?(?: \d+)?:?|(?:driver |runtime )?error:?) ",
        r"what\(\):\s+|terminate called after throwing an instance of '",
        r"thread '[^']{0,60}' panicked at (?:'|[^\s:]+:\d+:\d+:\s*)?",
        r"[^\n]{0,300}?\[ONNXRuntimeError\] : \d+ : \w+ : ",
        r"Unexpected error from cudaGetDeviceCount\(\)\.[^\n]{0,200}?(?=Error \d+: )",
        r"\{[^\n]{0,300}?\"(?:msg|message|error|detail|event|exception)\"\s*:\s*\"",
        r"(?:\w+=(?:\"[^\"]*\"|[^\s\"]*)\s+)*(?:msg|message|error|err)=\"?",
    )
)


@lru_cache(maxsize=256)
def beginnings(line: str) -> frozenset[int]:
    """Each place at which the line's own words may begin: its start, and behind whatever loggers put there."""
    shown = line[:_LONGEST_BEFORE]
    found, ahead = {0}, [0]
    while ahead:
        at = ahead.pop()
        ends = {match.end() for before in _BEFORE if (match := before.match(shown, at))}
        sentence = _SENTENCE.match(shown, at)  # Transcription failed:
        if sentence is not None and _BAD.search(sentence[1]) and not _SAID.search(sentence[1]):
            ends.add(sentence.end())
        ahead += ends - found
        found |= ends
    return frozenset(found)


_SECONDS = r"(?:\d+:)?\d+[:.,]\d+(?:[.,]\d+)?\s*s?"
_RANGE = rf"[\[(]?\s*{_SECONDS}\s*(?:-->|->|-|–|~)\s*{_SECONDS}\s*[\])]?"
_SPOKEN = re.compile(
    rf"^[^\n]{{0,80}}?(?:(?:\d\d:)?\d\d:\d\d[.,]\d+\s*-->|[\[(]\s*{_SECONDS}\s*(?:-->|->|-|–|~)\s*{_SECONDS}\s*[\])])"
    r"|^\[\d\d:\d\d\.\d\d\d?\]"  # lrc
    r"|^.{0,80}?\bsegment\W{0,3}\d+\s*[:：]"
    r"|^\W*(?:SPEAKER[_ ]?\d+|話者\s*\d+)\s*[:：\]]"
    r"|^\W*\"?(?:text|transcript|transcription|initial_prompt|prompt|文字起こし|書き起こし)\W{0,4}[:：=]",
    re.IGNORECASE,
)
_TIMES_ALONE = re.compile(rf"^\s*{_RANGE}\s*(?:\w+:\S+\s*)*$")


def is_speech(lines: Sequence[str], at: int) -> bool:
    """Whether that line is of a transcript: it has times or a segment's number before it, or is a subtitle's cue."""
    if _SPOKEN.match(lines[at][:_LONGEST_BEFORE]):
        return True
    for above in reversed(lines[max(0, at - _LONGEST_CUE) : at]):
        if not above.strip():
            return False
        if _TIMES_ALONE.match(above[:_LONGEST_BEFORE]):
            return True
    return False

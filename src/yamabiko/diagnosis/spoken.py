"""
Which lines of a log nobody's program has said: transcripts, subtitles, tables of them, quotations, changes of a text.

What people said, wrote or quoted may hold any error there is, and explains none. A transcript is known by its times, its
speakers or its keys; they stand in the line itself or above it.

Some of these signs are a program's as often: a heading, a clock, the number of a segment. A line that begins as only a
program writes outranks them, and so does a traceback whatever stands above it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from yamabiko.diagnosis.log_lines import LEVEL, LONGEST_BEFORE

_LONGEST_CUE = 8
"""Lines under the times of a subtitle's cue, or under a speaker's name."""
_LONGEST_CHANGE = 200
"""Lines of one hunk of a diff, or of one message of a commit."""

_SECONDS = r"(?:\d+:)?\d+[:.,]\d+(?:[.,]\d+)?\s*s?"
_TO = r"(?:-->|->|→|-|–|—|~|〜|～)"
_RANGE = rf"[\[(]?\s*{_SECONDS}\s*{_TO}\s*{_SECONDS}\s*[\])]?"
_KEYS = r"(?:text|transcript|transcription|initial_prompt|prompt|word|sentence|speech|caption|文字起こし|書き起こし)"
_SPEAKER = r"(?:SPEAKER|SPK|話者|発言者|話し手|SPEECH|S)[ _-]?[0-9A-Z]{1,2}"
_SPOKEN = re.compile(
    r"^[^\n]{0,80}?(?:(?:\d\d:)?\d\d:\d\d[.,]\d+\s*-->"
    rf"|[\[(]\s*{_SECONDS}\s*{_TO}\s*{_SECONDS}\s*[\])])"
    rf"|^\W*{_RANGE}\s+\D"
    r"|^\[\d+:\d\d\.\d\d\d?\]"  # lrc
    rf"|^\s*\d+(?:\.\d+)?[\t,;]\s*\d+(?:\.\d+)?[\t,;](?!\W?{LEVEL}\b)"  # tsv and csv, in milliseconds or seconds; labels of Audacity
    r"|^Dialogue:\s*\d+,|^(?:LEXEME|SPEAKER)\s\S+\s\d|^\S+\s[1A]\s\d+\.\d+\s\d+\.\d+\s"  # ass, rttm, ctm
    r"|^\s*<(?:p|s|v|text|span|c|tt|div|li|td|tr|q|blockquote)\b[^>]*>"  # ttml, the voices of vtt, pages
    rf"|^\W*{_SPEAKER}\s*[:：\]]"
    rf"|^(?!.*\"(?:error|exception|record)\"\s*:\s*[\"{{]\W*\w)[^\n]{{0,300}}\"(?:start|end|begin|speaker|segments|words)\"\s*:.{{0,200}}\"{_KEYS}\"\s*:"
    r"|^#{1,6}\s"  # a heading
    r"|^\s*>(?!>>)"  # a quotation
    r"|^\s*[\"“«](?:[^\"”»\\]|\\.)*[\"”»],?\s*$|^\s*[「『][^」』]*[」』][。、]?\s*$",  # a text in quotation marks, alone
    re.IGNORECASE,
)
_MAY_BE_SPOKEN = re.compile(
    r"^(?:(?!error|fail|エラー|失敗).){0,80}?\bsegment\W{0,3}\d+\s*[:：]"
    rf"|^(?!\[\w+\]:|\W*\"text\"\s*:.*\"record\"\s*:)\W*\"?{_KEYS}\W{{0,4}}[:：=]"
    r"|^.*(?:\btold me\b|\bwhat I\b|\bI (?:saw|see|got|get|said|had|think|was|am)\b|\bI'(?:m|ve)\b|と言(?:う|い|っ|わ)|って言)",
    re.IGNORECASE,
)
_TIMES_ALONE = re.compile(
    rf"^\s*{_SECONDS}\s*-->\s*{_SECONDS}\s*(?:\w+:\S+\s*)*$"
    r"|^\s*\d+:\d\d:\d\d\.\d+,\d+:\d\d:\d\d\.\d+\s*$"  # sbv
)
_MAY_BE_TIMES = re.compile(
    rf"^\s*{_RANGE}\s*(?:\w+:\S+\s*)*$"  # Whisper prints a cue in one line: below an empty one goes the program on
    r"|^\W*\d{0,2}:?\d{1,2}:\d\d(?:[.,]\d+)?\W*$"
)
_HEADS = (
    r"(?:Errors?|Exceptions?|Stderr|Stdout|Output|Logs?|Results?|Messages?|Details?|Reason|Cause|Stack|Trace|Traceback|Warnings?|Fatal"
    r"|Failure|Crash|Command|Console|Terminal|Symptoms?|Models?|Devices?|Environment|Versions?|System|Setup|Platform|Driver|Settings"
    r"|Config\w*|Options|Info\w*|Problem|Issue|Bug|Behaviou?r|Steps?|Stage|Task|Job|Run|Tests?|Attempt|Retry|Python|Whisper|Torch"
    r"|Docker|Server|Client|Worker|Engine|Backend|Status|Summary|Reproduc\w+|Started|Finished|Stopped|Ended|Failed|Created|Updated|Time"
    r"|Loading|Running|Starting|Processing|Transcribing|Initiali[sz]ing|Installing|Downloading|Importing|Converting|Decoding)"
)
"""Words of headings and steps, which no speaker is named."""
_HEADS_OF_JAPAN_AND_CHINA = (
    r"(?:エラー|原因|ログ|出力|内容|結果|詳細|症状|例外|メッセージ|現象|状況|警告|トレース|環境|設定|手順|再現|バージョン|起動|実行|問題|概要"
    r"|経緯|備考|コマンド|日志|输出|错误|报错|环境|信息|描述|版本|结果|原因|日誌|輸出|錯誤|環境|資訊|版本|結果)"
)
_NAME_ALONE = re.compile(
    rf"^\W*(?!.*\b{_HEADS}\b)[A-Z][a-z]+(?: [A-Z][\w.']*){{0,3}}\s*(?:[:：]|\(?\d*:?\d+:\d\d\)?:?)\s*$"
    rf"|^(?![^:：]*{_HEADS_OF_JAPAN_AND_CHINA}[:：])[^\sa-zA-Z]{{1,12}}[:：]\s*$"
    rf"|^\W*{_SPEAKER}\W*(?:\d*:?\d+:\d\d\W*)?$"
)
_CLOCK = r"\d{1,2}:\d\d"
_HALF = r"\s?[AaPp]\.?[Mm]\.?"
_DAY = r"(?:Today|Yesterday|今日|昨日|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|\d{1,4}[./-]\d{1,2}[./-]\d{2,4})"
_A_CHATS_HEAD = re.compile(  # Slack, Discord, Teams, Telegram: a name and a clock, and nothing else
    rf"^(?!.*(?i:\b{_HEADS}\b))[^\W\d_][\w.'-]*(?: [\w.'-]+){{0,3}}(?:\s+APP)?\s*[—–,|]?\s*"
    rf"(?:{_DAY}(?: at|,)? {_CLOCK}(?:{_HALF})?|\[(?:{_DAY},? )?{_CLOCK}(?:{_HALF})?\]"
    rf"|(?:午前|午後)\s?{_CLOCK}|(?<=\s){_CLOCK}{_HALF}):?\s*$"
    rf"|^\[{_CLOCK}(?:{_HALF})?\] (?!.*(?i:\b{_HEADS}\b))[A-Z][\w.'-]*(?: [A-Z][\w.'-]*){{0,3}}:?\s*$"
)
_UNDERLINE = re.compile(r"([=\-~^*\"])\1{3,}\s*$")
_LISTED = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s")
_KEY_ALONE = re.compile(rf"^[\s-]*\"?{_KEYS}\"?\s*:\s*[|>]?[-+]?\s*$", re.IGNORECASE)
_TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\)")
_BAD_LEVEL = r"(?:WARN(?:ING)?|ERROR|ERR|CRITICAL|FATAL)"  # a transcript may be logged too: INFO segment 3: ...
_BY_A_PROGRAM = re.compile(
    rf"\s*(?:{_BAD_LEVEL}(?=[\s:\]|-])|[\[(<](?:[^\])>]{{0,80}}\b)?{_BAD_LEVEL}\b[^\])>]{{0,80}}[\])>]"
    r"|(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning):\s|ggml_\w+|whisper_\w+:|terminate called |Traceback \(most)"
)
"""How a line begins that nobody speaks: a level of failure, an exception's name, ggml's functions."""
_AN_ERRORS_FORM = re.compile(
    r"\b[A-Z]\w+(?:Error|Exception):\s|\bTraceback \(most recent|\bggml_\w+"
    r"|(?<![a-z] )\b(?:ERROR|CRITICAL|FATAL)\b(?=\s?[:\]|)>\"',]|\s-\s| {2,}|\t)"  # a word in capitals may be spoken loudly
)
_COMMIT = re.compile(r"(?:commit \w{3,40}\b|Author: |Date: |Merge: |AuthorDate: |CommitDate: |Subject: )")


def is_speech(lines: Sequence[str], at: int) -> bool:
    """Whether that line is no program's: of a transcript, by what stands in it or above it, or of a quoted text."""
    shown = lines[at][:LONGEST_BEFORE]
    by_a_program = _BY_A_PROGRAM.match(shown) is not None
    if _SPOKEN.match(shown) or (_MAY_BE_SPOKEN.match(shown) and not by_a_program):
        return True
    return _is_below_a_speakers_sign(lines, at, by_a_program) or _is_of_a_change(lines, at)


def is_a_heading(lines: Sequence[str], at: int) -> bool:
    """
    Whether a line of its own length underlines it, as headings of reStructuredText are; programs' rulers have a fixed one.

    It may be a program's still: it explains nothing, and is not called well.
    """
    below = lines[at + 1].rstrip() if at + 1 < len(lines) else ""
    underlined = len(below) == len(lines[at].rstrip()) and _UNDERLINE.match(below) is not None
    return underlined and _BY_A_PROGRAM.match(lines[at][:LONGEST_BEFORE]) is None


def tells_of_an_error(line: str) -> bool:
    """Whether it holds what is written, and hardly spoken: an exception's name, a level, a traceback."""
    return _AN_ERRORS_FORM.search(line[:LONGEST_BEFORE]) is not None


def _is_below_a_speakers_sign(lines: Sequence[str], at: int, by_a_program: bool) -> bool:
    """Whether times, a key or a name above the line make it speech, and nothing between them is a program's."""
    traceback = _TRACEBACK.match(lines[at]) is not None
    for above in reversed(lines[max(0, at - _LONGEST_CUE) : at]):
        if not above.strip() or traceback:
            return False
        shown = above[:LONGEST_BEFORE]
        if _TIMES_ALONE.match(shown) or _KEY_ALONE.match(shown):
            return True
        if not by_a_program and (
            _MAY_BE_TIMES.match(shown)
            or _A_CHATS_HEAD.match(shown)
            or (_NAME_ALONE.match(shown) and not _LISTED.match(lines[at]))
        ):
            return True
        traceback = _TRACEBACK.match(shown) is not None
        by_a_program = by_a_program or _BY_A_PROGRAM.match(shown) is not None
    return False


def _is_of_a_change(lines: Sequence[str], at: int) -> bool:
    """A line of a diff's hunk, or of the message of a commit."""
    if lines[at][:1] in ("+", "-", " "):
        for above in reversed(lines[max(0, at - _LONGEST_CHANGE) : at]):
            if above.startswith("@@ -"):
                return True
            if above[:1] not in ("+", "-", " ", "\\"):
                break
    if lines[at].startswith("    "):
        for above in reversed(lines[max(0, at - _LONGEST_CHANGE) : at]):
            if above.strip() and not above.startswith("    "):
                return _COMMIT.match(above) is not None
    return False

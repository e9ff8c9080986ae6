"""The table of `yamabiko engines recommend`: ways to transcribe, what each asks for, and how often it errs by whose test."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from yamabiko.cli import answers, screen
from yamabiko.engines.card_parts import NEVER_RUN_ON_A_GPU
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.cli.to_fetch import Needed
    from yamabiko.scheduling.advice import Option

LONG_LOAD_S = 60.0
"""From here on the time of loading is told."""
_HEADERS = (
    Text("engine", "エンジン"),
    Text("model", "モデル"),
    Text("runs on", "動作先"),
    Text("at once", "同時処理"),
    Text("memory", "メモリ"),
    Text("to fetch", "要取得"),
    Text("work for 1 s", "1秒の処理"),
    Text("wrong", "誤り率"),
    Text("run by us", "動作確認"),
    Text("notes", "備考"),
)


def show(shown: Sequence[Option], needed: Mapping[Option, Needed]) -> None:
    marks = _marks(shown)
    answers.show_table(_HEADERS, [_row(option, needed[option], marks) for option in shown], name_columns=2)
    if marks:
        print(_tests(marks))


def _marks(shown: Iterable[Option]) -> dict[str, str]:
    """A letter for each test whose figures are shown; none where all are of one."""
    tests = dict.fromkeys(one.score.test for one in shown if one.score)
    return {test: string.ascii_lowercase[n] if len(tests) > 1 else "" for n, test in enumerate(tests)}


def _tests(marks: Mapping[str, str]) -> Text:
    named = "; ".join(f"{mark} = {test}" if mark else test for test, mark in marks.items())
    apart = Text("", "")
    if len(marks) > 1:
        apart = Text(" Only figures with one letter compare.", "同じ文字の値どうしだけ比較できます。")
    return Text(f"Tests behind “wrong”: {named}.{apart.en}", f"誤り率の出典: {named}。{apart.ja}")


def _row(option: Option, needed: Needed, marks: Mapping[str, str]) -> list[str]:
    about = "" if option.memory_measured else "~"
    notes = [str(option.against)] if option.against else []
    if option.device != "cpu":
        notes.append(str(NEVER_RUN_ON_A_GPU))
    if option.read_speech_only:
        notes.append(str(Text("loses conversation and television", "会話やテレビ音声に弱い")))
    if not needed.model.entry.pinned:
        notes.append(str(Text("files not pinned", "ファイルのハッシュは未固定")))
    if option.measured is not None and option.measured.load_s >= LONG_LOAD_S:
        took = f"{option.measured.load_s:.0f}"
        notes.append(str(Text(f"loading took {took} s, beside other work", f"読み込み {took} 秒（ほかの処理と並行）")))
    return [
        option.engine,
        option.model,
        f"{option.device}, {option.precision}",
        str(option.batch_size) if option.batch_size > 1 else "",
        f"{about}{screen.size(option.memory_bytes)}",
        needed.cell,
        f"~{option.pace_told:.2f} s" if option.pace_told is not None else "–",
        f"{option.score.percent:g} % {marks[option.score.test]}".strip() if option.score else "–",
        str(_heard(option)),
        "; ".join(notes),
    ]


def _heard(option: Option) -> Text:
    """With which weights we ran it, on this kind of device."""
    if option.heard:
        return Text("yes", "済み")
    if option.measured is not None:
        return Text("random", "乱数のみ")
    return Text("never", "未確認")

"""
What stands before a line of evidence, and why a fact could not be had, in the reader's language.

Evidence and reasons are kept as they were seen, in facts, files and JSON; what is ours in them is said anew where people read it.
"""

from __future__ import annotations

import re

from yamabiko.diagnosis.evidence_in_japanese import SAID
from yamabiko.diagnosis.facts.records import Rung
from yamabiko.engines.contract import AS_STORED
from yamabiko.i18n import Text, reader_language

_LABELS = {
    "said": "出力", "ended": "終了", "log": "ログ", "may be": "可能性",
    "not here": "ここでは該当せず", "worker": "ワーカー", "worker said": "ワーカーの出力",
    "worker ended": "ワーカーの終了", "worker raised": "ワーカーのエラー", "worker memory": "ワーカーのメモリ",
    "package": "パッケージ", "packages": "パッケージ", "loader": "ローダー", "probe": "プローブ",
    "driver probe": "ドライバーのプローブ", "nvml probe": "NVMLのプローブ", "driver": "ドライバー", "environment": "環境変数",
    "system": "システム", "container": "コンテナー", "groups": "グループ", "model": "モデル", "table": "対応表", "profile": "プロファイル",
    "engine": "エンジン", "decoder": "デコーダー", "file system": "ファイルシステム", "looked in": "探した場所", "asked": "指定",
    "stretches": "区間", "speech finder": "話し声の検出", "script": "台本", "option": "オプション", "hub": "ハブ",
}  # fmt: skip
"""What a line of evidence comes from, where that is no file, variable or program."""

_REASONS = {
    "nobody looked": "調べていません",
    "the report does not say": "報告に記載がありません",
    "the system gives no release": "システムが版を返しません",
    "the C library is not glibc": "Cライブラリーがglibcではありません",
    "the folder's name does not tell": "フォルダー名からは分かりません",
    "no libstdc++.so.6 in the usual folders": "通常のフォルダーに libstdc++.so.6 がありません",
    "no driver of a known version is loaded here; a probe asks it": "既知の版のドライバーが読み込まれていません（プローブで調べます）",
    "only Windows knows it: wsl.exe --version": "Windows側でしか分かりません（wsl.exe --version）",
    "there is no /dev/kfd": "/dev/kfd がありません",
    "there is no ldconfig: this C library keeps no cache": "ldconfig がありません（このCライブラリーはキャッシュを持ちません）",
    "/etc/os-release has no PRETTY_NAME": "/etc/os-release に PRETTY_NAME がありません",
    "/sys/bus/pci/devices shows nothing": "/sys/bus/pci/devices に何も表示されません",
    "/proc/cpuinfo lists no flags": "/proc/cpuinfo にフラグがありません",
    "/proc/cpuinfo names no model": "/proc/cpuinfo に型名がありません",
    "/proc/meminfo does not say": "/proc/meminfo に記載がありません",
}
_PATTERNS = (
    (re.compile(r"not looked at on (\S+)"), r"\1 では調べていません"),
    (re.compile(r"(.+): “(.*)” is not understood"), r"\1: 「\2」を解釈できません"),
    (re.compile(r"(.+): “(.*)” is no number"), r"\1: 「\2」は数ではありません"),
    (re.compile(r"(.+): no GLIBCXX version in it"), r"\1: GLIBCXXの版がありません"),
)
_RUNGS = {
    "whole": "完全性", "load": "読み込み", "count": "デバイスの数", "kernel": "演算", "speech": "文字起こし", "text": "文字",
    "(proved)": "（確認済み）", "(not proved)": "（未確認）", "(refuted)": "（申告と異なる場所で実行）",
}  # fmt: skip


def rung_name(what: str) -> Text:
    """Of a `Rung`: `kernel cpu/int8`, `speech cpu/int8 (proved)`."""
    english = what.replace(f"/{AS_STORED}", " in the model's own precision")
    japanese = what.replace(f"/{AS_STORED}", "（モデルの精度のまま）")
    for word, said in _RUNGS.items():
        japanese = japanese.replace(word, said)
    return Text(english, re.sub(r"\s*(（.*?）)", r"\1", japanese))


def rung_said(rung: Rung) -> Text:
    """What came of it; what the system itself has said stays in its words."""
    if rung.well:
        return Text("ok", "正常")
    silent = re.fullmatch(r"silent nothing for (\d+) s: ?(.*)", rung.said)
    if silent is None:
        return Text(rung.said, rung.said)
    seconds, last = silent[1], silent[2] and f": {silent[2]}"
    return Text(f"no answer for {seconds} s{last}", f"{seconds} 秒待っても応答なし{last}")


def labelled(line: str) -> str:
    """A line of evidence with its label in the reader's language; what follows is what was seen, as it is."""
    return line if reader_language() != "ja" else in_japanese(line)


def in_japanese(line: str) -> str:
    """Of a line of evidence what is ours; what was seen stays as it is."""
    for pattern, japanese in SAID:
        if pattern.fullmatch(line):
            return pattern.sub(japanese, line)
    label, colon, seen = line.partition(": ")
    return f"{_LABELS[label]}: {seen}" if colon and label in _LABELS else line


def why(reason: str) -> Text:
    """Why a fact could not be had. What the system itself has said stays in its words."""
    if reason in _REASONS:
        return Text(reason, _REASONS[reason])
    for pattern, japanese in _PATTERNS:
        if pattern.fullmatch(reason):
            return Text(reason, pattern.sub(japanese, reason))
    return Text(reason, reason)

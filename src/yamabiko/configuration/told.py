"""What can be wrong with settings, as Findings. A value is quoted only where it cannot be a secret."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text

_CHECK = Remedy(Text("See all that is wrong with the file", "ファイルの誤りをすべて表示する"), "yamabiko config check")


def unreadable(path: Path, *evidence: str) -> Finding:
    return Finding(
        id="config-unreadable",
        severity="error",
        area="usage",
        cause=Text(f"The settings file {path} cannot be read.", f"設定ファイル {path} を読めません。"),
        evidence=tuple(line[:500] for line in evidence),
        remedies=(
            Remedy(
                Text("Put it away; the next start writes a fresh one", "別の場所へ移す（次の起動時に作り直されます）"),
                cost="effort",
            ),
        ),
    )


def not_there(path: Path) -> Finding:
    return Finding(
        id="config-unreadable",
        severity="error",
        area="usage",
        cause=Text(f"There is no settings file {path}.", f"設定ファイル {path} がありません。"),
        evidence=("asked: it was named by --config or YAMABIKO_CONFIG",),
        remedies=(
            Remedy(
                Text("Write one there, with every default in it", "既定値を記した設定ファイルを作る"),
                f"yamabiko config write {path}",
            ),
        ),
    )


def not_text(path: Path, line: int) -> Finding:
    return Finding(
        id="config-unreadable",
        severity="error",
        area="usage",
        cause=Text(
            f"The settings file {path} is not UTF-8: line {line} holds other bytes.",
            f"設定ファイル {path} の {line} 行目が UTF-8 ではありません。",
        ),
        evidence=(f"file: {path}:{line}",),
        remedies=(
            Remedy(
                Text("Save it again as UTF-8, in the editor", "エディターで文字コードを UTF-8 にして保存し直す"),
                cost="effort",
            ),
        ),
    )


def broken(path: Path, line: int | None, said: str) -> Finding:
    at = f":{line}" if line else ""
    return Finding(
        id="config-unreadable",
        severity="error",
        area="usage",
        cause=Text(
            f"The settings file {path} is no TOML" + (f" from line {line} on." if line else "."),
            f"設定ファイル {path} " + (f"の {line} 行目以降" if line else "") + "が TOML として読めません。",
        ),
        evidence=(f"file: {path}{at}", f"parser: {said[:300]}"),
        remedies=(
            Remedy(
                Text(
                    "Words stand in quotes, a Windows path in single ones, and true, false and numbers in none",
                    "文字列は引用符で囲み（Windows のパスは一重引用符）、true・false・数値は囲まない",
                ),
                "model = 'C:\\models\\base'",
                "effort",
            ),
        ),
    )


def unknown(place: str, key: str, near: str | None, also: str = "") -> Finding:
    shown = key[:100]
    return Finding(
        id="config-key-unknown",
        severity="warning",
        area="usage",
        cause=Text(
            f"There is no setting “{shown}”{also}, so it changes nothing.",
            f"「{shown}」という設定はないため、無視されます。",
        ),
        evidence=(f"file: {place}",),
        remedies=(
            Remedy(Text("Did you mean this one?", "これではありませんか？"), near)
            if near
            else Remedy(Text("See which there are", "設定の一覧を見る"), "yamabiko config show"),
        ),
    )


def wrong(where: str, name: str, rule: Text, given: object = None, remedy: Remedy | None = None) -> Finding:
    """`where`: `file: path:line` or `environment: NAME`. `given`: quoted, unless it is None."""
    said = "" if given is None else json.dumps(given, ensure_ascii=False, default=str)[:200]
    return Finding(
        id="config-value-wrong",
        severity="error",
        area="usage",
        cause=Text(
            f"{name} cannot be {said}: {rule.en}." if said else f"{name} is wrong: {rule.en}.",
            f"{name} に {said} は指定できません（{rule.ja}）。"
            if said
            else f"{name} の指定が誤っています（{rule.ja}）。",
        ),
        evidence=(where,),
        remedies=(remedy,) if remedy else (),
    )


def too_many(path: Path, more: int) -> Finding:
    return Finding(
        id="config-key-unknown",
        severity="warning",
        area="usage",
        cause=Text(f"{more} more keys in the file are no settings.", f"ほかにも {more} 個、設定でないキーがあります。"),
        evidence=(f"file: {path}",),
        remedies=(_CHECK,),
    )


def not_written(path: Path, why: str) -> Finding:
    return Finding(
        id="config-not-written",
        severity="warning",
        area="usage",
        cause=Text(
            f"The settings file {path} cannot be written, so there is none; all defaults hold.",
            f"設定ファイル {path} を作成できないため、すべて既定値で動作します。",
        ),
        evidence=(f"system: {why}"[:500],),
        remedies=(
            Remedy(
                Text("Name a place for it", "書き込める場所を指定する"), "yamabiko config write /path/to/config.toml",
                "effort",
            ),
            Remedy(
                Text("Keep all of yamabiko's files elsewhere", "yamabiko の保存先を変える"),
                "YAMABIKO_HOME=/path/to/folder yamabiko serve",
                "effort",
            ),
        ),
    )  # fmt: skip


def not_changed(path: Path, why: str) -> Finding:
    return Finding(
        id="config-not-written",
        severity="error",
        area="usage",
        cause=Text(f"The settings file {path} was not written.", f"設定ファイル {path} に書き込みませんでした。"),
        evidence=(why[:500],),
        remedies=(
            Remedy(
                Text("Name a place for it", "書き込める場所を指定する"),
                "yamabiko config write /path/to/config.toml",
                "effort",
            ),
        ),
    )


def twice(where: str, name: str, other: str, before: str) -> Finding:
    return wrong(
        f"file: {where}",
        name,
        Text(f"it says otherwise than {other} in {before}", f"{before} の {other} と食い違っています"),
        remedy=Remedy(Text("Leave one of them out", "どちらか一方を消す"), cost="effort"),
    )


def plain_secret(where: str, name: str) -> Finding:
    return wrong(
        f"file: {where}",
        name,
        Text("keys never stand in the file in plain words", "キーをそのまま書くことはできません"),
        remedy=Remedy(
            Text("Have a key made, of which only the hash is kept", "キーを発行し、ハッシュ値だけを保存する"),
            "yamabiko config add-key NAME",
        ),
    )


def near(name: str, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name.lower(), known, 1)), None)

"""What is told of models: where one lies and what its hashes are worth, and which one a remedy names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yamabiko.cli import screen
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

    from yamabiko.engines.models import LocalModel
    from yamabiko.engines.models.store import Origin

PLACE: dict[Origin, Text] = {
    "path": Text("your folder", "指定のフォルダー"),
    "our cache": Text("our cache", "専用キャッシュ"),
    "hugging face cache": Text("Hugging Face cache", "Hugging Face のキャッシュ"),
    "hub": Text("the hub", "ハブ"),
    "authors": Text("its authors", "作者の配布元"),
    "package index": Text("the package index", "パッケージインデックス"),
}


_OPTIONS = re.compile(r"(?:--(?:speaker-)?engine (?P<engine>\S+) )?--(?:model|speaker-model|align) (?P<words>\S.*)")
"""As `engines.naming.option` names a model."""


@dataclass(frozen=True, slots=True)
class Named:
    """A model as a remedy names it, in options of `yamabiko transcribe`."""

    engine: str | None
    """None: the default engine, or the one that was asked for."""
    words: str
    """Its name or path, and options that follow it (`--trust-model`)."""


def named_by(command: str | None) -> Named | None:
    """What a remedy's command names, where it is nothing but these options; None: it is another command."""
    found = _OPTIONS.fullmatch(command or "")
    return Named(found["engine"], found["words"]) if found else None


def show_hashes(local: LocalModel, console: Console) -> None:
    """Of what nobody has pinned: whoever knows the hashes from elsewhere can hold them against these."""
    if not local.pinned and local.origin != "path":
        for file in local.files:
            screen.say(console, f"  sha256 {file.sha256 or '?'}  {file.name}")


def description(local: LocalModel) -> Text:
    """How many files, whether their hashes are known ones, from where, and where."""
    count, size = len(local.files), screen.size(sum(file.size or 0 for file in local.files))
    origin = PLACE[local.origin]
    hashes = _hashes(local)
    return Text(
        f"{count} file{'s' if count != 1 else ''}, {size}, {hashes.en} ({origin.en}): {local.path}",
        f"{count} ファイル、{size}、{hashes.ja}（{origin.ja}）: {local.path}",
    )


def _hashes(local: LocalModel) -> Text:
    if local.pinned:
        pins = Text("as pinned in the catalogue", "カタログの固定値")
        if _by_others(local):
            pins = Text(f"{pins.en} by others' word", f"{pins.ja}（公開情報のハッシュ）")
        if not local.beside:
            return Text(f"sha256 {pins.en}", f"sha256 は{pins.ja}と一致")
        names = ", ".join(local.beside)
        return Text(
            f"sha256 {pins.en}, but for {names}, which it does not have",
            f"sha256 は{pins.ja}と一致（カタログにない {names} を除く）",
        )
    if all(file.sha256 for file in local.files):
        if local.origin == "path":
            return Text(
                "a folder of yours: nothing to hold its sha256 against", "ご自身のフォルダーのため照合する固定値なし"
            )
        return Text("sha256 as recorded when it came (not pinned)", "sha256 は取得時の記録と一致（固定値なし）")
    return Text("sha256 not known", "sha256 は不明")


def _by_others(local: LocalModel) -> bool:
    """Whether the pins that its files have are hashes that we never computed."""
    from yamabiko.engines.models.catalogue import catalogue

    has = {file.sha256 for file in local.files}
    return any(
        entry.pinned_by == "others" and has.issuperset(file.sha256 for file in entry.files)
        for entry in catalogue().models
    )

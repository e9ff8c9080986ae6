"""What a way to transcribe would still fetch: the files of its model, and the environment that its engine runs in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yamabiko import settings
from yamabiko.cli import screen
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.engines.models import ModelState
    from yamabiko.scheduling.advice import Option


@dataclass(frozen=True, slots=True)
class EnvironmentNeeded:
    engine: str
    profile: str
    here: bool
    size_bytes: int | None
    """On the disk, as the one for the CPU was measured; None: never made by us."""

    @property
    def size(self) -> str:
        return f"~{screen.size(self.size_bytes)}" if self.size_bytes else "?"


@dataclass(frozen=True, slots=True)
class Needed:
    """Of one way."""

    model: ModelState
    environment: EnvironmentNeeded

    @property
    def model_is_here(self) -> bool:
        return self.model.local is not None or self.model.unchecked

    @property
    def model_size(self) -> str:
        entry = self.model.entry
        return ("" if entry.pinned else "~") + screen.size(entry.size_bytes) if entry.size_bytes else "?"

    @property
    def cell(self) -> str:
        """`2.32 GiB + ~1.57 GiB`, the model and the environment; what is here is left out."""
        model = "" if self.model_is_here else self.model_size
        return model if self.environment.here else f"{model} + {self.environment.size}".strip()

    def lines(self) -> Iterator[Text]:
        """What stands between a proposal and its first text, a line each."""
        entry, environment = self.model.entry, self.environment
        if not self.model_is_here:
            size = Text(self.model_size, self.model_size) if entry.size_bytes else _UNKNOWN
            where = Text("the hub", "ハブ") if entry.hub else Text("its authors", "作者の配布元")
            pull = f"`yamabiko models pull {entry.name}`"
            yield Text(
                f"the model must be fetched: {size.en}, from {where.en}, at the first use or by {pull}",
                f"モデルの取得が必要: {size.ja}（{where.ja}から、初回の使用時か {pull} で）",
            )
        if not environment.here:
            size = Text(environment.size, environment.size) if environment.size_bytes else _UNMEASURED
            install = f"`yamabiko engines install {environment.engine} --profile {environment.profile}`"
            yield Text(
                f"the engine's environment must be fetched: {size.en} on the disk, from a package index, at the first use or by "
                f"{install}",
                f"エンジンの環境の取得が必要: ディスク上で {size.ja}（パッケージインデックスから、初回の使用時か {install} で）",
            )


_UNKNOWN = Text("size not known", "サイズ不明")
_UNMEASURED = Text("how much, we never measured", "サイズ未測定")
TOLD = Text(
    "To fetch: the model + the environment of the engine, as large as it was on our disk (?: never measured).",
    "「要取得」はモデル + エンジンの環境です（環境はディスク上の実測サイズ。? は未測定）。",
)


def needed(options: Iterable[Option], *, elsewhere: bool) -> dict[Option, Needed]:
    """`elsewhere`: for another machine; what lies here is of no use to it."""
    from yamabiko.engines.models import ModelState, entries

    ways = tuple(options)
    names = {option.model for option in ways}
    states = {state.entry.name: state for state in entries(settings.current()) if state.entry.name in names}
    if elsewhere:
        states = {name: ModelState(state.entry, None) for name, state in states.items()}
    runs_in = {(one.engine, one.device): None for one in ways}
    environments = {pair: _environment(*pair, elsewhere=elsewhere) for pair in runs_in}
    return {option: Needed(states[option.model], environments[option.engine, option.device]) for option in ways}


def _environment(engine: str, device: str, *, elsewhere: bool) -> EnvironmentNeeded:
    from yamabiko.engines import catalog, environments
    from yamabiko.engines.choices import measurements
    from yamabiko.scheduling.advice import unasked

    card = catalog.card(engine)
    profile = unasked(card, device)
    assert profile is not None, "an Option has one"
    here = not elsewhere and environments.find(card, settings.current(), profile.name) is not None
    seen = next(iter(measurements().of(engine)), None) if device == "cpu" else None
    return EnvironmentNeeded(engine, profile.name, here, seen.environment_bytes if seen else None)

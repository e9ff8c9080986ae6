"""One line of `engines list`: an engine in one of its environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from yamabiko import settings
from yamabiko.cli import screen
from yamabiko.engines.contract import Card, Profile
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.engines.environments import State

HEADERS = (
    Text("engine", "エンジン"),
    Text("profile", "環境"),
    Text("status", "状態"),
    Text("version", "版"),
    Text("size", "サイズ"),
    Text("runs on", "動作先"),
    Text("licence", "ライセンス"),
    Text("notes", "備考"),
)

_STATUS = {
    "ready": Text("ready", "使用可"),
    "not installed": Text("not installed", "未導入"),
    "installing": Text("being installed", "導入中"),
    "broken": Text("broken", "破損"),
    "outdated": Text("outdated", "要更新"),
}
_FROM_HERE = Text("ready (yamabiko's own Python)", "使用可（yamabiko の Python）")


def row(card: Card, profile: Profile, state: State) -> list[str]:
    notes = [str(text) for text in (profile.not_verified, state.why and state.why.cause) if text]
    return [
        card.name,
        profile.name if card.profiles else "–",
        str(_status(state)),
        _version(card, state) or "–",
        screen.size(state.size_bytes) if state.size_bytes else "–",
        ", ".join(_devices(card, profile)),
        card.licence,
        "; ".join([*notes, *state.notes]),
    ]


def record(card: Card, profile: Profile, state: State) -> dict[str, object]:
    return {
        **vars(state),
        "version": _version(card, state),
        "job": card.job,
        "summary": card.summary,
        "devices": _devices(card, profile),
        "languages": card.languages,
        "licence": card.licence,
        "default_model": card.default_model,
        "not_verified": profile.not_verified,
    }


def profiles(card: Card) -> Sequence[Profile]:
    return card.profiles or (Profile("own", "", ()),)


def _devices(card: Card, profile: Profile) -> tuple[str, ...]:
    """Where this environment can run; an engine without one is part of yamabiko, and no engine of ours needs a GPU."""
    return profile.devices or ("cpu",)


def state(card: Card, profile: Profile) -> State:
    from yamabiko.engines import environments

    return environments.state(card, settings.current(), profile.name)


def is_own(state: State) -> bool:
    return state.environment is not None and state.environment.origin == "running interpreter"


def _status(state: State) -> Text:
    return _FROM_HERE if state.status == "ready" and is_own(state) else _STATUS[state.status]


def _version(card: Card, state: State) -> str | None:
    """Of the engine's own package, where it is installed."""
    if card.distribution is None:
        from yamabiko import __version__

        return __version__
    if is_own(state):
        from importlib import metadata

        try:
            return metadata.version(card.distribution)
        except metadata.PackageNotFoundError:
            return None
    wanted = _normalised(card.distribution)
    return next((version for name, version in state.packages if _normalised(name) == wanted), None)


def _normalised(distribution: str) -> str:
    return distribution.lower().replace("_", "-")

"""One line of `engines list`: an engine in one of its environments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from yamabiko import settings
from yamabiko.cli import screen
from yamabiko.engines.contract import Card, Job, Profile
from yamabiko.engines.verified import verified
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
    Text("notes", "備考"),
)

_STATUS = {
    "ready": Text("ready", "使用可"),
    "not installed": Text("not installed", "未導入"),
    "installing": Text("being installed", "導入中"),
    "broken": Text("broken", "破損"),
    "outdated": Text("outdated", "要更新"),
}
_JOB: dict[Job, Text] = {
    "transcribe": Text("transcribes", "文字起こし用"),
    "find-speech": Text("finds speech, writes no text", "話し声の検出用"),
    "find-speakers": Text("tells speakers apart, writes no text", "話者の区別用"),
    "align": Text("times the words of another engine's text", "単語の時刻の計算用"),
}
_FOR_TESTS = Text("for tests: writes what a script says, no transcription", "試験用（台本の文を書くだけ）")
_FROM_HERE = Text("in yamabiko's own Python", "yamabiko の Python にあるものを使用")
_NEVER_WITH_ITS_OWN_WEIGHTS = Text(
    "tried by us with made-up weights alone, never with a model's own",
    "動作確認は仮の重みのみ（実際のモデルでは未確認）",
)
_PART_OF_US = Text("part of yamabiko", "yamabiko に付属")


def row(card: Card, profile: Profile, state: State) -> list[str]:
    return [
        card.name,
        profile.name if card.profiles else "–",
        status(state),
        _version(card, state) or "–",
        screen.size(state.size_bytes) if state.size_bytes else "–",
        ", ".join(_devices(card, profile)),
        "; ".join(_notes(card, profile, state)),
    ]


def record(card: Card, profile: Profile, state: State) -> dict[str, object]:
    return {
        **vars(state),
        "version": _version(card, state),
        "job": card.job,
        "for_tests": card.for_tests,
        "summary": card.summary,
        "devices": _devices(card, profile),
        "languages": card.languages,
        "licence": card.licence,
        "default_model": card.default_model,
        "not_verified": not_verified(card, profile),
    }


def profiles(card: Card) -> Sequence[Profile]:
    return card.profiles or (Profile("own", "", ()),)


def _devices(card: Card, profile: Profile) -> tuple[str, ...]:
    """Where this environment can run; an engine without one is part of yamabiko, and no engine of ours needs a GPU."""
    return profile.devices or ("cpu",)


def state(card: Card, profile: Profile) -> State:
    from yamabiko.engines import environments

    return environments.state(card, settings.current(), profile.name)


def status(state: State) -> str:
    return str(_STATUS[state.status])


def purpose(card: Card) -> Text:
    """What it is for."""
    return _FOR_TESTS if card.for_tests else _JOB[card.job]


def not_verified(card: Card, profile: Profile) -> Text | None:
    """What nobody has shown of it: by the CARD, and by what `make test-engines` had."""
    seen = verified().get(card.name)
    made_up = seen is not None and not seen.real_weights
    return profile.not_verified or (_NEVER_WITH_ITS_OWN_WEIGHTS if made_up else None)


def is_own(state: State) -> bool:
    return state.environment is not None and state.environment.origin == "running interpreter"


def _notes(card: Card, profile: Profile, state: State) -> list[str]:
    origin = _FROM_HERE if is_own(state) else None
    part = _PART_OF_US if not card.profiles else origin
    texts = (purpose(card), part, not_verified(card, profile), state.why and state.why.cause)
    return [*(str(text) for text in texts if text), *state.notes, card.licence]


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

"""
What was asked of an engine that cannot do it: what is worth nothing without is refused, the rest is said to be unheeded.

One rule for all doors. It reads the CARD, and once a model is loaded what that model says of itself.
"""

from __future__ import annotations

from collections.abc import Collection

from yamabiko.engines import catalog
from yamabiko.engines.contract import ALL_OF_SEARCH, Card, Feature, Loaded
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.scheduling import run_findings
from yamabiko.speech import TranscribeOptions

_FEATURES: dict[str, Feature] = {"initial_prompt": "prompt", "hotwords": "hotwords", "word_timestamps": "word-times"}
"""Options that are heeded where a feature is there."""
_TYPED = {"temperatures": "temperature"}
"""Where people know an option by another name."""
_USUAL = TranscribeOptions()
_OFF: dict[str, object] = {
    "beam_size": 1, "best_of": 1, "temperatures": (0.0,), "compression_ratio_threshold": None,
    "logprob_threshold": None, "no_speech_threshold": None, "condition_on_previous_text": False,
}  # fmt: skip
"""Without: who asks for that has it from an engine that lacks the thing."""


def refuse_by_card(card: Card, model: str | None, options: TranscribeOptions) -> None:
    """
    What no work is begun for. `model` None or the CARD's own: another may do what the CARD does not promise.

    Raises: Problem (task-not-supported).
    """
    if model in (None, card.default_model):
        _refuse_task(card, card.features, options)


def refuse(card: Card, loaded: Loaded, model: str, options: TranscribeOptions) -> None:
    """
    What the loaded model cannot do at all. One of a single language writes its sounds for every other.

    Raises: Problem (task-not-supported, model-lacks-language).
    """
    _refuse_task(card, _features(card, loaded), options)
    known = loaded.languages
    wanted = (options.language,) if options.language else options.languages
    asked = wanted[0] if wanted and not set(wanted) & set(known) else None
    if known and (asked is not None or options.task == "translate"):
        raise Problem(run_findings.lacks_language(model, known, asked, whisper=card.default_model == "base"))


def unheeded(card: Card, options: TranscribeOptions, loaded: Loaded | None = None) -> tuple[str, ...]:
    """Names of the fields that were set and that change nothing."""
    lacking = {*_FEATURES, *ALL_OF_SEARCH}.difference(_heeded(card, loaded))
    return tuple(sorted(name for name in lacking if _is_set(name, getattr(options, name))))


def told(card: Card, loaded: Loaded, model: str, names: Collection[str]) -> Finding:
    """`names`: of `unheeded`, at least one."""
    typed = [_TYPED.get(name, name) for name in names]
    heeds = [_TYPED.get(name, name) for name in _heeded(card, loaded)]
    others = [one for one in _who_can("hotwords" if "hotwords" in names else "prompt") if one != card.name]
    return Finding(
        id="option-not-supported",
        severity="warning",
        area="usage",
        cause=Text(
            f"{card.name} with {model} heeds no {' and no '.join(typed)}: what was asked there changes nothing.",
            f"{card.name}（モデル {model}）は {'、'.join(typed)} に対応していません。この指定は結果に影響しません。",
        ),
        evidence=(f"{Text('it heeds', '対応している指定')}: {', '.join(heeds) or Text('none of its kind', 'なし')}",),
        remedies=(
            Remedy(Text("Leave it out", "指定をやめる")),
            Remedy(
                Text("Or take an engine that heeds it", "または、対応しているエンジンを使う"),
                f"--engine {others[0]}",
                "effort",
            ),
        ),
    )


def _is_set(name: str, value: object) -> bool:
    usual = getattr(_USUAL, name)
    return value not in (usual, _OFF.get(name, usual)) and bool(value or usual)


def _heeded(card: Card, loaded: Loaded | None) -> list[str]:
    features = _features(card, loaded)
    search = card.search if loaded is None or loaded.search is None else loaded.search
    return [*(name for name, feature in _FEATURES.items() if feature in features), *sorted(search)]


def _features(card: Card, loaded: Loaded | None) -> frozenset[Feature]:
    return card.features if loaded is None or loaded.features is None else frozenset(loaded.features)


def _refuse_task(card: Card, features: Collection[Feature], options: TranscribeOptions) -> None:
    if options.task == "transcribe" or "translation" in features:
        return
    can = _who_can("translation")
    raise Problem(
        Finding(
            id="task-not-supported",
            severity="error",
            area="usage",
            cause=Text(
                f"{card.name} writes what is said, and cannot translate it.",
                f"{card.name} は話された言語のまま文字起こしするエンジンで、翻訳はできません。",
            ),
            evidence=(f"{Text('engines that translate', '翻訳できるエンジン')}: {', '.join(can)}",),
            remedies=(
                Remedy(
                    Text("Take the text in the language spoken", "話された言語のまま文字起こしする"),
                    "--task transcribe",
                ),
                Remedy(
                    Text("Take an engine that translates", "翻訳できるエンジンを使う"), f"--engine {can[0]}", "effort"
                ),
            ),
        )
    )


def _who_can(feature: Feature) -> list[str]:
    """Engines, the default one first."""
    able = [one.name for one in catalog.cards() if feature in one.features and not one.for_tests]
    return sorted(able, key=lambda name: name != catalog.DEFAULT_ENGINE)

"""
What was asked of an engine that cannot do it: what is worth nothing without is refused, the rest is said to be unheeded.

One rule for all doors. It reads the CARD and the catalogue, and once a model is loaded what that model says of itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from yamabiko.engines import catalog, models, naming
from yamabiko.engines.choices import choices
from yamabiko.engines.contract import ALL_OF_SEARCH, AS_STORED, Card, Feature, Loaded
from yamabiko.engines.models import ModelEntry
from yamabiko.engines.models.own_folders import as_path
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.formats.language_names import LANGUAGE_NAMES
from yamabiko.i18n import Text
from yamabiko.scheduling import run_findings
from yamabiko.scheduling.ladder import ANY_PRECISION
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
    What no work is begun for, and nothing fetched. `model`: None for the CARD's own; another may do what the CARD does not promise.

    Raises: Problem (task-not-supported, model-lacks-language).
    """
    if model in (None, card.default_model):
        _refuse_task(card, card.features, options)
    entry = _entry(card, model or card.default_model)
    if entry is not None:
        known = languages_of(entry)
        # What a model for Japanese alone makes of a translation, nobody wrote down.
        asked = options if known == ("en",) else replace(options, task="transcribe")
        _refuse_language(card, entry.name, known, asked, loaded=False)


def refuse(card: Card, loaded: Loaded, model: str, options: TranscribeOptions) -> None:
    """
    What the loaded model cannot do at all. One of a single language writes its sounds for every other.

    Raises: Problem (task-not-supported, model-lacks-language).
    """
    _refuse_task(card, _features(card, loaded), options)
    _refuse_language(card, model, loaded.languages, options, loaded=True)


def _refuse_language(
    card: Card, model: str, known: tuple[str, ...], options: TranscribeOptions, *, loaded: bool
) -> None:
    """`known`: empty where it is not known."""
    wanted = (options.language,) if options.language else options.languages
    asked = wanted[0] if wanted and not set(wanted) & set(known) else None
    if known and (asked is not None or options.task == "translate"):
        raise Problem(run_findings.lacks_language(model, known, asked, _instead(card, asked), loaded=loaded))


def _entry(card: Card, model: str | None) -> ModelEntry | None:
    """In the catalogue; None for a model of the user's, and for a name that is nobody's: that is told elsewhere."""
    if model is None or card.model_format is None or as_path(model, None) is not None:
        return None
    try:
        return models.find_entry(model, card.model_format)
    except Problem:
        return None


def languages_of(entry: ModelEntry) -> tuple[str, ...]:
    """Codes, all of them; empty where the catalogue does not name them."""
    codes = tuple(entry.languages.split(", "))
    if all(code in LANGUAGE_NAMES for code in codes):
        return codes
    listed = (one.languages for one in choices() for way in one.ways if way.model in (entry.name, *entry.aliases))
    return next(listed, ())


def _instead(card: Card, language: str | None) -> Remedy:
    """A model of this engine that has the language, its own first and then those that are known by their bytes."""
    if language is None:
        option = "--model" if card.default_model == "base" else "--engine faster-whisper --model"
        return Remedy(Text("Use a multilingual model", "多言語モデルを使う"), f"{option} base")
    able = [
        entry
        for entry in models.catalogue().models
        if entry.format == card.model_format and language in (languages_of(entry) or _any_of_whisper(entry))
    ]
    able.sort(key=lambda entry: (card.default_model not in (entry.name, *entry.aliases), not entry.pinned))
    if able:
        return Remedy(
            Text(f"Use a model of {card.name} that knows it", f"その言語に対応した {card.name} のモデルを使う"),
            f"{naming.option(card)} {able[0].name}",
        )
    return Remedy(
        Text("See which engine and model are for this language", "この言語に合うエンジンとモデルを調べる"),
        f"yamabiko engines recommend --language {language}",
    )


def _any_of_whisper(entry: ModelEntry) -> Collection[str]:
    return LANGUAGE_NAMES if entry.languages == "99 (Whisper)" else ()


def unheeded(
    card: Card, options: TranscribeOptions, loaded: Loaded | None = None, batch_size: int = 1
) -> tuple[str, ...]:
    """Names of the fields that were set and that change nothing; `batch_size` is one where the engine takes chunk by chunk."""
    lacking = {*_FEATURES, *ALL_OF_SEARCH}.difference(_heeded(card, loaded))
    alone = {"batch_size"} if batch_size > 1 and "batch" not in _features(card, loaded) else set()
    return tuple(sorted(alone | {name for name in lacking if _is_set(name, getattr(options, name))}))


def lost_together(card: Card, options: TranscribeOptions, loaded: Loaded, pieces: int) -> tuple[str, ...]:
    """
    Names of the fields that were set, and that hold for one chunk at a time alone, where so many went together.

    Where each chunk may have a language of its own, an engine takes them one by one, and all holds.
    """
    if pieces == 1 or (options.language is None and len(loaded.languages) != 1):
        return ()
    return tuple(name for name in sorted(card.search_alone) if _is_set(name, getattr(options, name)))


def told_of_several(card: Card, options: TranscribeOptions, names: Collection[str], pieces: int) -> Finding:
    """`names`: of `lost_together`, at least one."""
    fallbacks = "temperature" if options.temperatures[0] > 0 else "temperature_increment_on_fallback"
    typed = [fallbacks if name == "temperatures" else name for name in names]
    return Finding(
        id="option-not-supported",
        severity="warning",
        area="usage",
        cause=Text(
            f"{card.name} heeds no {' and no '.join(typed)} where it takes several chunks at once, as it did with {pieces} "
            "here: it decodes each once, takes the likeliest, and keeps what comes.",
            f"{card.name} は複数の区間（今回は {pieces} 区間）を同時に処理するとき {'、'.join(typed)} を使いません。"
            "各区間を一度だけ復号し、最も確からしい結果をそのまま採用します。",
        ),
        evidence=(f"batch_size: {pieces}",),
        remedies=(
            Remedy(Text("Leave them out: the result is the same", "指定をやめる（結果は同じ）")),
            Remedy(Text("Or take one chunk at a time", "または、区間を一つずつ処理する"), "--batch_size 1", "speed"),
        ),
    )


def told(card: Card, loaded: Loaded, model: str, names: Collection[str]) -> Finding:
    """`names`: of `unheeded`, at least one."""
    typed = [_TYPED.get(name, name) for name in names]
    heeds = [_TYPED.get(name, name) for name in _heeded(card, loaded)]
    sought: Feature = "hotwords" if "hotwords" in names else "batch" if {*names} == {"batch_size"} else "prompt"
    others = [one for one in _who_can(sought) if one != card.name]
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


def another_precision(card: Card, loaded: Loaded, model: str, asked: str) -> Finding | None:
    """
    Of a run in another precision than the one that was `asked` for by name; None: it was heeded, or none was named.

    CTranslate2 calls its int8 by what it computes the rest in: int8_float32 is one.
    """
    used = loaded.compute_type
    if asked in (*ANY_PRECISION, used) or used.startswith(f"{asked}_"):
        return None
    if any(rung.compute_type == AS_STORED for rung in card.placements):
        cause = Text(
            f"{card.name} computes as precisely as a model's file is stored, which for {model} is {used}: "
            f"--compute_type {asked} changes nothing.",
            f"{card.name} はモデルのファイルに保存された精度（{model} では {used}）で計算します。"
            f"--compute_type {asked} は結果に影響しません。",
        )
    else:
        cause = Text(
            f"{card.name} with {model} ran as {used} on {loaded.device}: {asked}, which was asked for, it does not have there.",
            f"{card.name}（モデル {model}）は {loaded.device} では {asked} に対応していないため、{used} で動きました。",
        )
    others = [
        one.name
        for one in sorted(catalog.cards(), key=lambda one: one.name != catalog.DEFAULT_ENGINE)
        if one.job == card.job and not one.for_tests
        and any((rung.device, rung.compute_type) == (loaded.device, asked) for rung in one.placements)
    ]  # fmt: skip
    elsewhere = Text(f"Or take an engine that has {asked} there", f"または、そこで {asked} を使えるエンジンを使う")
    return Finding(
        id="option-not-supported",
        severity="warning",
        area="usage",
        cause=cause,
        evidence=(f"engine: loaded as {used} on {loaded.device}",),
        remedies=(
            Remedy(Text("Leave it out", "指定をやめる")),
            *(Remedy(elsewhere, f"--engine {name} --compute_type {asked}", "effort") for name in others[:1]),
        ),
    )


def _is_set(name: str, value: object) -> bool:
    usual = getattr(_USUAL, name)
    return value not in (usual, _OFF.get(name, usual)) and bool(value or usual)


def _heeded(card: Card, loaded: Loaded | None) -> list[str]:
    """Of the options of a question."""
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

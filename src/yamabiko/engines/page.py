"""docs/engines.md, made of the CARDs, of what was measured, and of the models that have names here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from yamabiko.engines import catalog, page_tables
from yamabiko.engines.contract import Card, Placement, Profile
from yamabiko.engines.models import UNPINNED, ModelEntry, catalogue
from yamabiko.engines.sizes import mib
from yamabiko.i18n import Text

_JOBS = {
    "transcribe": "writes what is said",
    "find-speech": "finds speech",
    "find-speakers": "tells speakers apart",
    "align": "tells when each character is said",
}


def page() -> str:
    """The whole document, in English."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Engines"
    yield ""
    yield "Written by `python scripts/write_engines.py` from the CARDs in `src/yamabiko/engines/adapters`; do not edit it."
    yield "`yamabiko engines list` shows what is installed, `yamabiko engines show NAME` what is said here of one engine,"
    yield "`yamabiko engines install NAME` sets one up and tries it out, `yamabiko engines recommend --language ja` says which"
    yield "one suits a machine."
    yield ""
    yield from page_tables.lines()
    yield ""
    yield "## What is not here"
    yield "- Nue-ASR: it is in no package index, and no weights were at hand to show an adapter with."
    yield "- WhisperX's own steps behind the transcription. Words are timed with a wav2vec2 model by `--align`, as WhisperX does it, and"
    yield "  speakers told apart by `--diarize` (`--speaker-engine pyannote`: the pipeline that WhisperX calls), for every engine alike."
    yield "- An engine that itself decodes while sound arrives (the feature `streaming`). Live captions work with every engine that"
    yield "  writes what is said, by listening again to what is new ([server.md](server.md))."
    for card in catalog.cards():
        if not card.for_tests:
            yield ""
            yield from _section(card)


def _section(card: Card) -> Iterator[str]:
    yield f"## {card.name}"
    yield f"{_english(card.summary)}. It {_JOBS[card.job]}."
    yield ""
    entries = entries_of(card)
    known = f" Of the models known here: {'; '.join(licences(entries))}." if entries else ""
    yield f"- Licence of the code: {card.licence}.{known}"
    languages = card.languages if isinstance(card.languages, str) else ", ".join(card.languages)
    yield f"- Languages: {languages}. Longest chunk: {card.longest_chunk_s:g} s."
    if card.features:
        yield f"- It has: {', '.join(sorted(card.features))}."
    yield from (f"- {line}" for line in page_tables.of_engine(card))
    if card.evidence:
        yield f"- Evidence of its device: {', '.join(card.evidence)}."
    if card.model_format:
        yield f"- Models: format `{card.model_format}`; without `--model`, {card.default_model}."
    yield ""
    yield "| rung | may change the text | known issues that it answers |"
    yield "|---|---|---|"
    yield from (_rung(rung) for rung in card.placements)
    if card.profiles:
        yield ""
        yield "| profile | runs on | made of | not verified |"
        yield "|---|---|---|---|"
        yield from (_profile(profile) for profile in card.profiles)
    if card.lacking:
        yield ""
        yield from (f"- No `{name}`: {_english(why)}" for name, why in card.lacking)
    if entries and _first_with(card):
        yield ""
        yield "| model | languages | size | licence | hashes |"
        yield "|---|---|---|---|---|"
        yield from map(_model, entries)
        if not all(entry.pinned for entry in entries):
            yield ""
            yield f"{UNPINNED.en[0].upper()}{UNPINNED.en[1:]}."
        yield from _sources_told(entries)


def entries_of(card: Card) -> tuple[ModelEntry, ...]:
    """The models of the catalogue that it reads."""
    return tuple(entry for entry in catalogue().models if entry.format == card.model_format)


def sources(entries: Sequence[ModelEntry]) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Where the hashes of pinned models come from, each source once, with the names of its models."""
    told = dict.fromkeys(entry.pinned_from for entry in entries if entry.pinned)
    return tuple((tuple(entry.name for entry in entries if entry.pinned_from == source), source) for source in told)


def licences(entries: Sequence[ModelEntry]) -> tuple[str, ...]:
    """Each once, in their order; `?`: not known to us."""
    return tuple(dict.fromkeys(entry.licence or "?" for entry in entries))


def _first_with(card: Card) -> bool:
    """Engines may read the same models: they stand with the first."""
    return next(other.name for other in catalog.cards() if other.model_format == card.model_format) == card.name


def _rung(rung: Placement) -> str:
    answers = ", ".join(f"[{id_}](findings.md#{id_})" for id_ in rung.answers)
    return f"| {rung.told.en} | {'yes' if rung.costs_accuracy else 'no'} | {answers} |"


def _profile(profile: Profile) -> str:
    made = (
        f"`{profile.lock}`, every package with its hash"
        if profile.lock.endswith(".txt")
        else f"`{profile.lock}`, pins without hashes"
    )
    if profile.index:
        made += f"; {profile.index} beside the default index"
    if profile.find_links:
        made += f"; wheels from {profile.find_links}"
    if profile.built_with:
        made += f"; built here with {' '.join('='.join(one) for one in profile.variables)}, which needs {profile.built_with.en}"
    if profile.by_request:
        made += f"; made on request alone (`--profile {profile.name}`)"
    marks = _english(profile.not_verified) if profile.not_verified else ""
    return f"| {profile.name} | {', '.join(profile.devices)} | {made} | {marks} |"


def _model(entry: ModelEntry) -> str:
    gated = ", gated" if entry.gated else ""
    size = mib(entry.size_bytes) if entry.size_bytes else "unknown"
    names = f"`{entry.name}`" + (f" ({', '.join(entry.aliases)})" if entry.aliases else "")
    return f"| {names} | {entry.languages} | {size} | {entry.licence or 'not known to us'}{gated} | {entry.pinned_told.en} |"


def _sources_told(entries: Sequence[ModelEntry]) -> Iterator[str]:
    if found := sources(entries):
        yield ""
        yield "Where the hashes of pinned models come from (*by others' word*: we never had the bytes):"
        yield ""
        yield from (f"- {', '.join(f'`{name}`' for name in names)}: {source}." for names, source in found)


def _english(text: Text) -> str:
    return text.en

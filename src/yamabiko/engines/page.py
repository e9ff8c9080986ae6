"""docs/engines.md, made of the CARDs, of what was measured, and of the models that have names here."""

from __future__ import annotations

from collections.abc import Iterator

from yamabiko.engines import catalog
from yamabiko.engines.choices import Measured, measurements
from yamabiko.engines.contract import Card, Placement, Profile
from yamabiko.engines.models import ModelEntry, catalogue
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
    told = measurements()
    yield "# Engines"
    yield ""
    yield "Written by `python scripts/write_engines.py` from the CARDs in `src/yamabiko/engines/adapters`; do not edit it."
    yield "`yamabiko engines list` shows what is installed, `yamabiko engines install NAME` sets one up and tries it out,"
    yield "`yamabiko engines recommend --language ja` says which one suits a machine."
    yield ""
    yield "## What was verified"
    yield f"By `make test-engines` and `{told.command}`, {told.date}, on {told.machine}. No engine was ever run by us on a GPU, on"
    yield "Windows, macOS or ARM: every profile and rung for those is **not verified**."
    yield ""
    yield from _verified()
    yield ""
    yield "*memory*: most of the worker's process, loading and transcribing 30 s. *beside the weights*: the same without the"
    yield "model's file. *work*: processor time for the same 30 s, against faster-whisper in the same run. Engines marked *tiny* ran"
    yield "tiny models of random weights in their real file format: what they do is shown, what they write is not."
    yield ""
    yield "## What is not here"
    yield "- Nue-ASR: it is in no package index, and no weights were at hand to show an adapter with."
    yield "- whisper.cpp and sherpa-onnx on a GPU: the wheels of the index compute on the CPU alone, and builds for CUDA, Vulkan or Metal"
    yield "  have no profile yet. Speech on a GPU: faster-whisper, onnx-asr, whisperx, openai-whisper, transformers, parakeet."
    for card in catalog.cards():
        if not card.for_tests:
            yield ""
            yield from _section(card)


def _verified() -> Iterator[str]:
    yield "| engine | version | environment | model | device | memory | beside the weights | work | loads in |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for card in catalog.cards():
        seen = measurements().of(card.name)
        if card.for_tests or card.job != "transcribe":
            continue
        yield _row(card, seen) if seen else f"| {card.name} | not measured | | | | | | | |"


def _row(card: Card, seen: Measured) -> str:
    cells = [
        card.name,
        seen.version,
        mib(seen.environment_bytes),
        "Whisper base" if seen.true_text else "tiny",
        f"{seen.device}, {seen.compute_type}",
        mib(seen.peak_bytes),
        mib(seen.beside_bytes),
        f"{seen.times_base:g}" if seen.true_text else "–",
        f"{seen.load_s:g} s",
    ]
    return f"| {' | '.join(cells)} |"


def _section(card: Card) -> Iterator[str]:
    yield f"## {card.name}"
    yield f"{_english(card.summary)}. It {_JOBS[card.job]}. Licence of the code: {card.licence}."
    yield ""
    languages = card.languages if isinstance(card.languages, str) else ", ".join(card.languages)
    yield f"- Languages: {languages}. Longest chunk: {card.longest_chunk_s:g} s."
    if card.features:
        yield f"- It has: {', '.join(sorted(card.features))}."
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
    entries = [entry for entry in catalogue().models if entry.format == card.model_format]
    if entries and _first_with(card):
        yield ""
        yield "| model | languages | size | licence | pinned |"
        yield "|---|---|---|---|---|"
        yield from map(_model, entries)


def _first_with(card: Card) -> bool:
    """Engines may read the same models: they stand with the first."""
    return next(other.name for other in catalog.cards() if other.model_format == card.model_format) == card.name


def _rung(rung: Placement) -> str:
    answers = ", ".join(f"[{id_}](findings.md#{id_})" for id_ in rung.answers)
    return f"| {rung} | {'yes' if rung.costs_accuracy else 'no'} | {answers} |"


def _profile(profile: Profile) -> str:
    made = (
        f"`{profile.lock}`, every package with its hash"
        if profile.lock.endswith(".txt")
        else f"`{profile.lock}`, pins without hashes"
    )
    if profile.index:
        made += f"; {profile.index} beside the default index"
    marks = _english(profile.not_verified) if profile.not_verified else ""
    return f"| {profile.name} | {', '.join(profile.devices)} | {made} | {marks} |"


def _model(entry: ModelEntry) -> str:
    state = "yes" if entry.pinned else "unpinned: its hashes are recorded and shown when it arrives"
    gated = ", gated" if entry.gated else ""
    size = mib(entry.size_bytes) if entry.size_bytes else "unknown"
    names = f"`{entry.name}`" + (f" ({', '.join(entry.aliases)})" if entry.aliases else "")
    return f"| {names} | {entry.languages} | {size} | {entry.licence or 'not known to us'}{gated} | {state} |"


def _english(text: Text) -> str:
    return text.en

"""The trial that `engines install`, `repair` and `verify` end in: with which model, and what is shown of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from yamabiko import settings
from yamabiko.cli import answers, engine_names, exits, screen
from yamabiko.engines import catalog
from yamabiko.engines.contract import Card, Profile
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

    from yamabiko.speech import Receipt
    from yamabiko.transcription.verification import Verification


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial as somebody typed it, behind `yamabiko engines` and `verb`."""

    verb: str
    profile: str | None
    model: str | None
    trust_model: bool
    trust_pickle: bool
    verify: bool = True
    device: str = "auto"
    json: bool = False


def look_at_model(card: Card, asked: Asked) -> None:
    """
    A model of one's own that the trial would refuse is told before an environment is made for it, as when transcribing.

    Raises: Problem (model-unknown, model-path-missing, model-differs-from-known, model-carries-code, ...).
    """
    from yamabiko.engines import models, naming

    if not asked.verify or asked.model is None or card.model_format is None:
        return
    with engine_names.typed(card, asked.verb, asked.profile), naming.named_for(card):
        local = models.locate(asked.model, format=card.model_format, settings=settings.current())
        if local is not None:
            models.refuse_unknown(
                local, card.model_format, trust_model=asked.trust_model, trust_pickle=asked.trust_pickle,
                instead=models.Instead(card.default_model),
            )  # fmt: skip


def finish(console: Console, card: Card, profile: Profile, asked: Asked) -> None:
    """Installed means: it works. The model comes first, if it is not here."""
    if not asked.verify:
        command = f"yamabiko engines verify {card.name} --profile {profile.name}"
        screen.say(console, Text(f"not verified; to do so: {command}", f"未検証です。検証するには: {command}"))
        return
    wanted = asked.model or card.default_model
    if wanted and card.model_format:
        from yamabiko.cli.models import fetch

        with engine_names.typed(card, asked.verb, asked.profile):
            fetch(wanted, card.model_format, console)
    raise typer.Exit(try_all([(card, profile.name)], asked, console))


def try_all(wanted: Sequence[tuple[Card, str | None]], asked: Asked, console: Console) -> int:
    """Shows each as soon as it is known; the exit code. Raises: Problem, for what was asked wrongly."""
    results = []
    for card, profile in wanted:
        result = _tried(card, profile, asked, console)
        results.append(result)
        if not asked.json:
            _show(result, console)
    failures = [finding for result in results if (finding := result.finding)]
    if asked.json:
        answers.print_json({"verifications": [_verdict(result) for result in results]})
    return exits.code_for(failures, len(results))


def _tried(card: Card, profile: str | None, asked: Asked, console: Console) -> Verification:
    from yamabiko.transcription.verification import verify as try_out

    with engine_names.typed(card, asked.verb, asked.profile), screen.Setup(console, quiet=asked.json) as setup:
        result = try_out(
            card, settings.current(), profile=profile, device=asked.device, model=asked.model, report=setup.report,
            trust_model=asked.trust_model, trust_pickle=asked.trust_pickle,
        )  # fmt: skip
    if result.problem is None:
        return result
    return dataclasses.replace(result, problem=engine_names.as_typed(result.problem, card, asked.verb, asked.profile))


def _verdict(result: Verification) -> dict[str, object]:
    return {
        "engine": result.engine,
        "profile": result.profile,
        "ok": result.ok,
        "checks": result.checks,
        "receipts": result.receipts,
        "finding": result.finding,
    }


def _show(result: Verification, console: Console) -> None:
    rows = [[f"  {answers.mark(check.ok)}", str(check.name), str(check.evidence)] for check in result.checks]
    profile = f" ({result.profile})" if catalog.card(result.engine).profiles else ""
    head = f"{answers.mark(result.ok)} {result.engine}{profile}\n"
    receipts = "".join(f"    {_receipt_line(receipt)}\n" for receipt in result.receipts)
    screen.print_result(head + (answers.aligned(rows) if rows else "") + receipts)
    for finding in dict.fromkeys(f for receipt in result.receipts for f in (*receipt.fallbacks, *receipt.notices)):
        screen.show_finding(console, finding)
    if result.finding:
        screen.show_finding(console, result.finding)


def _receipt_line(receipt: Receipt) -> str:
    from yamabiko.speech import Transcript

    return screen.receipt_line(Transcript("", receipt.audio_s, "transcribe", None, None, (), receipt))

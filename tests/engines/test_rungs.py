"""Each rung of a CARD says which known issues it answers."""

from __future__ import annotations

import pytest

from yamabiko.diagnosis.articles import article, ids
from yamabiko.engines import catalog
from yamabiko.engines.contract import Card

CARDS = [card for card in catalog.cards() if not card.for_tests]
UNTOLD = {("whisper.cpp", "mps")}
"""No known issue of another device of theirs leads there."""


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_rung_below_the_first_names_known_issues_that_it_answers(card: Card) -> None:
    for rung in card.placements[1:]:
        assert rung.answers or (card.name, rung.device) in UNTOLD, rung
    for rung in card.placements:
        assert set(rung.answers) <= set(ids()), rung


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_gpu_that_is_not_there_is_answered_by_the_first_rung_of_the_cpu(card: Card) -> None:
    """`--device cuda` with faster-whisper on a machine without a GPU: the finding is this one."""
    first = next(rung for rung in card.placements if rung.device == "cpu")
    on_gpu = any(rung.device != "cpu" for rung in card.placements)

    assert ("driver-none-or-container-without-runtime" in first.answers) == on_gpu
    assert article("driver-none-or-container-without-runtime").area == "device"

"""What the promise of the search asks: that no option is forgotten."""

from __future__ import annotations

from promises_search import OTHER, USUAL, missed

from yamabiko.engines.contract import ALL_OF_SEARCH


def test_every_option_of_the_search_is_asked_in_two_ways() -> None:
    """So that a value which only happens to be the library's own is not taken for one that arrived."""
    assert {name for name in OTHER if OTHER[name] != USUAL[name]} == ALL_OF_SEARCH


def test_what_did_not_arrive_is_missed_and_what_nobody_promised_is_not() -> None:
    told = {"beam_size": 5, "temperatures": [0.0, 0.25, 0.5, 0.75, 1.0]}
    found = missed(OTHER, told, {"beam_size", "temperatures", "suppress_tokens"})
    assert found == {"beam_size": (3, 5), "suppress_tokens": ([50, 51], "nothing")}

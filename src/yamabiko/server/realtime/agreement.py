"""
Text that will not change any more, though somebody still speaks. Pure.

Two hypotheses in a row over a growing stretch of sound agree on what was said
long enough ago; what only the newer one says may still become something else.
"""

from __future__ import annotations

from difflib import SequenceMatcher

from yamabiko.seams import glued, written_without_spaces

_MARKS = frozenset("。、，．！？!?.,:;…・」』）)”\"' ")
UNSURE = 2
"""Characters at the end of a hypothesis that are held back where no spaces show words."""


def agreed(before: str, now: str) -> str:
    """The beginning that both have, ended where a word ends, without marks that the next word may change."""
    length = next((i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), min(len(before), len(now)))
    common = now[:length]
    if not common:
        return ""
    at_an_end = length in (len(before), len(now))
    if written_without_spaces(common.rstrip("".join(_MARKS))[-1:] or common[-1]):
        return (common[:-UNSURE] if at_an_end else common).rstrip("".join(_MARKS))
    whole = not at_an_end and before[length] == " " == now[length]
    kept = common if whole else common[: common.rfind(" ") + 1]
    return kept.rstrip("".join(_MARKS))


def continued(shown: str, whole: str) -> tuple[str, bool]:
    """
    What is to be sent after `shown` so that `whole` has been told; and whether both together are `whole`.

    Where the engine has changed its mind about what was shown, that stays as it is, and what comes
    behind it is sent.
    """
    if whole.startswith(shown):
        return whole[len(shown) :], True
    blocks = SequenceMatcher(None, shown, whole, autojunk=False).get_matching_blocks()
    last = next((block for block in reversed(blocks[:-1]) if block.a + block.size > len(shown) // 2), None)
    if last is None:
        return whole[min(len(shown), len(whole)) :], False
    return whole[last.b + last.size + len(shown) - last.a - last.size :], False


def joined(left: str, right: str) -> str:
    """The separator between the texts of two stretches that follow each other."""
    return " " if glued(left, right) else ""

"""
The text without which a pattern cannot match: to look for it takes a hundredth of the pattern's own time.

A log may have a hundred thousand lines, and what is known is hundreds of patterns.
"""

from __future__ import annotations

import re
from functools import cache


@cache
def literal(pattern: str) -> str:
    """The longest text, in lower case, without which the pattern cannot match; empty if it shows none."""
    if re.search(r"(?<!\\)\|", re.sub(r"\((?:[^()\\]|\\.|\([^()]*\))*\)|\[(?:[^\]\\]|\\.)*\]", "", pattern)):
        return ""
    outside = re.sub(r"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)|\[(?:[^\]\\]|\\.)*\]", "\0", pattern)
    plain = re.sub(r"(?:\\.|.)(?:[*?]|\{\d+,?\d*\})|\\[a-zA-Z]|(?<!\\)[.^$+]", "\0", outside)
    return max(plain.replace("\\", "").split("\0"), key=len).lower()


def alternatives(words: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each alternative of a pattern alone, with the text without which it cannot match."""
    found, depth = [""], 0
    for letter in words:
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and not depth:
            found.append("")
        else:
            found[-1] += letter
    return tuple((literal(one), re.compile(one)) for one in found)

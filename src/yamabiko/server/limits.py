"""What one key may have: so many requests in a minute, so many at once. Counted on the event loop alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from yamabiko.findings import Remedy
from yamabiko.i18n import Text
from yamabiko.server.config import Key
from yamabiko.server.problems import Refused, refused

AGAIN_S = 5.0
"""When who has too many at once is told to come again: nobody knows when one of them ends."""


class KeyLimits:
    """
    A bucket of as many tokens as requests may come in a minute: full at first, filled up evenly.

    `enter` before the work and `leave` after it, whatever came of it.
    """

    def __init__(self, key: Key, clock: Callable[[], float] = time.monotonic) -> None:
        self._key, self._clock = key, clock
        self._most = max(1.0, key.requests_per_minute)
        self._left, self._looked = self._most, clock()
        self.at_work = 0

    def enter(self) -> None:
        """Raises: Refused (key-limit), and nothing is counted."""
        key = self._key
        if key.at_once and self.at_work >= key.at_once:
            raise _limit(
                key,
                Text(f"{key.at_once} at once", f"同時に {key.at_once} 件まで"),
                f"key: {self.at_work} of {key.at_once} are at work or waiting",
                AGAIN_S,
            )
        if key.requests_per_minute:
            self._fill()
            if self._left < 1:
                raise _limit(
                    key,
                    Text(f"{key.requests_per_minute:g} a minute", f"1分に {key.requests_per_minute:g} 件まで"),
                    f"key: {key.requests_per_minute:g} requests a minute, and all are used up",
                    (1 - self._left) * 60 / key.requests_per_minute,
                )
            self._left -= 1
        self.at_work += 1

    def leave(self) -> None:
        self.at_work -= 1

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._looked) * self._key.requests_per_minute / 60)
        self._looked = now


def _limit(key: Key, what: Text, evidence: str, again_s: float) -> Refused:
    return refused(
        "key-limit",
        Text(
            f"The key “{key.name}” may send {what.en}, and has.",
            f"キー「{key.name}」の上限（{what.ja}）に達しました。",
        ),
        evidence,
        remedies=(Remedy(Text("Come again later", "時間をおいて送り直す"), cost="speed"),),
        retry_after_s=again_s,
    )

"""
Who may ask the workers next: urgent work before patient work, and of each, the client that had least so far.

A worker answers one question at a time, and a question is some chunks of one
recording: so a two-hour job and a short clip take turns chunk by chunk, and
whoever is cancelled gives its turn up at once.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator


class Cancelled(Exception):
    """Nobody waits for this work any more."""


class Ticket:
    """One piece of work in the queue. Safe to cancel from any thread, at any time, twice."""

    def __init__(self, client: str = "", *, urgent: bool = False) -> None:
        self.client = client
        self.urgent = urgent
        self.waited_s = 0.0
        """For the work of others, so far."""
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._then: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        with self._lock:
            if self._cancelled.is_set():
                return
            self._cancelled.set()
            then = list(self._then.values())
        for tell in then:
            tell()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Within, others work."""
        begun = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self.waited_s += time.monotonic() - begun

    def hold(self) -> None:
        """Raises: Cancelled."""
        if self._cancelled.is_set():
            raise Cancelled

    @contextlib.contextmanager
    def on_cancel(self, tell: Callable[[], None]) -> Iterator[None]:
        """Within, `tell` is called at once when the work is cancelled, on the thread that cancels. Raises: Cancelled."""
        number = next(self._numbers)
        with self._lock:
            self._then[number] = tell
        try:
            self.hold()
            yield
        finally:
            with self._lock:
                self._then.pop(number, None)


class Turns:
    """One at a time, in fair order."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[int, Ticket] = {}
        self._numbers = itertools.count()
        self._busy = False
        self._used_s: dict[str, float] = {}
        """By client, since the queue was last empty."""

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @contextlib.contextmanager
    def turn(self, ticket: Ticket, unless: Callable[[], bool] = lambda: False) -> Iterator[bool]:
        """
        Waits for the turn of this ticket; False if `unless` became true before, and then it has none.

        `unless` may become true only within another's turn. Raises: Cancelled.
        """
        if not self._wait(ticket, unless):
            yield False
            return
        begun = time.monotonic()
        try:
            yield True
        finally:
            with self._changed:
                self._used_s[ticket.client] = self._used_s.get(ticket.client, 0.0) + time.monotonic() - begun
                if not self._waiting:
                    self._used_s.clear()
                self._busy = False
                self._changed.notify_all()

    def _wait(self, ticket: Ticket, unless: Callable[[], bool]) -> bool:
        number = next(self._numbers)
        with ticket.waiting(), ticket.on_cancel(self._wake), self._changed:
            if ticket.client not in self._used_s:  # whoever comes new has no claim to what others had before
                self._used_s[ticket.client] = min(self._used_s.values(), default=0.0)
            self._waiting[number] = ticket
            try:
                while not ticket.cancelled and not unless() and (self._busy or self._next() != number):
                    self._changed.wait()
            finally:
                del self._waiting[number]
                self._changed.notify_all()
            ticket.hold()
            if unless():
                return False
            self._busy = True
            return True

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _next(self) -> int:
        def order(number: int) -> tuple[bool, float, int]:
            ticket = self._waiting[number]
            return not ticket.urgent, self._used_s.get(ticket.client, 0.0), number

        return min(self._waiting, key=order)

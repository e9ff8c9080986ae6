"""
Questions of several recordings asked together: whoever waits for its turn may ride along with who has it.

An engine that answers many chunks at once is asked as many as are wanted, whosesoever
they are. A ride costs its owner nothing: what comes back unanswered, because the
worker died or the leader's work was cancelled, is asked again by the owner itself.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from yamabiko.scheduling.turns import Ticket
from yamabiko.speech import Segment
from yamabiko.workers.messages import Done, Piece, Ready


@dataclass(frozen=True, slots=True)
class Told:
    """What the leader saw at the end of its question."""

    ready: Ready
    done: Done
    words: tuple[str, ...]


@dataclass(slots=True)
class Ride:
    """Some pieces of one recording, in the order in which their answers are wanted."""

    fits: Hashable
    """Only questions that are equal in this may be asked together: worker, options."""
    pieces: Sequence[Piece]
    ticket: Ticket
    boarded: int = 0
    """So many of the pieces were taken along, from the first on."""
    answers: dict[int, tuple[Segment, ...]] = field(default_factory=dict)
    """By the number of the piece; only what is whole."""
    told: Told | None = None
    """None: the question did not come to its end."""
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def taken(self) -> bool:
        return self.boarded > 0

    def wait(self) -> None:
        """
        Until its leader is done with it, also if it was cancelled: the worker may be reading its audio.

        Raises: Cancelled.
        """
        self._over.wait()
        self.ticket.hold()

    def end(self, told: Told | None) -> None:
        self.told = told
        self._over.set()


class Riding:
    """Those who wait and could ride. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offered: list[Ride] = []

    def offer(self, ride: Ride) -> None:
        with self._lock:
            self._offered.append(ride)

    def withdraw(self, ride: Ride) -> None:
        """Twice is once; a ride that was taken is not offered any more."""
        with self._lock:
            self._offered = [other for other in self._offered if other is not ride]

    def board(self, fits: Hashable, seats: int) -> list[Ride]:
        """Rides with `seats` pieces together at most, the longest waiting first; `boarded` says how many of each."""
        taken: list[Ride] = []
        with self._lock:
            for ride in list(self._offered):
                if seats <= 0:
                    break
                if ride.fits != fits or ride.ticket.cancelled:
                    continue
                ride.boarded = min(seats, len(ride.pieces))
                seats -= ride.boarded
                self._offered.remove(ride)
                taken.append(ride)
        return taken

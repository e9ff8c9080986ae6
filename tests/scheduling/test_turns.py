"""Turns are fair, urgent work goes first, and who is cancelled waits no longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from yamabiko.scheduling.turns import Cancelled, Ticket, Turns


class Queue:
    """Pieces of work that note when their turn came; `enter` returns when the work waits in the queue."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.came: list[str] = []
        self._threads: list[threading.Thread] = []

    def enter(self, name: str, ticket: Ticket, work: Callable[[], None] = lambda: None) -> None:
        before = self.turns.waiting

        def run() -> None:
            try:
                with self.turns.turn(ticket):
                    self.came.append(name)
                    work()
            except Cancelled:
                self.came.append(f"{name} cancelled")

        thread = threading.Thread(target=run)
        self._threads.append(thread)
        thread.start()
        while self.turns.waiting == before and thread.is_alive():
            pass

    def end(self) -> list[str]:
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        return self.came


def test_work_of_one_client_comes_in_order() -> None:
    queue = Queue()
    with queue.turns.turn(Ticket("other")):
        for name in "abc":
            queue.enter(name, Ticket("one"))
    assert queue.end() == ["a", "b", "c"]


def test_a_ticket_knows_how_long_it_waited_for_others() -> None:
    queue, waiting, first = Queue(), Ticket("late"), Ticket("first")
    with queue.turns.turn(first):
        begun = time.monotonic()
        queue.enter("late", waiting)
        seen = time.monotonic() - begun
        while time.monotonic() - begun < seen + 0.05:
            pass
    queue.end()
    assert waiting.waited_s >= 0.05
    assert first.waited_s < waiting.waited_s


def test_urgent_work_goes_before_patient_work() -> None:
    queue = Queue()
    with queue.turns.turn(Ticket()):
        queue.enter("job", Ticket("a"))
        queue.enter("clip", Ticket("b", urgent=True))
    assert queue.end() == ["clip", "job"]


def test_a_client_that_asks_much_does_not_keep_another_waiting() -> None:
    queue = Queue()
    with queue.turns.turn(Ticket("greedy")):
        for number in range(5):
            queue.enter(f"greedy {number}", Ticket("greedy"))
        queue.enter("modest", Ticket("modest"))
    came = queue.end()
    assert came.index("modest") <= 1  # the greedy one had a turn already when the modest one came


def test_what_is_cancelled_leaves_the_queue_and_the_others_go_on() -> None:
    queue = Queue()
    gone = Ticket("b")
    with queue.turns.turn(Ticket()):
        queue.enter("a", Ticket("a"))
        queue.enter("b", gone)
        queue.enter("c", Ticket("c"))
        gone.cancel()
        gone.cancel()
        while queue.turns.waiting > 2:
            pass
    assert sorted(queue.end()) == ["a", "b cancelled", "c"]


def test_cancelled_work_never_gets_a_turn() -> None:
    turns, ticket = Turns(), Ticket()
    ticket.cancel()
    with pytest.raises(Cancelled), turns.turn(ticket):
        pytest.fail("its turn came")
    with turns.turn(Ticket()):
        pass


def test_who_fails_in_its_turn_gives_it_back() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.turn(Ticket()):
        raise ZeroDivisionError
    with turns.turn(Ticket()):
        assert turns.waiting == 0


def test_cancelling_tells_whoever_works_at_it() -> None:
    ticket, told = Ticket(), []
    with ticket.on_cancel(lambda: told.append("first")):
        with ticket.on_cancel(lambda: told.append("second")):
            pass
        ticket.cancel()
    assert told == ["first"]
    with pytest.raises(Cancelled), ticket.on_cancel(lambda: told.append("third")):
        pytest.fail("it was cancelled before")

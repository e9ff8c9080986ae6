"""What was measured and verified of engines, as tables and lines of docs/engines.md."""

from __future__ import annotations

from collections.abc import Iterator

from yamabiko.engines import catalog
from yamabiko.engines.choices import Measured, measurements
from yamabiko.engines.contract import Card
from yamabiko.engines.sizes import mib
from yamabiko.engines.verified import PROMISES, Outcome, Verified, verified

_MARK: dict[Outcome, str] = {"kept": "yes", "not promised": "–", "needs real weights": "–¹", "broken": "**no**"}
_HEADERS = ("engine", "version", "environment", "model", "weights", "device", "memory", "beside the weights", "work",
            "loads in", "measured")  # fmt: skip


def lines() -> Iterator[str]:
    yield "## What was measured"
    yield "By `python scripts/measure_engines.py`, and with `--true-shape` where the weights are random. *memory*: most of the worker's"
    yield "process, loading a model and hearing 30 s: 28 s of four people, nothing said twice, and silence. What real weights wrote"
    yield "of it was held against what was said. *beside the weights*: the same without the model's files. *work*: processor"
    yield "time for the same 30 s, against faster-whisper with Whisper base in the same run. *random, true shape*: layers, widths and"
    yield "files as large as the real model's, with weights made up at random, since the real ones could not be had here: memory"
    yield "is the real one's, work that of the encoder alone, and what it writes is nothing. Of ReazonSpeech's Zipformer the norms"
    yield "and the terms of position are left out. *random, tiny*: a model of few weights in the real file format. *loads in*: by the"
    yield "clock, on a machine that had other work at the time, up to ten times as much as it had cores."
    yield ""
    yield from _row(_HEADERS)
    yield from _row(["---"] * len(_HEADERS))
    for card in _shown():
        for seen in measurements().of(card.name):
            yield from _row(_measured(seen))
    yield ""
    yield "## What was verified"
    yield "Promises that `make test-engines` asks of every engine on its real library, in its real environment, on the CPU: the names"
    yield "of the tests in `tests/real_engines/test_promises.py`. Written down from the report of the run (`scripts/write_verified.py`)."
    yield "No engine was ever run by us on a GPU, on Windows, macOS or ARM: every profile and rung for those is **not verified**."
    yield ""
    yield from _promises([found for card in _shown() if (found := verified().get(card.name)) and found.promises])
    yield ""
    yield "–: the engine does not promise it. –¹: asked of real weights alone, and there were none. What random weights write was not"
    yield "heard: that such an engine writes what was said is **not verified**. Tests of its own, below: –: they were not in the report."
    yield ""
    yield "| engine | tests of its own that passed | weights | device | date |"
    yield "|---|---|---|---|---|"
    for card in _shown():
        if one := verified().get(card.name):
            yield from _row(_own(one))


def of_engine(card: Card) -> Iterator[str]:
    """Lines for the engine's own section."""
    for seen in measurements().of(card.name):
        yield (
            f"Memory: {mib(seen.peak_bytes)} with {seen.model} ({seen.weights} weights; {seen.device}, {seen.compute_type}), "
            f"measured {seen.date} by `{seen.command}`."
        )
    if not measurements().of(card.name):
        yield "Memory: not measured."


def _shown() -> Iterator[Card]:
    return (card for card in catalog.cards() if not card.for_tests)


def _measured(seen: Measured) -> list[str]:
    return [
        seen.engine,
        seen.version,
        mib(seen.environment_bytes),
        seen.model,
        seen.weights,
        f"{seen.device}, {seen.compute_type}",
        mib(seen.peak_bytes),
        mib(seen.beside_bytes),
        f"{seen.times_base:g}" if seen.times_base else "–",
        f"{seen.load_s:g} s",
        seen.date,
    ]


def _promises(found: list[Verified]) -> Iterator[str]:
    if not found:
        return
    yield from _row(["promise", *(one.engine for one in found)])
    yield from _row(["---"] * (1 + len(found)))
    asked = {promise.test for one in found for promise in one.promises}
    for test, promise in PROMISES.items():
        if test not in asked:
            continue
        told = [next((_MARK[p.outcome] for p in one.promises if p.test == test), "–") for one in found]
        yield from _row([promise.en, *told])


def _own(seen: Verified) -> list[str]:
    files = ", ".join(f"`{file}`" for file in seen.files)
    broken = f", **{seen.own_broken} failed**" if seen.own_broken else ""
    own = f"{seen.own_tests} in {files}{broken}" if files else "–"
    return [seen.engine, own, "real" if seen.real_weights else "made for the tests", f"CPU; {seen.machine}", seen.date]


def _row(cells: list[str] | tuple[str, ...]) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"

"""Outfits of the scripted engine, by hand: no environment is made."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import casebook
from yamabiko.diagnosis.witness import Witness
from yamabiko.engines import catalog
from yamabiko.engines.contract import Placement
from yamabiko.engines.environments import Environment
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.settings import Settings

GPU, CPU = Placement("cuda", "float16"), Placement("cpu", "float32")


@pytest.fixture
def outfit() -> Callable[..., Outfit]:
    here = Environment("scripted", "cpu", Path(sys.prefix), Path(sys.executable), "", "running interpreter")

    def make(model: str = "", ladder: tuple[Placement, ...] = (GPU, CPU), **more: Any) -> Outfit:
        facts: dict[str, Any] = {"card": catalog.card("scripted"), "environments": {"cuda": here, "cpu": here}}
        return Outfit(model=model, model_name="script", model_revision=None, ladder=ladder, **(facts | more))

    return make


@pytest.fixture
def pool(no_children_left: None) -> Iterator[Pool]:
    """Its witness sees a machine without a GPU, wherever the tests run."""
    with Pool(Settings(worker_memory_bytes=2**32)) as pool:
        pool.witness = Witness(lambda: casebook.facts(casebook.platform("cpu-only-linux")))
        yield pool


@pytest.fixture
def pool_beside_a_gpu(pool: Pool) -> Pool:
    """Its witness sees an NVIDIA GPU and its driver: what only a GPU can say is believed there."""
    seen = casebook.facts({**casebook.platform("bare-ada"), "environments": []})
    pool.witness = Witness(lambda: seen)
    return pool

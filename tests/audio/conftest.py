"""One nurse for all decoders of a test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from yamabiko.audio.decode_start import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    nursery.begin()
    yield nursery
    nursery.close()

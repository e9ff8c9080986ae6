"""
Each row of docs/openai-compatibility.md, tried again: what comes is what stands there.

After a change that is meant: YAMABIKO_HOME=... python scripts/write_conformance.py
"""

from __future__ import annotations

import conformance
import pytest
from conformance import ROWS, Row


@pytest.mark.filterwarnings("ignore:deprecated")  # whisper-1, which its own SDK would rather not see used
@pytest.mark.parametrize("row", ROWS, ids=[f"{row.field}-{row.sent}"[:60] for row in ROWS])
def test_row(row: Row, request: pytest.FixtureRequest) -> None:
    served = request.getfixturevalue("real" if row.real else "plain")
    assert row.line(row.ask(served)) in conformance.written().splitlines(), (
        "scripts/write_conformance.py writes it anew"
    )


def test_the_document_holds_these_rows_and_no_others() -> None:
    begun = [
        line.partition(" | ")[0] + line.partition(" | ")[2].partition(" | ")[0]
        for line in conformance.written().splitlines()
    ]
    expected = [f"| `{row.field}`{row.sent}" for row in ROWS]
    assert [line for line in begun if line.startswith("| `")] == expected

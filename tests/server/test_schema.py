"""
schemathesis: whatever the OpenAPI document allows is sent; what comes back is what it promises, and never a 5xx, but where
a field asks for an engine that the server has not set up.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from program import Result
from served import begin, beside, end
from yamabiko.bundled import clips
from yamabiko.server.app import create_app
from yamabiko.server.config import Config
from yamabiko.settings import Settings

CLIP = next(clip.path for clip in clips() if clip.language == "en")
EN = CLIP.read_bytes()


def no_server_error(context, response, case) -> bool | None:
    told = response.headers.get("x-yamabiko-finding", [""])[0]
    if response.status_code == 503 and told in ("engine-not-installed", "model-unavailable"):
        return None
    return not_a_server_error(context, response, case)


CHECKS = [no_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [
    (path, method.upper())
    for path, methods in create_app(Config(), Settings()).openapi()["paths"].items()
    for method in methods
]
SLOW = ("/doctor", "/gpu-status")
"""They look at the whole machine, and nothing that is sent changes what they do."""

# Of files: one that is a recording, one that breaks off, and what is none.
schemathesis.openapi.format("binary", strategies.sampled_from([EN, EN[:9000], b"", b"no sound" * 40]))
PATHS = [*[str(CLIP)] * 5, str(CLIP.parent), "/etc/passwd", ""]
schemathesis.openapi.format("path", strategies.sampled_from(PATHS))


@pytest.fixture(scope="module")
def document(shared_home: Path, silero_installed: Result) -> Iterator[schemathesis.BaseSchema]:
    """Of a server of its own: models are loaded and unloaded here."""
    assert silero_installed.code == 0, silero_installed.err
    served = begin(beside(shared_home), "--engine", "scripted", "--allow_folder", str(CLIP.parent))
    yield schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    end(served)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_what_the_document_says(document, path, method) -> None:
    @settings(
        max_examples=2 if path in SLOW else 15, derandomize=True, deadline=None, database=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=document[path][method].as_strategy())
    def send(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, timeout=60)

    send()

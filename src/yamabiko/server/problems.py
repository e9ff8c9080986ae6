"""
Findings over HTTP: a status, headers, and a body that clients of OpenAI's API can read.

The envelope is OpenAI's, `{"error": {"message", "type", "param", "code"}}`; the whole Finding stands under `yamabiko`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yamabiko.findings import Area, Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.records import to_plain

_BY_ID = {
    "server-busy": 429,
    "key-limit": 429,
    "path-not-allowed": 403,
    "server-not-ready": 503,
    "upload-too-large": 413,
    "upload-incomplete": 400,
    "key-missing": 401,
    "key-unknown": 401,
    "host-not-allowed": 403,
    "origin-not-allowed": 403,
    "model-unknown": 404,
    "engine-unknown": 404,
    "route-unknown": 404,
    "job-unknown": 404,
    "job-not-done": 409,
    "job-not-so": 409,
    "jobs-elsewhere": 409,
    "jobs-unreadable": 500,
    "method-not-allowed": 405,
    "disk-full": 507,
    "cancelled": 499,
    "engine-not-installed": 503,
    "model-unavailable": 503,
    "model-not-here": 404,
    "model-lacks-language": 400,
}
_BY_AREA: dict[Area, int] = {
    "usage": 400,
    "input": 400,
    "model": 500,
    "engine": 500,
    "device": 500,
    "worker": 500,
    "output": 500,
}
_CODES = {
    "parameter-invalid": "invalid_value",
    "speakers-not-told-apart": "unsupported_value",
    "file-missing": "missing_required_parameter",
    "audio-buffer-empty": "input_audio_buffer_commit_empty",
    "model-unknown": "model_not_found",
    "model-not-here": "model_not_found",
    "key-missing": "invalid_api_key",
    "key-unknown": "invalid_api_key",
    "server-busy": "rate_limit_exceeded",
}
"""Where OpenAI has a word of its own that clients look for; else the finding's id is the code."""


_MEANT = {"task-not-supported": "task", "model-unavailable": "model", "model-not-here": "model", "model-lacks-language": "language",
          "engine-unknown": "engine", "engine-not-installed": "engine", "device-unknown": "device"}  # fmt: skip
"""The field of a form that such a finding is about."""
COME_AGAIN_S = 30.0
"""Where nobody knows when it will be better: what is missing may be there by then."""


class Refused(Problem):
    """A Problem with what HTTP knows besides: the field that is meant, and when to come again."""

    def __init__(self, finding: Finding, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(finding)
        self.param = param
        self.retry_after_s = retry_after_s


def status(finding: Finding) -> int:
    return _BY_ID.get(finding.id) or _BY_AREA[finding.area]


def body(problem: Problem) -> dict[str, Any]:
    """The envelope. Evidence stands in it, so it must never quote what another client said."""
    finding = problem.finding
    code = status(finding)
    kind = "requests" if code == 429 else "invalid_request_error" if code < 500 else "server_error"
    return {
        "error": {
            "message": str(finding.cause),
            "type": kind,
            "param": _param(problem),
            "code": _CODES.get(finding.id, finding.id),
            "yamabiko": to_plain(finding),
        }
    }


def _param(problem: Problem) -> str | None:
    finding = problem.finding
    of_its_own = getattr(problem, "param", None) or _MEANT.get(finding.id)
    return of_its_own or ("file" if finding.area == "input" else None)


def headers(problem: Problem) -> dict[str, str]:
    wait_s = getattr(problem, "retry_after_s", None)
    if wait_s is None and status(problem.finding) in (429, 503):
        wait_s = COME_AGAIN_S
    found = {"x-yamabiko-finding": problem.finding.id}
    if wait_s is not None:
        found["retry-after"] = str(max(1, round(wait_s)))
    if status(problem.finding) == 401:
        found["www-authenticate"] = "Bearer"
    return found


def refused(
    id_: str, cause: Text, *evidence: str, param: str | None = None, remedies: tuple[Remedy, ...] = (),
    retry_after_s: float | None = None,
) -> Refused:  # fmt: skip
    """What a client asked and cannot have."""
    finding = Finding(id_, "error", "usage", cause, evidence, remedies)
    return Refused(finding, param=param, retry_after_s=retry_after_s)


def invalid_request(errors: Sequence[Mapping[str, Any]]) -> Refused:
    """What FastAPI found wrong with a path or a query."""
    first = errors[0] if errors else {}
    name = str((first.get("loc") or ("request",))[-1])
    why = str(first.get("msg", ""))[:200]
    return refused(
        "parameter-invalid",
        Text(f"{name} is not as it must be: {why}", f"{name} の指定が正しくありません（{why}）。"),
        f"request: {name}",
        param=name,
    )

"""One event, one line, on standard error: `yamabiko event key=value ...`. Never what was said in a recording."""

from __future__ import annotations

import json
import logging
import sys

_logger = logging.getLogger("yamabiko")
_logger.addHandler(logging.NullHandler())


def event(name: str, **facts: object) -> None:
    """Log one event with its facts, at level INFO."""
    if _logger.isEnabledFor(logging.INFO):
        _logger.info("%s", " ".join([name, *(f"{key}={_shown(value)}" for key, value in facts.items())]))


def show_on_stderr() -> None:
    """Events become visible: `--verbose`, and the server."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s yamabiko %(message)s", "%H:%M:%S"))
    _logger.addHandler(handler)
    _logger.setLevel(logging.INFO)


def _shown(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(c in text for c in ' "=\n\t') else text

"""What comes in at any door: the form, recordings that it names by path, and the language that the server assumes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from yamabiko.server import paths
from yamabiko.server.config import Config
from yamabiko.server.forms import Form, read_form

if TYPE_CHECKING:
    from starlette.requests import Request


async def arrived(request: Request, folder: Path, config: Config, free_disk_bytes: int) -> Form:
    """
    The form, with its files in `folder`, and a language where the client named none and the server was told one.

    Raises: Refused (form-malformed, upload-too-large, upload-incomplete, disk-full, path-not-allowed).
    """
    most_bytes = getattr(request.state, "most_upload_bytes", 0) or config.most_upload_bytes
    form = await read_form(request, folder, most_bytes, free_disk_bytes)
    if "path" in form.fields:
        await asyncio.to_thread(paths.bring, form, folder, config.allowed_folders, free_disk_bytes)
    if config.language is not None and not (form.first("language") or form.fields.get("languages")):
        form.fields["language"] = [config.language]
    return form

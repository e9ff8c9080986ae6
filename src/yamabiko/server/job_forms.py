"""A job's form, kept until the job is done: fields in the list of jobs, voices that are known beside its recording."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from yamabiko.jobs.store import Job
from yamabiko.scheduling.setup import Wish
from yamabiko.server import speakers
from yamabiko.server.config import Own
from yamabiko.server.forms import Form, Upload
from yamabiko.server.transcription_form import Asked, read
from yamabiko.settings import Settings
from yamabiko.transcription.diarizing import KnownSpeaker


def keep_voices(form: Form, aside: Path, settings: Settings) -> list[tuple[Upload, dict[str, str]]]:
    """
    Each recording of the form with the voices that are known, as paths by name: copies in its own folder, since jobs of
    one form end one by one. Nothing else of the form stays. `aside`: a folder to check them in.

    Raises: Refused (parameter-invalid), Problem.
    """
    known = speakers.known(form, aside, settings)
    kept: list[tuple[Upload, dict[str, str]]] = []
    for name, upload in form.files:
        if name != "file":
            upload.path.unlink()
            upload.path.parent.rmdir()
            continue
        places = {person.name: upload.path.with_name(f".voice-{number}") for number, person in enumerate(known)}
        for person in known:
            shutil.copyfile(person.recording, places[person.name])
        kept.append((upload, {who: str(place) for who, place in places.items()}))
    return kept


def asked(job: Job, default: Wish, own: Own) -> Asked:
    """Raises: Refused, where the server has changed since the job came."""
    form = Form(fields={name: list(values) for name, values in job.asked.items()})
    known = tuple(KnownSpeaker(name, Path(place)) for name, place in job.known_speakers.items())
    return replace(read(form, default, own=own), known_speakers=known)

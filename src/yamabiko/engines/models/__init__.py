"""
Models: what we know of them, where they are, how they come.

Importing this loads nothing heavy; the HTTP client comes with the first byte
that has to be fetched.
"""

from yamabiko.engines.models.catalogue import (
    UNPINNED,
    Catalogue,
    HubSource,
    ModelEntry,
    ModelFile,
    PackageSource,
    catalogue,
    find_entry,
)
from yamabiko.engines.models.own_folders import refuse_altered
from yamabiko.engines.models.pickles import Instead, refuse_code, refuse_unknown
from yamabiko.engines.models.resolve import ModelState, entries, locate, look, pull, remove, require, verify
from yamabiko.engines.models.sources import Progress
from yamabiko.engines.models.store import LocalModel

__all__ = [
    "UNPINNED",
    "Catalogue",
    "HubSource",
    "Instead",
    "LocalModel",
    "ModelEntry",
    "ModelFile",
    "ModelState",
    "PackageSource",
    "Progress",
    "catalogue",
    "entries",
    "find_entry",
    "locate",
    "look",
    "pull",
    "refuse_altered",
    "refuse_code",
    "refuse_unknown",
    "remove",
    "require",
    "verify",
]

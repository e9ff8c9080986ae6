"""
What goes with what, as data. A row without a source does not belong here.

Versions are compared by `packaging.version`.
"""

from __future__ import annotations

# Driver branch -> newest CUDA that it serves. CUDA Toolkit Release Notes, "CUDA Toolkit and Corresponding Driver
# Versions"; a branch serves every minor version below its own (minor-version compatibility).
DRIVER_CUDA = (
    (580, "13.0"), (575, "12.9"), (570, "12.8"), (565, "12.7"), (560, "12.6"), (555, "12.5"), (550, "12.4"),
    (545, "12.3"), (535, "12.2"), (530, "12.1"), (525, "12.0"), (520, "11.8"), (515, "11.7"), (510, "11.6"),
    (495, "11.5"), (470, "11.4"), (465, "11.3"), (460, "11.2"), (455, "11.1"), (450, "11.0"), (440, "10.2"),
)  # fmt: skip


def newest_cuda(driver: str) -> str | None:
    """The newest CUDA of a driver such as `550.54.14`; None for one older than the table, or newer by a major."""
    try:
        branch = int(driver.split(".")[0])
    except ValueError:
        return None
    if branch >= 590:  # newer than the table: it serves at least the newest that we know
        return DRIVER_CUDA[0][1]
    return next((cuda for least, cuda in DRIVER_CUDA if branch >= least), None)

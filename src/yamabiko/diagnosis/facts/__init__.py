"""What this machine shows, without an engine imported and without a driver touched. See `records` and `gather`."""

from yamabiko.diagnosis.facts.records import Facts, Unavailable

__all__ = ["Facts", "Unavailable"]

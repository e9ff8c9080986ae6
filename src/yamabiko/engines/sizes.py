"""Amounts of bytes, as a person reads them."""

from __future__ import annotations


def mib(count: int) -> str:
    """`512 MiB`."""
    return f"{count / 2**20:,.0f} MiB"

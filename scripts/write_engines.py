"""Write docs/engines.md from the CARDs. Run it after a CARD, the catalogue or measured.toml was changed."""

from __future__ import annotations

from pathlib import Path

from yamabiko.engines.page import page

if __name__ == "__main__":
    (Path(__file__).resolve().parents[1] / "docs/engines.md").write_text(page(), "utf-8", newline="\n")

"""Write the tables of docs/settings.md from the table of settings. Run it after a setting was changed."""

from __future__ import annotations

from pathlib import Path

from yamabiko.configuration.page import docs

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
MARK = "<!-- from here on written by scripts/write_settings.py -->\n"

if __name__ == "__main__":
    words, mark, _ = PAGE.read_text("utf-8").partition(MARK)
    assert mark, "the page has lost its mark"
    PAGE.write_text(words + mark + docs(), "utf-8", newline="\n")

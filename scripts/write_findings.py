"""Write docs/findings.md and docs/findings.ja.md from the articles. Run it after an article was changed."""

from __future__ import annotations

from pathlib import Path

from yamabiko.diagnosis.book import book

DOCS = Path(__file__).resolve().parents[1] / "docs"

if __name__ == "__main__":
    (DOCS / "findings.md").write_text(book("en"), "utf-8", newline="\n")
    (DOCS / "findings.ja.md").write_text(book("ja"), "utf-8", newline="\n")

"""`yamabiko doctor --explain ID`: what is known of one finding."""

from __future__ import annotations

import re
from collections.abc import Sequence

from yamabiko.cli import answers, misunderstood, screen
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text


def show_article(id_: str, *, json: bool) -> None:
    """Raises: Problem (finding-unknown)."""
    from yamabiko.diagnosis import book
    from yamabiko.diagnosis.articles import article, ids

    try:
        found = article(id_)
    except KeyError:
        raise Problem(_unknown(id_, ids())) from None
    if json:
        answers.print_json({"article": found})
    else:
        screen.print_result(book.page(found))


_MOST_MEANT = 8


def _unknown(id_: str, known: Sequence[str]) -> Finding:
    """With the ids that hold its words, nearest spelling first."""
    import difflib

    words = [word for word in re.split(r"[^a-z0-9.]+|(?<=[a-z])(?=\d{2})", id_.lower()) if len(word) > 1]
    holding = [one for one in known if words and all(word in one for word in words)]
    near = difflib.get_close_matches(id_.lower(), known, 3, cutoff=0.7)
    some = [one for one in known if any(word in one for word in words if len(word) > 2)]
    meant = list(dict.fromkeys((*near, *holding, *some)))[:_MOST_MEANT]
    see = Remedy(
        Text("See all of them in the book of findings", "指摘の一覧で探す"),
        str(Text("docs/findings.md", "docs/findings.ja.md")),
    )
    return Finding(
        id="finding-unknown",
        severity="error",
        area="usage",
        cause=Text(f"There is no finding named “{id_}”.", f"「{id_}」という指摘はありません。"),
        evidence=(
            str(Text(f"articles: {len(known)} findings are described", f"解説: {len(known)} 件の指摘があります")),
        ),
        remedies=(*(misunderstood.meant(f"yamabiko doctor --explain {one}") for one in meant), see),
    )

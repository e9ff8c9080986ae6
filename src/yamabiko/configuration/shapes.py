"""What a text must look like to be a setting's value. Each function says what is wrong with it, or None. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from yamabiko.findings import Problem
from yamabiko.i18n import Text

_ORIGIN = re.compile(r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?")


def word(given: str) -> Text | None:
    if given and not re.search(r"[\s\x00-\x1f/]", given):
        return None
    return Text("it is one word, without spaces or slashes", "空白や「/」を含まない語を指定します")


def folder(given: str) -> Text | None:
    if os.path.isabs(os.path.expanduser(given)) and "\0" not in given:
        return None
    return Text("it is a whole path, from the root on", "ルートからの絶対パスを指定します")


def origin(given: str) -> Text | None:
    if _ORIGIN.fullmatch(given.lower()):
        return None
    return Text(
        "it is scheme and host without a path, such as https://app.example or http://localhost:3000",
        "https://app.example や http://localhost:3000 のように、パスのない形で指定します",
    )


def device(given: str) -> Text | None:
    from yamabiko.scheduling.ladder import parse_device

    try:
        parse_device(given)
    except Problem:
        return Text(
            "it is auto, cpu, cuda, cuda:N, vulkan or metal",
            "auto, cpu, cuda, cuda:N, vulkan, metal のいずれかを指定します",
        )
    return None


def engine(given: str) -> Text | None:
    from yamabiko.engines import catalog

    able = [card for card in catalog.cards() if card.job == "transcribe"]
    return _one_of(given, [card.name for card in able], [card.name for card in able if not card.for_tests])


def speaker_engine(given: str) -> Text | None:
    from yamabiko.engines import catalog

    able = [card.name for card in catalog.cards() if card.job == "find-speakers"]
    return _one_of(given, able, able)


def _one_of(given: str, able: Sequence[str], offered: Sequence[str]) -> Text | None:
    if given in able:
        return None
    return Text(f"it is one of: {', '.join(offered)}", f"次のいずれかを指定します: {', '.join(offered)}")


def language(given: str) -> Text | None:
    from yamabiko.formats.language_names import language_code

    if given.strip().lower() == "auto" or language_code(given) is not None:
        return None
    return Text("it is auto, or a code such as ja or en", "auto か、ja や en などのコードを指定します")

"""
What hands already know: `--output_format`, `--word_timestamps True`, and a file without a verb. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

_TRUE = {"true", "1", "yes"}
_FALSE = {"false", "0", "no"}


def rewrite(
    arguments: Sequence[str], verbs: Collection[str], own: Collection[str], switches: Collection[str]
) -> list[str]:
    """
    The arguments in the one spelling that the parser knows.

    `verbs`: names of commands. `own`: options of the program itself, such as
    `--help`. `switches`: options without a value, to which Whisper gives True or
    False. What follows `--` is left alone.
    """
    words, files = _split_at_dashes(arguments)
    words = _with_verb(words, files, verbs, own)
    result: list[str] = []
    position = 0
    while position < len(words):
        word = _dashed(words[position])
        position += 1
        name, equals, given = word.partition("=")
        value = given if equals else words[position] if position < len(words) else ""
        if name in switches and value.lower() in _TRUE | _FALSE:
            result.append(name if value.lower() in _TRUE else f"--no-{name.removeprefix('--')}")
            position += 0 if equals else 1
        else:
            result.append(word)
    return result + files


def _split_at_dashes(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return list(arguments), []
    at = list(arguments).index("--")
    return list(arguments[:at]), list(arguments[at:])


def _with_verb(words: list[str], files: list[str], verbs: Collection[str], own: Collection[str]) -> list[str]:
    """`yamabiko talk.mp4 --model base` means `yamabiko transcribe talk.mp4 --model base`."""
    if not words:
        return ["transcribe"] if files else []
    if words[0] in verbs or words[0] in own or words[0].partition("=")[0] in own:
        return words
    return ["transcribe", *words]


def _dashed(word: str) -> str:
    """`--output_format=a_b` as `--output-format=a_b`: underscores of the name, not of the value."""
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value

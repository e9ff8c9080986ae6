"""
A mistake on the command line, explained: which option, what it takes, what was probably meant. Pure, but for looks at
whether a word is a file: one that begins with a dash, or stands behind a switch.

The parser's own sentence is English alone, in its own jargon: it stands below only where we have none.
"""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Sequence
from typing import Any

from yamabiko.cli import parameters
from yamabiko.cli.elsewhere import INSTEAD
from yamabiko.cli.parameters import Parameter
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text

_MISTAKE = "UsageError"


def is_mistake(error: Exception) -> bool:
    """Whether the parser says that it did not understand. typer carries its own click, whose classes are not public."""
    return _MISTAKE in _kinds(error)


def explain(error: Exception, command: Any, context: Any, given: Sequence[str]) -> Finding:
    """`given`: the words that `command` was to understand. `error`: what `is_mistake`."""
    kinds = _kinds(error)
    taken = parameters.of(command, context)
    option = _named(taken, getattr(error, "option_name", None))
    if "NoSuchOption" in kinds:
        return _unknown_option(error, taken, context, given)
    if "BadOptionUsage" in kinds and option is not None:
        return _finding(_needs_a_value(option) if not option.is_switch else _takes_no_value(option), context)
    wrong = _parameter(error, command)
    if "MissingParameter" in kinds and wrong is not None:
        return _finding(_missing(wrong, context.command_path), context)
    if "BadParameter" in kinds and wrong is not None:
        return _finding(_bad_value(wrong, value_of(wrong, given)), context)
    cause = Text("The command line was not understood.", "コマンドの指定を解釈できませんでした。")
    if "extra argument" in _said(error):
        cause = _too_many(context.command_path)
    return _finding(cause, context, evidence=(f"parser: {_said(error)}",))


def mistyped_verb(word: str, verbs: Sequence[str]) -> Finding | None:
    """The first word of the line, which is neither a command nor a file: was a command meant?"""
    options = {"help": "--help", "version": "--version"}
    near = difflib.get_close_matches(word.lower(), (*verbs, *options), 1, cutoff=_SLIP)
    if not near:
        return None
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=Text(
            f"“{word}” is neither a command of yamabiko nor a file that is there.",
            f"「{word}」というコマンドもファイルもありません。",
        ),
        evidence=(_commands(verbs),),
        remedies=(meant(f"yamabiko {options.get(near[0], near[0])}"), _see_help("yamabiko")),
    )


def without_value(command: Any, context: Any, given: Sequence[str]) -> Finding | None:
    """
    What the parser would take for something else: an empty value, the next option where a value was forgotten, and what
    is neither on nor off behind a switch (`--fp16 maybe`), for a file.
    """
    taken = parameters.of(command, context)
    known = {name for one in taken for name in (*one.names, *one.off_names)}
    waiting: Parameter | None = None
    switch: Parameter | None = None
    for word in given:
        if switch is not None and word not in known and _is_no_file(word):
            return _finding(_no_value_and_no_file(switch, word), context, _on_or_off(switch))
        switch = None
        if waiting is not None:
            if word in known:
                said = str(Text(f"given: {waiting.label} {word}", f"指定: {waiting.label} {word}"))
                return _finding(_needs_a_value(waiting), context, evidence=(said,))
            if not word.strip() and waiting.label not in _MAY_BE_EMPTY:
                return _empty(waiting, context)
            waiting = None
        elif word == "--":
            return None
        else:
            name, equals, value = word.partition("=")
            one = _named(taken, name)
            switch = one if word in WHISPERS_SWITCHES and _takes_many(taken) else None
            if one is not None and not one.is_switch:
                waiting = None if equals else one
                if equals and not value.strip() and one.label not in _MAY_BE_EMPTY:
                    return _empty(one, context)
            elif one is None and not word.strip() and not _takes_many(taken):
                return _empty(next((each for each in taken if not each.is_option), None), context)
    return None


_MAY_BE_EMPTY = ("--initial-prompt", "--hotwords", "--suppress-tokens")
"""What is a text or a list: an empty one is one too."""


def _takes_many(taken: Sequence[Parameter]) -> bool:
    """Then each of them is looked at by itself: one empty name among files costs the others nothing."""
    return any(one.many for one in taken)


WHISPERS_SWITCHES = (
    "--carry-initial-prompt", "--condition-on-previous-text", "--fp16", "--highlight-words", "--vad-filter", "--verbose",
    "--word-timestamps",
)  # fmt: skip
"""To which Whisper and faster-whisper's command line give True or False: a word behind one of them is taken for that."""


def _is_no_file(word: str) -> bool:
    """
    Neither there nor called as recordings are: what Whisper's hands put behind a switch (`--fp16 maybe`).

    A name with an ending or a folder is a file that is missing, and told as one.
    """
    return word.isalnum() and not os.path.lexists(word)


def _no_value_and_no_file(one: Parameter, word: str) -> Text:
    return Text(
        f"“{word}” behind {one.label} is neither True nor False, and no file of that name is there.",
        f"{one.label} の後の「{word}」は True でも False でもなく、その名前のファイルもありません。",
    )


def _on_or_off(one: Parameter) -> tuple[Remedy, ...]:
    off = one.off_names[0] if one.off_names else f"{one.label} False"
    return (
        Remedy(Text("Turn it on", "オンにする"), one.label),
        Remedy(Text("Turn it off", "オフにする"), off),
    )


def _empty(one: Parameter | None, context: Any) -> Finding | None:
    if one is None:
        return None
    return _finding(
        Text(f"{one.label} was given an empty value.", f"{one.label} の値が空です。"),
        context,
        (
            Remedy(
                Text(
                    "Leave it out, or see whether a variable of the shell is not set",
                    "指定をやめるか、シェルの変数が未設定でないか確かめる",
                )
            ),
        ),
    )


_ELSEWHERE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("uninstall", "delete", "del", "erase", "rm"), ("remove",)),
    **dict.fromkeys(("ls", "dir"), ("list", "show")),
    **dict.fromkeys(("info", "describe"), ("show",)),
    **dict.fromkeys(("add", "download", "fetch", "get", "install", "pull"), ("install", "pull")),
    **dict.fromkeys(("update", "upgrade"), ("install",)),  # which makes what is outdated anew
    **dict.fromkeys(("check", "test"), ("verify",)),
}
"""What other programs call our commands; of several the first that there is."""
_SLIP = 0.75
"""As alike as a command and what is typed for it at the least: `restore` is no `remove`."""


def unknown_command(word: str, known: Sequence[str], path: str) -> Finding:
    """`path`: the command that was to have it, as `yamabiko engines`."""
    called = [name for name in _ELSEWHERE.get(word.lower(), ()) if name in known][:1]
    near = called or difflib.get_close_matches(word.lower(), known, 1, cutoff=_SLIP)
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=Text(f"{path} has no command “{word}”.", f"{path} に「{word}」というコマンドはありません。"),
        evidence=(_commands(known),),
        remedies=(*(meant(f"{path} {name}") for name in near), _see_help(path)),
    )


def value_of(one: Parameter, given: Sequence[str]) -> str | None:
    """The value that was typed last for an option; None where it cannot be told."""
    found = None
    words = list(given[: list(given).index("--")] if "--" in given else given)
    for word, following in zip(words, [*words[1:], None], strict=True):
        name, equals, value = word.partition("=")
        short = next((n for n in one.names if not n.startswith("--") and word.startswith(n)), None)
        if name in one.names:
            found = value if equals else following
        elif short and not word.startswith("--"):
            found = word[len(short) :]
    return found


def _commands(known: Sequence[str]) -> str:
    return f"{Text('commands', 'コマンド')}: {', '.join(known)}"


def _kinds(error: Exception) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _said(error: Exception) -> str:
    return " ".join(error.format_message().split())  # type: ignore[attr-defined]


def _named(taken: Sequence[Parameter], word: str | None) -> Parameter | None:
    return next((one for one in taken if word in (*one.names, *one.off_names)), None)


def _parameter(error: Exception, command: Any) -> Parameter | None:
    one = getattr(error, "param", None)
    return None if one is None else parameters.parameter(one, parameters.declared(command))


def _unknown_option(error: Exception, taken: Sequence[Parameter], context: Any, given: Sequence[str]) -> Finding:
    word = str(getattr(error, "option_name", ""))
    files = tuple(one for one in given if one.startswith(word) and os.path.lexists(one))
    if files and _takes_many(taken):
        return _finding(_a_file(files[0], context.command_path), context, _as_files(files[0], context.command_path))
    known = [name for one in taken for name in (*one.names, *one.off_names) if name.startswith("--")]
    cause = Text(
        f"{context.command_path} has no option {word}.",
        f"{context.command_path} に {word} というオプションはありません。",
    )
    instead = INSTEAD.get(word.lower().replace("_", "-"))
    if instead is not None:
        return _finding(cause, context, (instead,))
    return _finding(cause, context, tuple(meant(name) for name in _near_option(word, known)))


def _near_option(word: str, known: Sequence[str]) -> list[str]:
    """
    The option that may be meant: its name nearly, or its beginning (`--lang`).

    Compared without what stands before many of them, `--no-`: that is no likeness.
    """
    typed = word.lower().removeprefix("--")
    scores: dict[str, float] = {}
    for name in known:
        ours, theirs = name.removeprefix("--"), typed
        if ours.startswith("no-") and theirs.startswith("no-"):
            ours, theirs = ours.removeprefix("no-"), theirs.removeprefix("no-")
        alike = difflib.SequenceMatcher(None, theirs, ours).ratio()
        if alike >= 0.7 or (len(theirs) > 2 and ours.startswith(theirs)):
            scores[name] = alike
    return sorted(scores, key=lambda name: -scores[name])[:1]


def _a_file(name: str, path: str) -> Text:
    return Text(
        f"{path} took “{name}” for options, because it begins with a dash; it is a file that is there.",
        f"「{name}」というファイルはありますが、ダッシュで始まるため、{path} はオプションと解釈しました。",
    )


def _as_files(name: str, path: str) -> tuple[Remedy, ...]:
    return (
        Remedy(
            Text(
                "Put -- before the files: what follows it is no option",
                "ファイルの前に -- を置く（以降はオプションと解釈しません）",
            ),
            f"{path} -- {shlex.quote(name)}",
        ),
        Remedy(
            Text("Or name it by its folder", "またはフォルダー付きで指定する"), f"{path} {shlex.quote(f'./{name}')}"
        ),
    )


def _needs_a_value(one: Parameter) -> Text:
    return Text(
        f"{one.label} needs {one.value.en} after it, and none is there.",
        f"{one.label} の後に{one.value.ja}が必要ですが、指定されていません。",
    )


def _takes_no_value(one: Parameter) -> Text:
    off = one.off_names[0] if one.off_names else ""
    return Text(
        f"{one.label} is a switch and takes no value but True or False" + (f"; {off} turns it off." if off else "."),
        f"{one.label} はスイッチで、True と False のほかに値を取りません。" + (f"無効にするには {off}" if off else ""),
    )


def _missing(one: Parameter, path: str) -> Text:
    if one.is_option:
        return Text(f"{path} needs {one.label}.", f"{path} には {one.label} の指定が必要です。")
    what = f": {one.help}" if one.help else ""
    return Text(f"{path} needs {one.label}{what}.", f"{path} には{one.label}の指定が必要です{what}。")


def _too_many(path: str) -> Text:
    return Text(f"{path} was given more than it takes.", f"{path} に渡された引数が多すぎます。")


def _bad_value(one: Parameter, value: str | None) -> Text:
    if value is None:
        return Text(f"{one.label} takes {one.value.en}.", f"{one.label} には{one.value.ja}を指定してください。")
    return Text(
        f"{one.label} takes {one.value.en}, not “{value}”.",
        f"{one.label} には{one.value.ja}を指定してください（指定値: 「{value}」）。",
    )


def meant(words: str) -> Remedy:
    return Remedy(Text("Did you mean this?", "もしかして"), words)


def _see_help(path: str) -> Remedy:
    return Remedy(Text("See what there is", "使い方を見る"), f"{path} --help")


def _finding(cause: Text, context: Any, meant: tuple[Remedy, ...] = (), evidence: tuple[str, ...] = ()) -> Finding:
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=cause,
        evidence=evidence,
        remedies=(*meant, _see_help(context.command_path)),
    )

"""`yamabiko models ...`: which there are, where they are, fetching, checking and removing them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yamabiko import settings
from yamabiko.cli import answers, catalogue_words, exits, screen
from yamabiko.cli.model_words import PLACE, description, named_by, show_hashes
from yamabiko.cli.parser import App
from yamabiko.engines import catalog
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

    from yamabiko.engines.models import LocalModel, ModelState

SWITCHES = frozenset({"--json"})

app = App(
    Text(
        "Models: see them, fetch them, find their folder, check every byte, remove.",
        "モデルの一覧、取得、場所の表示、全データの検査、削除。",
    )
)

_NAME = str(Text("NAME", "名前"))
Name = Annotated[
    str,
    typer.Argument(
        metavar=_NAME,
        help=str(Text("Name, hub id (org/name) or path of a model", "モデル名、ハブのID（org/name）、またはパス")),
        show_default=False,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar=str(Text("FORMAT", "形式")),
        help=str(
            Text(
                "Format of a model that is not in the list, such as ctranslate2-whisper",
                "一覧にないモデルの形式（ctranslate2-whisper など）",
            )
        ),
        show_default=str(Text("the default engine's", "標準のエンジンの形式")),
    ),
]
Json = Annotated[bool, answers.Json]

_UNUSED: dict[str, Text] = {
    "absent": Text("not here", "なし"),
    "damaged": Text("here, damaged", "破損"),
    "unchecked": Text("here, not checked", "未検査"),
}


# ---- list -----------------------------------------------------------------------------------------------------------


@app.verb("list", Text("Models and where they are.", "モデルとその場所を一覧する。"))
def list_(json: Json = False) -> None:
    from yamabiko.engines import models

    with answers.json_problems(json):
        states = models.entries(settings.current())
        if json:
            answers.print_json({"models": [_record(state) for state in states]})
            return
    headers = (
        Text("model", "モデル"),
        Text("format", "形式"),
        Text("size", "サイズ"),
        Text("languages", "言語"),
        Text("licence", "ライセンス"),
        Text("where", "場所"),
        Text("hashes", "ハッシュ"),
        Text("notes", "備考"),
    )
    answers.show_table(headers, [_row(state) for state in states])


def _row(state: ModelState) -> list[str]:
    entry = state.entry
    gated = str(Text("gated: needs permission", "要許可（gated）")) if entry.gated else ""
    about = "" if entry.pinned else "~"
    return [
        entry.name,
        entry.format,
        about + screen.size(entry.size_bytes) if entry.size_bytes else "–",
        str(catalogue_words.languages(entry.languages)),
        entry.licence or str(Text("see its page on the hub", "ハブのページを参照")),
        str(PLACE[state.local.origin] if state.local else _UNUSED[_fault(state)]),
        str(entry.pinned_told),
        "; ".join([*([gated] if gated else []), *state.damage]),
    ]


def _fault(state: ModelState) -> str:
    """Why there is no copy to use."""
    return "damaged" if state.damage else "unchecked" if state.unchecked else "absent"


def _record(state: ModelState) -> dict[str, object]:
    entry = state.entry
    return {
        "name": entry.name,
        "aliases": entry.aliases,
        "format": entry.format,
        "languages": entry.languages,
        "licence": entry.licence,
        "revision": entry.revision,
        "size_bytes": entry.size_bytes,
        "pinned": entry.pinned,
        "pinned_by": entry.pinned_by,
        "pinned_from": entry.pinned_from,
        "gated": entry.gated,
        "files": entry.files,
        "local": state.local,
        "state": "here" if state.local else _fault(state),
        "damage": state.damage,
    }


# ---- pull, path -----------------------------------------------------------------------------------------------------


@app.verb("pull", Text("Fetch a model; goes on where it was cut.", "モデルを取得する。中断しても続きから。"))
def pull(name: Name, format_: Format = None) -> None:
    console = screen.make_console()
    with _typed("pull", name):
        local = fetch(name, _format(name, format_), console, say_if_here=True)
    screen.print_result(f"{local.path}\n")


def fetch(name: str, model_format: str, console: Console, *, say_if_here: bool = False) -> LocalModel:
    """The model, fetched if it is not here; says where it came from and what its hashes are worth. Raises: Problem."""
    from yamabiko.engines import naming

    with naming.named_for(naming.reader(model_format)):
        return _fetched(name, model_format, console, say_if_here=say_if_here)


def _fetched(name: str, model_format: str, console: Console, *, say_if_here: bool) -> LocalModel:
    from yamabiko.engines import models

    here, damage = models.look(name, format=model_format, settings=settings.current())
    if here is not None:
        if say_if_here:
            there = Text(f"{here.name} is already here", f"{here.name} は取得済みです")
            screen.say(console, f"{there}: {description(here)}")
            show_hashes(here, console)
        return here
    for line in damage:
        screen.say(console, f"  {Text('damaged, so fetched again', '破損のため取得し直し')}: {line}")
    with screen.Setup(console) as setup:

        def show(done: int, total: int, what: str) -> None:
            setup.report(Text(f"fetching {name}: {what}", f"{name} を取得中: {what}"), done, total)

        local = models.pull(name, format=model_format, settings=settings.current(), progress=show)
    for line in (line for line in local.tried if line not in damage):
        screen.say(console, f"  {Text('tried before', '先に試した取得先')}: {line}", "dim")
    screen.say(console, f"{Text(f'fetched {local.name}', f'{local.name} を取得しました')}: {description(local)}")
    show_hashes(local, console)
    return local


@app.verb("path", Text("Print the path of a model that is here.", "手元にあるモデルのパスだけを表示する。"))
def path(name: Name, format_: Format = None) -> None:
    with _typed("path", name):
        local = _local(name, _format(name, format_))
    screen.print_result(f"{local.path}\n")


def _local(name: str, model_format: str) -> LocalModel:
    """Raises: Problem (model-not-here, model-wrong-hash)."""
    from yamabiko.engines import models

    return models.require(name, format=model_format, settings=settings.current())


# ---- verify, remove -------------------------------------------------------------------------------------------------


@app.verb("verify", Text("Hash every byte of local models.", "手元のモデルの全データを検査する。"))
def verify(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar=_NAME,
            help=str(Text("Model; none named: all", "モデル。省略すると手元のすべて")),
            show_default=False,
        ),
    ] = None,
    format_: Format = None,
    json: Json = False,
) -> None:
    from yamabiko.engines import models

    console = screen.make_console()
    checked: list[dict[str, object]] = []
    failures: list[Finding] = []
    with answers.json_problems(json), _typed("verify", name or ""):
        if name:
            wanted = [(name, _format(name, format_))]
        else:
            states = models.entries(settings.current())
            wanted = [(s.entry.name, s.entry.format) for s in states if s.local or s.damage or s.unchecked]
    for one, model_format in wanted:
        local, finding = _verified(one, model_format)
        checked.append({"model": one, "ok": finding is None, "local": local, "finding": finding})
        if finding:
            failures.append(finding)
        if not json:
            shown = description(local) if local else finding.id if finding else ""
            screen.print_result(f"{answers.mark(finding is None)} {one}: {shown}\n")
            if local:
                show_hashes(local, console)
            if finding:
                screen.show_finding(console, finding)
    if json:
        answers.print_json({"models": checked})
    elif not wanted:
        screen.say(console, Text("There is no model on this machine yet.", "モデルはまだありません。"))
    raise typer.Exit(exits.code_for(failures, len(wanted)))


def _verified(name: str, model_format: str) -> tuple[LocalModel | None, Finding | None]:
    from yamabiko.engines import models, naming

    reader = naming.reader(model_format)
    # What finds speech is no engine that anybody names.
    of_engine = naming.named_for(reader) if reader.job != "find-speech" else contextlib.nullcontext()
    try:
        with _typed("verify", name), of_engine:
            return models.verify(name, format=model_format, settings=settings.current()), None
    except Problem as problem:
        return None, problem.finding


@app.verb(
    "remove",
    Text(
        "Remove a model from our cache; never from your folders or another program's cache.",
        "yamabiko のキャッシュからモデルを削除する。他の場所のものには触れない。",
    ),
)
def remove(name: Name) -> None:
    from yamabiko.engines import models

    console = screen.make_console()
    if _is_path(name):
        raise Problem(_not_ours(name, str(Path(name).expanduser().absolute())))
    with _typed("remove", name):
        removed = models.remove(name, settings.current())
    rest = next((s.local for s in models.entries(settings.current()) if s.local and _is_named(s, name)), None)
    if rest and not removed:
        raise Problem(_not_ours(name, str(rest.path)))
    if removed:
        screen.say(console, Text(f"removed {name} from our cache", f"{name} を yamabiko のキャッシュから削除しました"))
    else:
        screen.say(console, Text(f"{name} was not in our cache.", f"{name} は yamabiko のキャッシュにありません。"))
    if rest:
        screen.say(
            console,
            Text(
                f"A copy stays in the {PLACE[rest.origin].en}, which is not ours to change: {rest.path}",
                f"{PLACE[rest.origin].ja}のコピーには触れません: {rest.path}",
            ),
        )


def _is_named(state: ModelState, name: str) -> bool:
    entry = state.entry
    return name in (entry.name, *entry.aliases) or (entry.hub is not None and name == entry.hub.repo)


def _not_ours(name: str, where: str) -> Finding:
    return Finding(
        id="model-not-ours",
        severity="error",
        area="usage",
        cause=Text(
            f"This copy of “{name}” is not in yamabiko's cache, so yamabiko does not remove it.",
            f"「{name}」のコピーは yamabiko のキャッシュの外にあるため、yamabiko は削除しません。",
        ),
        evidence=(f"path: {where}",),
        remedies=(
            Remedy(
                Text("Remove it with the program it belongs to, or by hand", "所有するプログラムか手作業で削除する"),
                cost="effort",
            ),
        ),
    )


# ---- names ----------------------------------------------------------------------------------------------------------


def _is_path(name: str) -> bool:
    from yamabiko.engines.models.own_folders import as_path

    return as_path(name, None) is not None


def _format(name: str, given: str | None) -> str:
    """
    The format of a model: as told, as its entry says, as its file shows; else what the default engine reads.

    Raises: Problem (model-unknown, model-format-unknown).
    """
    from yamabiko.engines import models
    from yamabiko.engines.models.catalogue import FORMATS

    if given is not None:
        if given not in FORMATS:
            raise Problem(_format_unknown(given, tuple(FORMATS)))
        return given
    usual = catalog.card(catalog.DEFAULT_ENGINE).model_format
    assert usual is not None
    if _is_path(name):
        return "silero-onnx" if name.endswith(".onnx") else usual
    # Of several engines' models of one name that of the engine whose usual model is called so.
    own = next((card.model_format for card in catalog.cards() if card.default_model == name), None)
    try:
        return own or models.find_entry(name).format
    except Problem:
        if "/" not in name:
            raise
    return usual


@contextlib.contextmanager
def _typed(verb: str, name: str) -> Iterator[None]:
    """A model that a remedy names is told as what is to be typed here: `yamabiko models pull tiny`."""
    try:
        yield
    except Problem as problem:
        remedies = tuple(_as_typed(one, verb, name) for one in problem.finding.remedies)
        raise Problem(replace(problem.finding, remedies=remedies)) from None


def _as_typed(remedy: Remedy, verb: str, name: str) -> Remedy:
    """`name`: what was typed. A path that is not there is an example, and `--trust-model` an option of `transcribe`."""
    named = named_by(remedy.command)
    if named is None or " --" in named.words or (_is_path(named.words) and not os.path.lexists(named.words)):
        return remedy
    command, what = f"yamabiko models {verb} {named.words}", remedy.what
    if named.engine is not None and _is_path(named.words):  # which says nothing of its format
        command += f" --format {catalog.card(named.engine).model_format}"
        if Path(named.words) == Path(name).expanduser():
            what = Text(f"Take it for a model of {named.engine}", f"{named.engine} のモデルとして扱う")
    return replace(remedy, command=command, what=what)


def _format_unknown(given: str, known: tuple[str, ...]) -> Finding:
    return Finding(
        id="model-format-unknown",
        severity="error",
        area="usage",
        cause=Text(f"“{given}” is not a format of models.", f"「{given}」というモデル形式はありません。"),
        evidence=(f"formats: {', '.join(known)}",),
    )

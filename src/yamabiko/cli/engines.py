"""`yamabiko engines ...`: what there is, setting it up, and whether it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from yamabiko import settings
from yamabiko.cli import answers, engine_names, engine_table, engine_trial, recommend, screen
from yamabiko.cli.parser import App
from yamabiko.engines import catalog
from yamabiko.engines.contract import Card, Profile
from yamabiko.findings import Problem
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

SWITCHES = frozenset({"--json", "--verify", "--trust-model"})

app = App(
    Text(
        "Speech engines: see them, set them up, verify that they work, repair, remove.",
        "音声エンジンの一覧、導入、動作検証、修復、削除。",
    )
)

_NAME = str(Text("NAME", "名前"))
Name = Annotated[str, typer.Argument(metavar=_NAME, help=str(Text("Engine", "エンジン")), show_default=False)]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar=_NAME,
        help=str(
            Text(
                "Which of its environments; `yamabiko engines show` and its name lists them",
                "環境の種類。一覧は `yamabiko engines show エンジン名`",
            )
        ),
        show_default=str(Text("what fits this machine", "このマシンに合うもの")),
    ),
]
Verify = Annotated[
    bool,
    typer.Option("--verify/--no-verify", help=str(Text("Try it out at the end", "最後に実際に文字起こしして確かめる"))),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar=str(Text("DEVICE", "デバイス")),
        help=str(
            Text(
                "auto, cpu, cuda, cuda:N, vulkan or metal",
                "auto, cpu, cuda, vulkan, metal のいずれか。cuda:N は N 番の GPU",
            )
        ),
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar=_NAME,
        help=str(Text("Name or path of the model to try it with", "検証に使うモデルの名前またはパス")),
        show_default=str(Text("the engine's usual one", "エンジンの既定のモデル")),
    ),
]
TrustModel = Annotated[
    bool,
    typer.Option(
        "--trust-model/--no-trust-model",
        help=str(
            Text(
                "Try it with a model folder that looks like a known model but has other bytes: your own",
                "既知のモデルに似て中身の異なるフォルダーを、独自のモデルとして検証に使う",
            )
        ),
    ),
]
TrustPickle = Annotated[
    bool,
    typer.Option(
        "--trust-pickle",
        help=str(
            Text(
                "Try it with a model of pickled objects whose hash is not known too: it runs its maker's code",
                "ハッシュが未知の pickle 形式のモデルでも検証する（作者のコードが実行される）",
            )
        ),
    ),
]
Json = Annotated[bool, answers.Json]

# ---- list -----------------------------------------------------------------------------------------------------------


@app.verb("list", Text("Engines and the state of their environments.", "エンジンと環境の状態を一覧する。"))
def list_(json: Json = False) -> None:
    from yamabiko.cli import engine_page

    with answers.json_problems(json):
        lines = [
            (card, profile, engine_table.state(card, profile))
            for card in catalog.cards()
            for profile in engine_table.profiles(card)
        ]
        if json:
            told = {
                "engines": [engine_table.record(*line) for line in lines],
                "not_verified": engine_page.NOT_VERIFIED.en,
            }
            answers.print_json(told)
            return
    answers.show_table(engine_table.HEADERS, [engine_table.row(*line) for line in lines], name_columns=2)
    print(f"\n{engine_page.NOT_VERIFIED}")


app.verb(
    "recommend",
    Text(
        "Which engine and model suit this machine and a language.", "このマシンと言語に合うエンジンとモデルを勧める。"
    ),
)(recommend.command)


@app.verb(
    "show",
    Text(
        "All that is known of one engine: licences, features, ways to run, models, memory, what was verified.",
        "1つのエンジンの詳細（ライセンス、機能、動かし方、モデル、メモリ、検証した内容）。",
    ),
)
def show(name: Name, json: Json = False) -> None:
    from yamabiko.cli import engine_page

    with answers.json_problems(json):
        card = engine_names.named(name, "show")
        if json:
            answers.print_json(engine_page.record(card))
            return
    engine_page.show(card)


# ---- install, repair, remove ----------------------------------------------------------------------------------------


@app.verb("install", Text("Set an engine up and verify it.", "エンジンを導入し、動作を検証する。"))
def install(
    name: Name,
    profile: ProfileName = None,
    verify: Verify = True,
    model: Model = None,
    trust_model: TrustModel = False,
    trust_pickle: TrustPickle = False,
) -> None:
    from yamabiko.scheduling.setup import install as set_up

    card = engine_names.named(name, "install")
    chosen = engine_names.chosen_profile(card, profile)
    asked = engine_trial.Asked("install", profile, model, trust_model, trust_pickle, verify)
    console = screen.make_console()
    state = engine_table.state(card, chosen) if card.profiles else None
    if state is None:
        part = Text(
            f"{card.name} is part of yamabiko: nothing to install.", f"{card.name} は yamabiko に付属しています。"
        )
        screen.say(console, part)
    elif state.status == "ready" and not engine_table.is_own(state):
        there = state.environment.path if state.environment else ""
        already = Text(
            f"{card.name} ({chosen.name}) is already installed: {there}",
            f"{card.name}（{chosen.name}）は導入済みです: {there}",
        )
        screen.say(console, already)
    else:
        engine_trial.look_at_model(card, asked)
        screen.say(console, _announcement(card, chosen, model or card.default_model, verify=verify))
        with screen.Setup(console) as setup:
            environment = set_up(card, chosen.name, settings.current(), setup.report)
        _say_installed(console, card, chosen, environment.path)
    engine_trial.finish(console, card, chosen, asked)


@app.verb("repair", Text("Make an engine's environment anew and verify it.", "環境を作り直し、検証する。"))
def repair(
    name: Name,
    profile: ProfileName = None,
    verify: Verify = True,
    model: Model = None,
    trust_model: TrustModel = False,
    trust_pickle: TrustPickle = False,
) -> None:
    from yamabiko.engines import environments

    card = engine_names.named(name, "repair")
    chosen = engine_names.chosen_profile(card, profile)
    asked = engine_trial.Asked("repair", profile, model, trust_model, trust_pickle, verify)
    console = screen.make_console()
    if card.profiles:
        engine_trial.look_at_model(card, asked)
        what = Text(f"making {card.name} ({chosen.name}) anew", f"{card.name}（{chosen.name}）を作り直しています")
        with screen.Setup(console) as setup:
            environment = environments.repair(
                card, settings.current(), chosen.name, progress=lambda p: setup.report(what, p.done, p.total)
            )
        _say_installed(console, card, chosen, environment.path)
    else:
        screen.say(
            console,
            Text(
                f"{card.name} is part of yamabiko: it has no environment to repair.",
                f"{card.name} は yamabiko に付属しており、修復する環境がありません。",
            ),
        )
    engine_trial.finish(console, card, chosen, asked)


@app.verb("remove", Text("Remove an engine's environments.", "エンジンの環境を削除する。"))
def remove(name: Name, profile: ProfileName = None) -> None:
    from yamabiko.engines import environments

    card = engine_names.named(name, "remove")
    console = screen.make_console()
    if not card.profiles:
        raise Problem(engine_names.part_of_yamabiko(card))
    chosen = [engine_names.chosen_profile(card, profile)] if profile else list(card.profiles)
    removed = [one.name for one in chosen if environments.remove(card, settings.current(), one.name)]
    for gone in removed:
        screen.say(console, Text(f"removed {card.name} ({gone})", f"{card.name}（{gone}）を削除しました"))
    if not removed:
        screen.say(console, Text(f"{card.name} was not installed.", f"{card.name} は導入されていません。"))
    elif models := _models_here(card):
        commands = ", ".join(f"`yamabiko models remove {model}`" for model in models)
        screen.say(
            console,
            Text(f"Its models stay; to remove them: {commands}", f"モデルは残っています。削除するには: {commands}"),
        )
    for one in chosen:
        if engine_table.is_own(engine_table.state(card, one)):
            screen.say(
                console,
                Text(
                    f"yamabiko's own Python holds {card.name} ({one.name}) too; that is left as it is.",
                    f"yamabiko の Python にも {card.name}（{one.name}）があり、そちらには触れません。",
                ),
            )


def _models_here(card: Card) -> list[str]:
    """Those in our cache that no other engine reads which is still here, by names that mean no other."""
    from yamabiko.engines import environments, models

    ours = settings.current()
    for other in catalog.cards():
        if (
            other.name != card.name
            and other.model_format == card.model_format
            and any(map(environments.has(other, ours), other.profiles))
        ):
            return []
    return [
        state.entry.name
        for state in models.entries(ours)
        if state.local and state.local.origin == "our cache" and state.entry.format == card.model_format
    ]


def _announcement(card: Card, profile: Profile, model: str | None, *, verify: bool) -> Text:
    english, japanese = ["an environment of its own"], ["専用の環境"]
    if verify and model:
        english, japanese = [*english, f"the model {model}"], [*japanese, f"モデル {model}"]
    if verify:
        english, japanese = [*english, "a trial"], [*japanese, "動作の検証"]
    marks = engine_table.not_verified(card, profile)
    return Text(
        f"{card.name} ({profile.name}) gets {', '.join(english)}." + (f" Note: {marks.en}." if marks else ""),
        f"{card.name}（{profile.name}）の導入: {'、'.join(japanese)}。" + (f"注意: {marks.ja}。" if marks else ""),
    )


def _say_installed(console: Console, card: Card, profile: Profile, path: object) -> None:
    screen.say(
        console,
        Text(f"installed {card.name} ({profile.name}): {path}", f"導入しました: {card.name}（{profile.name}） {path}"),
    )


# ---- verify ---------------------------------------------------------------------------------------------------------


@app.verb(
    "verify",
    Text(
        "Try engines with recordings whose text is known. Installs and fetches nothing.",
        "内容の分かっている音声でエンジンを試す。導入や取得はしない。",
    ),
)
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=_NAME,
            help=str(Text("Engines; none named: all that are installed", "エンジン。省略すると導入済みのすべて")),
            show_default=False,
        ),
    ] = None,
    profile: ProfileName = None,
    device: Device = "auto",
    model: Model = None,
    trust_model: TrustModel = False,
    trust_pickle: TrustPickle = False,
    json: Json = False,
) -> None:
    console = screen.make_console()
    with answers.json_problems(json):
        real = [card for card in catalog.cards() if not card.for_tests]
        cards = [engine_names.named(name, "verify") for name in names] if names else real
        wanted = [target for card in cards for target in _targets(card, profile, device, named=bool(names))]
        if not wanted:
            raise Problem(engine_names.none_installed(device))
        asked = engine_trial.Asked("verify", profile, model, trust_model, trust_pickle, device=device, json=json)
        raise typer.Exit(engine_trial.try_all(wanted, asked, console))


def _targets(card: Card, profile: str | None, device: str, *, named: bool) -> list[tuple[Card, str | None]]:
    """Its environments that are there, whole or not; of one that was named, else the one that should be there."""
    if profile is not None and named:
        return [(card, profile)]
    there = [
        one
        for one in engine_table.profiles(card)
        if profile in (None, one.name) and engine_table.state(card, one).status in ("ready", "broken")
    ]
    family = device.partition(":")[0]
    fitting = [one.name for one in there if family == "auto" or family in (one.devices or ("cpu", "cuda"))]
    return [(card, name) for name in fitting] or ([(card, None)] if named else [])

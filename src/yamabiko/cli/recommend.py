"""`yamabiko engines recommend`: which engine and model suit this machine and a language, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yamabiko import settings
from yamabiko.cli import answers, asked, screen
from yamabiko.engines.contract import NEVER_RUN_ON_A_GPU
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

    from yamabiko.diagnosis.facts.records import Facts
    from yamabiko.scheduling.advice import Machine, Option

SHOWN = 11
"""Ways that are shown, beside the recommended one."""

Language = Annotated[
    str,
    typer.Option(
        "--language", "-l", metavar=str(Text("CODE", "コード")),
        help=str(Text("Language that is spoken: ja, en ...", "話される言語（ja、en など）")),
    ),
]  # fmt: skip
ReadSpeech = Annotated[
    bool,
    typer.Option(
        "--read-speech",
        help=str(
            Text(
                "Clear, read speech alone: models that lose conversation may come first",
                "読み上げのような明瞭な音声だけを対象にする（会話に弱いモデルも候補に含める）",
            )
        ),
    ),
]
FactsFile = Annotated[
    Path | None,
    typer.Option(
        "--facts", metavar=str(Text("FILE", "ファイル")),
        help=str(Text("For another machine: its report, from `yamabiko doctor --save`",
                      "別のマシンについて答える（`yamabiko doctor --save` の報告を指定）")),
    ),
]  # fmt: skip

HEADERS = (
    Text("engine", "エンジン"),
    Text("model", "モデル"),
    Text("runs on", "動作先"),
    Text("precision", "精度"),
    Text("at once", "同時処理"),
    Text("memory", "メモリ"),
    Text("work for 1 s", "1秒の処理"),
    Text("wrong", "誤り率"),
    Text("notes", "備考"),
)


All = Annotated[
    bool,
    typer.Option(
        "--all",
        help=str(Text("Every way in the table, not only the best", "上位だけでなく、すべての候補を表に出す")),
    ),
]


def command(
    language: Language,
    read_speech: ReadSpeech = False,
    every: All = False,
    facts: FactsFile = None,
    json: Annotated[bool, answers.Json] = False,
) -> None:
    from yamabiko.engines.choices import choices, measurements, purposes
    from yamabiko.scheduling import advice

    with answers.json_problems(json):
        code = asked.language_of(language)
        console = screen.make_console()
        seen = _facts(facts, console, quiet=json)
        here = machine(seen)
        ranked = advice.options(here, code, choices(), measurements(), read_speech=read_speech)
        if json:
            told = {"language": code, "machine": here, "options": ranked, "engines": purposes()}
            answers.print_json({**told, "measured": measurements()})
            return
    _show(console, here, code, ranked, every=every)
    if not ranked or ranked[0].against is not None:
        raise typer.Exit(1)


def machine(facts: Facts) -> Machine:
    """What matters of a machine's facts."""
    from yamabiko.diagnosis.facts.records import Unavailable
    from yamabiko.scheduling.advice import Gpu, Machine

    def number(value: object) -> int | None:
        return value if isinstance(value, int) else None

    limits = [number(facts.memory.available_bytes), number(facts.memory.limit_bytes)]
    memory = min((one for one in limits if one is not None), default=number(facts.memory.total_bytes) or 0)
    gpus = () if isinstance(facts.nvidia.gpus, Unavailable) else facts.nvidia.gpus
    return Machine(
        cores=facts.cpu.usable,
        memory_bytes=memory,
        gpus=tuple(Gpu(one.name, number(one.free_bytes) or number(one.memory_bytes)) for one in gpus),
    )


def _facts(file: Path | None, console: Console, *, quiet: bool) -> Facts:
    if file is not None:
        from yamabiko.diagnosis.facts import saved

        return saved.load(file).facts
    from yamabiko.diagnosis import checkup
    from yamabiko.diagnosis.facts.gather import gather

    return checkup.ask_driver(gather(settings.current()), lambda text: None if quiet else screen.say(console, text))


def _show(console: Console, here: Machine, language: str, ranked: tuple[Option, ...], *, every: bool) -> None:
    screen.say(console, _sees(here))
    usable = [option for option in ranked if option.against is None]
    if not usable:
        print(Text("Nothing that we know fits this machine.", "このマシンに合うものが見つかりません。"))
    else:
        best = usable[0]
        print(
            Text(
                f"Recommended for “{language}”: {best.engine}, model {best.model}, {best.compute_type} on {best.device}",
                f"「{language}」の推奨: {best.engine}、モデル {best.model}、{best.device}（{best.compute_type}）",
            )
        )
        print(f"  {_reason(best, usable)}")
        print(f"  {best.why_batch}")
        print(f"  {best.command}\n")
    shown = ranked if every else [option for option in ranked if not option.aside][: SHOWN + 1]
    answers.show_table(HEADERS, [_row(option) for option in shown], name_columns=2)
    if usable:
        _show_others(usable, {option.engine for option in shown} if every else {usable[0].engine})
    screen.say(console, _how())


def _show_others(usable: list[Option], told: set[str]) -> None:
    """Of each other engine that can be used here its best model, and what the engine is good for."""
    from yamabiko.engines.choices import purposes

    first = {option.engine: option for option in reversed(usable) if option.engine not in told}
    if not first:
        return
    print("\n" + str(Text("Also possible:", "ほかの選択肢:")))
    rows = [
        [
            f"  {option.engine}",
            f"{option.model} ({option.device}, {option.compute_type})",
            str(purposes()[option.engine]),
        ]
        for option in usable
        if first.get(option.engine) is option
    ]
    screen.print_result(answers.aligned(rows))


def _sees(here: Machine) -> Text:
    gpus = ", ".join(f"{one.name} ({screen.size(one.free_bytes) if one.free_bytes else '?'})" for one in here.gpus)
    return Text(
        f"This machine: {here.cores} processors, {screen.size(here.memory_bytes)} of memory free, "
        f"{gpus or 'no NVIDIA GPU that its driver shows'}.",
        f"このマシン: プロセッサー {here.cores} 個、空きメモリ {screen.size(here.memory_bytes)}、"
        f"{gpus or 'ドライバーの示すNVIDIA GPUなし'}。",
    )


def _reason(best: Option, usable: list[Option]) -> Text:
    if best.score is None:
        least = Text(
            "the largest model that fits; no figures for this language are known to us",
            "メモリに収まる最大のモデルです。この言語の誤り率は把握していません",
        )
    else:
        least = Text(
            f"the least errors of what fits: {best.score.percent:g} % on {best.score.test}",
            f"メモリに収まる候補のうち誤り率が最小: {best.score.test} で {best.score.percent:g} %",
        )
    behind = next((one for one in usable if one.read_speech_only), None)
    if behind is None or behind is best:
        return least
    return Text(
        f"{least.en}; for clear, read speech also {behind.engine} {behind.model}",
        f"{least.ja}。明瞭な読み上げなら {behind.engine} の {behind.model} も候補",
    )


def _row(option: Option) -> list[str]:
    about = "" if option.memory_measured else "~"
    notes = [str(option.against)] if option.against else []
    if option.device != "cpu":
        notes.append(str(NEVER_RUN_ON_A_GPU))
    if option.read_speech_only:
        notes.append(str(Text("loses conversation and television", "会話やテレビ音声に弱い")))
    return [
        option.engine,
        option.model,
        option.device,
        option.compute_type,
        str(option.batch_size),
        f"{about}{screen.size(option.memory_bytes)}",
        f"~{option.pace:.2f} s" if option.pace is not None else "–",
        f"{option.score.percent:g} %" if option.score else "–",
        "; ".join(notes),
    ]


def _how() -> Text:
    from yamabiko.engines.choices import measurements

    real = [one for one in measurements().engines if one.weights == "real"]
    last = max(real, key=lambda one: one.date)
    return Text(
        f"~ is an estimate, from the number of weights and from what was measured on {last.date} ({last.machine}); "
        "memory without it was measured, of Parakeet and ReazonSpeech with random weights of the true shape. "
        "Figures of different tests do not compare.",
        f"~ は推定値です（重みの数と {last.date} の実測から計算。実測環境: {last.machine}）。"
        "~ のないメモリは実測値です（Parakeet と ReazonSpeech は、実物と同じ形のモデルに乱数の重みを入れて測定）。"
        "異なる試験の誤り率どうしは比較できません。",
    )

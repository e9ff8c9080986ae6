"""`yamabiko engines recommend`: which engine and model suit this machine and a language, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from yamabiko import settings
from yamabiko.cli import answers, asked, other_gpus, recommend_table, screen, to_fetch
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from rich.console import Console

    from yamabiko.cli.to_fetch import Needed
    from yamabiko.diagnosis.facts.records import Facts
    from yamabiko.scheduling.advice import Machine, Option, OtherGpu

SHOWN = 11
"""Ways that are shown, beside the recommended one."""
AMD_ON_THE_BUS = "0x1002"

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
        requestable = advice.on_request(here, code, choices(), read_speech=read_speech)
        lacking = advice.lacking(here, code, choices())
        needed = to_fetch.needed(ranked, elsewhere=facts is not None)
        if json:
            told = {"language": code, "machine": here, "options": ranked, "engines": purposes()}
            beside = {"on_request": requestable, "lacking": lacking, **_needed_told(needed)}
            answers.print_json({**told, **beside, "measured": measurements()})
            return
    _show(console, here, code, needed, every=every, read_speech=read_speech)
    other_gpus.show(here, requestable, lacking)
    screen.say(console, _how(figures=any(option.score for option in ranked)))
    if not ranked or ranked[0].against is not None:
        raise typer.Exit(1)


def machine(facts: Facts) -> Machine:
    """What matters of a machine's facts."""
    from yamabiko.diagnosis.facts.records import Unavailable
    from yamabiko.scheduling.advice import Gpu, Machine

    def number(value: object) -> int | None:
        return value if isinstance(value, int) else None

    limits = [number(facts.memory.available_bytes), number(facts.memory.limit_bytes)]
    memory = min((one for one in limits if one is not None), default=number(facts.memory.total_bytes))
    gpus = () if isinstance(facts.nvidia.gpus, Unavailable) else facts.nvidia.gpus
    return Machine(
        cores=facts.cpu.usable,
        memory_bytes=memory,
        gpus=tuple(Gpu(one.name, number(one.free_bytes) or number(one.memory_bytes)) for one in gpus),
        others=_others(facts),
    )


def _others(facts: Facts) -> tuple[OtherGpu, ...]:
    """A kernel without AMD's compute driver shows the GPU on the bus alone. Not verified on macOS."""
    from yamabiko.diagnosis.facts.records import Unavailable
    from yamabiko.scheduling.advice import OtherGpu

    if facts.system.name == "darwin":
        return (OtherGpu("apple"),)
    if not isinstance(facts.amd.gpus, Unavailable) and facts.amd.gpus:
        return tuple(OtherGpu("amd", " ".join(filter(None, (one.name, one.gfx)))) for one in facts.amd.gpus)
    on_bus = not isinstance(facts.pci_vendors, Unavailable) and AMD_ON_THE_BUS in facts.pci_vendors
    return (OtherGpu("amd"),) if on_bus or facts.amd.kfd else ()


def _facts(file: Path | None, console: Console, *, quiet: bool) -> Facts:
    if file is not None:
        from yamabiko.diagnosis.facts import saved

        return saved.load(file).facts
    from yamabiko.diagnosis import checkup
    from yamabiko.diagnosis.facts.gather import gather

    return checkup.ask_driver(gather(settings.current()), lambda text: None if quiet else screen.say(console, text))


def _needed_told(needed: Mapping[Option, Needed]) -> dict[str, object]:
    """For programs: models by name, environments by engine and profile."""
    states = {option.model: one for option, one in needed.items()}
    return {
        "models": {
            name: {
                "here": one.model_is_here,
                "size_bytes": one.model.entry.size_bytes or None,
                "exact": one.model.entry.pinned,
            }
            for name, one in states.items()
        },
        "environments": tuple(dict.fromkeys(one.environment for one in needed.values())),
    }


def _show(
    console: Console, here: Machine, language: str, needed: Mapping[Option, Needed], *, every: bool, read_speech: bool
) -> None:
    screen.say(console, _sees(here))
    ranked = tuple(needed)
    usable = [option for option in ranked if option.against is None]
    if not usable:
        print(Text("Nothing that we know fits this machine.", "このマシンに合うものが見つかりません。"))
    else:
        best = usable[0]
        print(
            Text(
                f"Recommended for “{language}”: {best.engine}, model {best.model}, {best.precision} on {best.device}",
                f"「{language}」の推奨: {best.engine}、モデル {best.model}、{best.device}（{best.precision}）",
            )
        )
        for line in (
            _reason(best, usable, here, read_speech=read_speech),
            best.why_batch,
            *_before_use(best, needed[best]),
        ):
            print(f"  {line}")
        print(f"  {best.command}\n")
    first = usable[0] if usable else None
    shown = ranked if every else [one for one in ranked if one is first or not one.aside][: SHOWN + 1]
    print(_order(read_speech=read_speech))
    recommend_table.show(shown, needed)
    if usable:
        _show_others(usable, {option.engine for option in shown} if every else {usable[0].engine})


def _before_use(best: Option, needed: Needed) -> Iterator[Text]:
    """What stands between the proposal and a first text: bytes to fetch, weights that nobody here heard, a long load."""
    from yamabiko.engines.choices import machine_in_japanese

    yield from needed.lines()
    if not best.heard:
        published = best.score is not None
        yield Text(
            "real weights never run by us here"
            + (": the errors are figures that others published" if published else ""),
            "実物の重みでの動作は未確認です" + ("。誤り率は公表値です" if published else ""),
        )
    seen = best.measured
    if seen is not None and seen.load_s >= recommend_table.LONG_LOAD_S:
        yield Text(
            f"loading took {seen.load_s:.0f} s when it was measured: by the clock, beside other work, on {seen.machine}; "
            "a server loads it once",
            f"読み込みの実測は {seen.load_s:.0f} 秒（ほかの処理と並行した実時間。環境: {machine_in_japanese(seen.machine)}）。"
            "サーバーなら読み込みは1回で済みます",
        )


def _order(*, read_speech: bool) -> Text:
    from yamabiko.scheduling.advice import SLOWEST

    lost = (
        Text("", "")
        if read_speech
        else Text("then what is not known to lose conversation, ", "会話に弱いと分かっていないもの、")
    )
    return Text(
        f"Best first: what can be used (it fits into memory, and on a CPU takes {SLOWEST:g} s of work at most for a second of "
        f"speech), {lost.en}then the model that we place higher (published figures of one test never speak against that; where "
        "there are none, or they do not compare, it is our judgement), then a GPU before the CPU, then of several ways to run "
        "one model what suits most people, then less work.",
        f"上にあるものほど推奨。順序: 使えるもの（メモリに収まり、CPUでは音声1秒の処理が {SLOWEST:g} 秒以内）、{lost.ja}"
        "私たちの順位が高いモデル（同じ試験の公表値とは矛盾しません。値がない、または比較できない場合は私たちの判断）、"
        "CPUよりGPU、同じモデルなら多くの人に合うエンジン、処理量の少ないもの。",
    )


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
            f"{option.model} ({option.device}, {option.precision})",
            str(purposes()[option.engine]),
        ]
        for option in usable
        if first.get(option.engine) is option
    ]
    screen.print_result(answers.aligned(rows))


def _sees(here: Machine) -> Text:
    gpus = [f"{one.name} ({screen.size(one.free_bytes) if one.free_bytes else '?'})" for one in here.gpus]
    named = [other_gpus.named(one) for one in here.others]
    en = ", ".join([*gpus, *(one.en for one in named)]) or "no GPU that a driver shows"
    ja = "、".join([*gpus, *(one.ja for one in named)]) or "ドライバーの示すGPUなし"
    if here.memory_bytes is None:
        memory = Text("memory not known", "メモリ量は不明")
    else:
        size = screen.size(here.memory_bytes)
        memory = Text(f"{size} of memory free", f"空きメモリ {size}")
    return Text(
        f"This machine: {here.cores} processor{'' if here.cores == 1 else 's'}, {memory.en}, {en}.",
        f"このマシン: プロセッサー {here.cores} 個、{memory.ja}、{ja}。",
    )


def _reason(best: Option, usable: list[Option], here: Machine, *, read_speech: bool) -> Text:
    unknown = here.memory_bytes is None and best.device == "cpu"
    among = (
        Text("what keeps up (memory not known, so left out)", "処理が間に合う候補（メモリ量は不明のため考慮せず）")
        if unknown
        else Text("what fits", "メモリに収まる候補")
    )
    figure = _figure(best, usable)
    least = Text(
        f"we place it first of {among.en}: {best.why.en}; {figure.en}",
        f"{among.ja}のうち、私たちの順位が最も高いモデルです（{best.why.ja}）。{figure.ja}",
    )
    if best.read_speech_only and not read_speech:
        return Text(
            f"{least.en}; it loses conversation and television, and so does all else that can be used",
            f"{least.ja}。会話やテレビ音声に弱く、使える候補はほかもすべて同様です",
        )
    behind = next((one for one in usable if one.read_speech_only), None)
    if behind is None or read_speech:
        return least
    return Text(
        f"{least.en}; for clear, read speech also {behind.engine} {behind.model}",
        f"{least.ja}。明瞭な読み上げなら {behind.engine} の {behind.model} も候補",
    )


def _figure(best: Option, usable: list[Option]) -> Text:
    """Its published figure, and how it compares with those in the table."""
    from yamabiko.scheduling.advice import compared

    if best.score is None:
        return Text(
            "no figure of it for this language is known to us", "このモデルのこの言語での誤り率は把握していません"
        )
    told = f"{best.score.percent:g} %"
    test = best.score.test
    others = compared(best, usable)
    if not others:
        return Text(
            f"{told} wrong on {test}, with which no figure of the other models here compares",
            f"誤り率は {test} で {told}（ほかのモデルの値は別の試験のもので、比較できません）",
        )
    better = [one for one in others if one.score and one.score.percent < best.score.percent]
    if better:
        names = ", ".join(one.family for one in better)
        return Text(
            f"{told} wrong on {test}, where only what loses conversation has less ({names})",
            f"誤り率は {test} で {told}（これより低いのは会話に弱いモデルだけ: {names}）",
        )
    return Text(
        f"{told} wrong on {test}, the least of the {len(others) + 1} models that can be used here and have a figure of it",
        f"誤り率は {test} で {told}（使えるモデルのうち、この試験の値がある {len(others) + 1} モデルで最小）",
    )


def _how(*, figures: bool) -> Text:
    """`figures`: errors are known for this language."""
    from yamabiko.engines.choices import machine_in_japanese, measurements

    real = [one for one in measurements().engines if one.weights == "real"]
    last = max(real, key=lambda one: one.date)
    published = Text("Errors are published figures. ", "誤り率は公表値です。") if figures else Text("", "")
    return Text(
        f"~ is an estimate, from the number of weights and from what was measured on {last.date} ({last.machine}); "
        "memory without it was measured, of Parakeet and ReazonSpeech with random weights of the true shape. "
        f"{published.en}Run by us: yes, the real weights; random, weights made up in their shape; never. {to_fetch.TOLD.en}",
        f"~ は推定値です（重みの数と {last.date} の実測から計算。実測環境: {machine_in_japanese(last.machine)}）。"
        "~ のないメモリは実測値です（Parakeet と ReazonSpeech は、実物と同じ形のモデルに乱数の重みを入れて測定）。"
        f"{published.ja}動作確認は、「済み」が実物の重み、「乱数のみ」が同じ形の乱数の重みによるものです。{to_fetch.TOLD.ja}",
    )

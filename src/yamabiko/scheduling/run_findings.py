"""What is told of a run: of languages that a model lacks, of GPUs that were not used, of what was done instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from yamabiko.diagnosis.verdict import Ruling
from yamabiko.engines.contract import Placement
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text
from yamabiko.speech import VERDICTS, Evidence

MOST_NAMED = 5
"""Languages, in a sentence; the evidence names all."""
_COMMON = {"en": Text("English", "英語"), "ja": Text("Japanese", "日本語"), "ru": Text("Russian", "ロシア語")}


def lacks_language(
    model: str, known: tuple[str, ...], asked: str | None, remedy: Remedy, *, loaded: bool = True
) -> Finding:
    """`asked`: the language that was; None: a translation. `loaded`: the model itself said it, not the catalogue."""
    wanted_en = f"speech in “{asked}”" if asked else "translation"
    wanted_ja = f"「{asked}」の音声" if asked else "翻訳"
    return Finding(
        id="model-lacks-language",
        severity="error",
        area="model",
        cause=Text(
            f"{model} knows {_named(known).en} alone, and was asked for {wanted_en}.",
            f"{model} は{_named(known).ja}専用のモデルで、{wanted_ja}には対応していません。",
        ),
        evidence=(
            f"{'engine: the loaded' if loaded else 'catalogue: the'} model has the languages {', '.join(known)} and no others",
        ),
        remedies=(remedy,),
    )


_ACCEPT = Remedy(
    Text("Accept the CPU: leave --require-gpu out", "CPUでの実行を受け入れる（--require-gpu を外す）"), cost="speed"
)
_ASK_FOR_THE_CPU = Remedy(
    Text(
        "Accept the CPU: ask for it, and no notice comes any more",
        "CPUでの実行を受け入れる（CPUを指定すると、通知は出なくなります）",
    ),
    "--device cpu",
    "speed",
)


def where_a_gpu_is_required(finding: Finding) -> Finding:
    """`finding` without the advice to ask for the CPU, which --require-gpu contradicts: that has to be left out."""
    kept = tuple(one for one in finding.remedies if one.command != "--device cpu")
    return finding if len(kept) == len(finding.remedies) else replace(finding, remedies=(*kept, _ACCEPT))


def gpu_not_used(
    ruling: Ruling,
    evidence: Sequence[Evidence],
    severity: Literal["error", "warning"],
    without: str | None = None,
    causes: Sequence[Finding] = (),
    *,
    none_here: Sequence[str] = (),
) -> Finding:
    """
    `without`: the environment that did the work, where that is made for no GPU at all. `causes`: told after it, so that
    nobody need be sent to find out why. `none_here`: what shows that the machine has none, which comes before both.
    """
    ids = [one.id for one in causes]
    why = (str(Text(f"why: {', '.join(ids)}", f"原因: {'、'.join(ids)}")),) if ids else ()
    find_out = () if ids or none_here else (Remedy(Text("Find out why", "原因を調べる"), "yamabiko doctor", "effort"),)
    because = Text("", "")
    if none_here:
        because = Text(
            ": this machine has no GPU of NVIDIA or AMD", "このマシンには NVIDIA や AMD のGPUがないためです。"
        )
    elif without:
        because = Text(
            f": its environment ({without}) is built for the CPU alone",
            f"実行環境（{without}）がCPU専用のためです。",
        )
    return Finding(
        id="gpu-not-used",
        severity=severity,
        area="device",
        cause=Text(
            f"A GPU was wanted, but the work ran on {ruling.used_device} ({ruling.verdict}){because.en}.",
            f"GPUが求められましたが、処理は {ruling.used_device} で行われました（{VERDICTS[ruling.verdict].ja}）。{because.ja}",
        ),
        evidence=(*(f"{e.kind}: {e.value}" for e in evidence), *why, *none_here),
        remedies=(*find_out, _ACCEPT if severity == "error" else _ASK_FOR_THE_CPU),
    )


def went_on(placement: Placement, *, again: bool) -> Text:
    """`again`: in the same place, in a fresh worker."""
    if again:
        return Text(
            f"started a fresh worker on {placement.told.en} and went on where it stopped",
            f"新しいワーカーを {placement.told.ja} で起動し、途中から続けました",
        )
    warning_en = "; the text may differ slightly" if placement.costs_accuracy else ""
    warning_ja = "（文字起こし結果がわずかに変わることがあります）" if placement.costs_accuracy else ""
    return Text(f"went on with {placement.told.en}{warning_en}", f"{placement.told.ja} で続けました{warning_ja}")


def passed_over(why: Finding, placement: Placement) -> Finding:
    """Who asks for a GPU is told each time why it is the CPU, and not only when it failed."""
    did = Text(
        f"used {placement.told.en}: what failed a short while ago is not tried again yet",
        f"{placement.told.ja} を使いました（少し前に失敗したものは、しばらく試しません）",
    )
    return replace(why, severity="warning").with_we_did(did)


def _named(languages: tuple[str, ...]) -> Text:
    if len(languages) == 1 and languages[0] in _COMMON:
        return _COMMON[languages[0]]
    if len(languages) > MOST_NAMED:
        return Text(f"{len(languages)} languages", f"{len(languages)}言語")
    return Text(", ".join(languages), "".join(f"「{code}」" for code in languages))

"""`yamabiko engines show NAME`: all that is known of one engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from yamabiko.cli import answers, catalogue_words, engine_table, screen
from yamabiko.engines.choices import Measured, Weights, machine_in_japanese, measurements
from yamabiko.engines.contract import Card, Feature
from yamabiko.engines.models import UNPINNED
from yamabiko.engines.page import entries_of, licences, sources
from yamabiko.engines.verified import PROMISES, Outcome, Verified, verified
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.engines.models import ModelEntry

_FEATURES: dict[Feature, Text] = {
    "segment-times": Text("times of segments", "区間の時刻"),
    "word-times": Text("times of words", "単語の時刻"),
    "character-times": Text("times of characters", "文字の時刻"),
    "punctuation": Text("punctuation", "句読点"),
    "language-detection": Text("language detection", "言語の判定"),
    "translation": Text("translation into English", "英語への翻訳"),
    "prompt": Text("prompt", "プロンプト"),
    "hotwords": Text("hotwords", "優先語句"),
    "batch": Text("several chunks at once", "複数区間の同時処理"),
    "streaming": Text("decodes while sound arrives", "音声の到着と並行した認識"),
}
_WEIGHTS: dict[Weights, Text] = {
    "real": Text("real weights", "実物の重み"),
    "random, true shape": Text("random weights of the true shape", "実物と同じ形、乱数の重み"),
    "random, tiny": Text("a tiny model of random weights", "ごく小さな試験用モデル、乱数の重み"),
}
_OUTCOME: dict[Outcome, Text] = {
    "kept": Text("kept", "確認済み"),
    "not promised": Text("not promised", "対象外"),
    "needs real weights": Text("not verified: needs real weights", "未確認（実物の重みが必要）"),
    "broken": Text("BROKEN", "不合格"),
}
_RUNG = (
    Text("ways to run, best first", "動かし方（上ほど優先）"),
    Text("may change the text", "文面が変わる可能性"),
    Text("known issues that it answers", "対応する既知の問題"),
)
_PROFILE = (
    Text("profile", "環境"),
    Text("status", "状態"),
    Text("runs on", "動作先"),
    Text("not verified", "未確認の点"),
)
_MODEL = (Text("model", "モデル"), Text("languages", "言語"), Text("size", "サイズ"), Text("licence", "ライセンス"),
          Text("access", "入手"), Text("hashes", "ハッシュ"))  # fmt: skip
_YES, _NO = Text("yes", "あり"), Text("no", "なし")
_GATED, _FREE = Text("gated: needs its makers' permission", "要申請（作者の許可が必要）"), Text("free", "自由")

NOT_VERIFIED = Text("Not verified: any GPU, Windows, macOS, ARM.", "未確認: すべてのGPU、Windows、macOS、ARM。")
"""Of everything that is written here of engines."""


def show(card: Card) -> None:
    head = Text(
        f"{card.name}: {card.summary.en} ({engine_table.purpose(card).en})",
        f"{card.name}: {card.summary.ja}（{engine_table.purpose(card).ja}）",
    )
    screen.print_result(f"{head}\n")
    screen.print_result(answers.aligned([[f"  {label}", value] for label, value in _facts(card)]))
    print()
    rungs = [
        [str(rung.told), str(_YES if rung.costs_accuracy else _NO), ", ".join(rung.answers)] for rung in card.placements
    ]
    answers.show_table(_RUNG, rungs)
    print()
    answers.show_table(_PROFILE, _profiles(card))
    for name, why in card.lacking:
        screen.print_result(str(Text(f"  no {name}: {why.en}", f"  {name} なし: {why.ja}")) + "\n")
    if entries := entries_of(card):
        print()
        answers.show_table(_MODEL, [_model(entry) for entry in entries])
        for names, source in sources(entries):
            of = Text(f"hashes of {', '.join(names)}", f"{'、'.join(names)} のハッシュの出典")
            screen.print_result(f"  {of}: {catalogue_words.source(source)}\n")
        if not all(entry.pinned for entry in entries):
            screen.print_result(f"  {UNPINNED}\n")
    for line in _verified(verified().get(card.name)):
        screen.print_result(f"{line}\n")


def record(card: Card) -> dict[str, object]:
    return {
        **{name: value for name, value in vars_of(card).items() if name not in ("features", "profiles")},
        "features": sorted(card.features),
        "lacks": sorted(set(_FEATURES) - card.features),
        "profiles": [
            engine_table.record(card, one, engine_table.state(card, one)) for one in engine_table.profiles(card)
        ],
        "models": entries_of(card),
        "measured": measurements().of(card.name),
        "verified": verified().get(card.name),
        "promises": PROMISES,
    }


def vars_of(card: Card) -> dict[str, object]:
    return {name: getattr(card, name) for name in card.__slots__}


def _facts(card: Card) -> Iterator[tuple[Text, str]]:
    known = "; ".join(licences(entries_of(card))).replace("?", str(Text("unknown", "不明")))
    yield Text("licence of the code", "コードのライセンス"), card.licence
    yield Text("licences of known models", "既知のモデルのライセンス"), known or "–"
    yield Text("languages", "言語"), str(catalogue_words.languages(card.languages))
    if card.job == "transcribe" or card.features:
        yield Text("has", "機能"), _features(sorted(card.features)) or "–"
        yield Text("has not", "ない機能"), _features(sorted(set(_FEATURES) - card.features))
        yield Text("with every engine", "どのエンジンでも"), str(_ANYWAY)
    yield Text("longest chunk", "最長の区間"), f"{card.longest_chunk_s:g} s"
    yield Text("evidence of its device", "動作先の証拠"), ", ".join(card.evidence) or "–"
    yield Text("usual model", "既定のモデル"), card.default_model or "–"
    found = measurements().of(card.name)
    if not found:
        yield Text("memory", "メモリ"), str(Text("not measured", "未測定"))
    for seen in found:
        yield Text("memory", "メモリ"), str(_memory(seen))


_ANYWAY = Text(
    "times of words and characters with --align; live captions, by listening again to what is new",
    "--align で単語と文字の時刻。リアルタイム字幕（新しい音声を聞き直す方式）",
)


def _features(names: Sequence[Feature]) -> str:
    return ", ".join(str(_FEATURES[name]) for name in names)


def _memory(seen: Measured) -> Text:
    size, beside = screen.size(seen.peak_bytes), screen.size(seen.beside_bytes)
    weights, where = _WEIGHTS[seen.weights], f"{seen.device}, {seen.compute_type}"
    return Text(
        f"{size} with {seen.model} ({beside} beside its weights): {weights.en}; {where}; most of the process over 30 s of "
        f"speech, {seen.date}",
        f"{seen.model} で {size}（重みのほかに {beside}）。{weights.ja}、{where}。音声30秒を処理したプロセスの最大値、{seen.date} 測定",
    )


def _profiles(card: Card) -> list[list[str]]:
    return [
        [
            one.name if card.profiles else "–",
            engine_table.status(engine_table.state(card, one)),
            ", ".join(one.devices or ("cpu",)),
            str(engine_table.not_verified(card, one) or ""),
        ]
        for one in engine_table.profiles(card)
    ]


def _model(entry: ModelEntry) -> list[str]:
    return [
        entry.name,
        str(catalogue_words.languages(entry.languages)),
        screen.size(entry.size_bytes) if entry.size_bytes else "–",
        entry.licence or "–",
        str(_GATED if entry.gated else _FREE),
        str(entry.pinned_told),
    ]


def _verified(seen: Verified | None) -> Iterator[str]:
    yield ""
    if seen is None:
        yield str(Text("Never verified by us on its real library.", "実際のライブラリでの検証はまだありません。"))
    else:
        yield from _promises(seen)
    yield str(NOT_VERIFIED)


def _promises(seen: Verified) -> Iterator[str]:
    weights = _WEIGHTS["real"] if seen.real_weights else Text("weights made for the tests", "試験用の重み")
    yield str(
        Text(
            f"Verified {seen.date} on its real library, on the CPU ({seen.machine}), with {weights.en}:",
            f"{seen.date} に実際のライブラリで検証（CPU、{machine_in_japanese(seen.machine)}、{weights.ja}）:",
        )
    )
    rows = [[f"  {_mark(one.outcome)}", str(PROMISES[one.test]), str(_OUTCOME[one.outcome])] for one in seen.promises]
    if rows:
        yield answers.aligned(rows).rstrip("\n")
    if seen.own_tests:
        files = ", ".join(seen.files)
        yield str(
            Text(
                f"  and {seen.own_tests} tests of its own ({files})",
                f"  ほかに専用の試験 {seen.own_tests} 件（{files}）",
            )
        )


def _mark(outcome: Outcome) -> str:
    return answers.mark(outcome == "kept") if outcome in ("kept", "broken") else "–"

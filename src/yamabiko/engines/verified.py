"""
Which promises each engine kept when it was last tested on its real library: verified.toml, in shape.

Written by scripts/write_verified.py from what `make test-engines` reports; nobody writes it by hand.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from yamabiko.i18n import Text
from yamabiko.records import from_plain

Outcome = Literal["kept", "not promised", "needs real weights", "broken"]

PROMISES = {
    "test_it_loads_from_a_path_and_says_what_it_runs_on": Text(
        "loads a model from a path, and says what it runs on", "パスを指定したモデルを読み込み、動作先を示す"
    ),
    "test_times_lie_inside_the_clip_in_order_and_the_device_is_proved": Text(
        "times inside the recording and in order; device proved", "時刻が録音の範囲内で順序どおり。動作先も証明済み"
    ),
    "test_words_have_times_where_the_card_says_so": Text("words have times", "単語に時刻が付く"),
    "test_words_are_timed_where_they_were_put": Text(
        "words are timed where their sound was put", "音を置いた位置どおりに単語の時刻が付く"
    ),
    "test_words_end_neither_late_nor_early_on_the_whole": Text(
        "words end neither late nor early on the whole", "単語の終わりが全体として早すぎも遅すぎもしない"
    ),
    "test_nothing_of_what_was_said_before_is_in_the_next_answer": Text(
        "nothing that was said before is in the next answer", "前の録音の内容が次の結果に混ざらない"
    ),
    "test_the_language_is_found_where_the_card_says_so": Text(
        "language found, where the engine can find it; else none is made up",
        "言語を判定（できないエンジンは推測で答えない）",
    ),
    "test_a_prompt_guides_the_spelling_where_the_card_says_so": Text(
        "a prompt guides the spelling", "プロンプトで表記を導ける"
    ),
    "test_hotwords_guide_the_spelling_where_the_card_says_so": Text(
        "hotwords guide the spelling", "優先語句（hotwords）で表記を導ける"
    ),
    "test_what_is_said_is_translated_where_the_card_says_so": Text("translates into English", "英語に翻訳できる"),
    "test_what_is_asked_of_the_search_reaches_the_library_where_the_card_says_so": Text(
        "each option of the search that it heeds reaches its library as asked",
        "対応する探索の設定が、指定どおりライブラリーに届く",
    ),
    "test_two_chunks_give_what_each_gives_alone": Text(
        "several chunks at once give what each gives alone", "まとめて処理しても1区間ずつと同じ結果"
    ),
    "test_what_holds_next_to_nothing_does_no_harm": Text(
        "a single sample, noise, the longest chunk do no harm", "ごく短い音や雑音、最長の区間でも問題なし"
    ),
    "test_it_can_be_cancelled_and_asked_again_and_ends_when_told_to": Text(
        "cancelled, asked again, ended when told to", "取り消し・再実行・終了ができる"
    ),
    "test_what_libraries_print_of_a_gpu_they_cannot_have_comes_where_the_card_says_so": Text(
        "a GPU that it cannot have: what its library prints of that is told",
        "使えないGPUを求めたとき、ライブラリーの出力を示す",
    ),
    "test_a_model_that_is_cut_off_is_named_as_the_cause": Text(
        "a model file that is cut off is named as the cause", "途中で切れたモデルを原因として示す"
    ),
    "test_installing_ends_in_a_verification_that_it_passes": Text(
        "passes `engines verify`: known speech is written right",
        "`engines verify` に合格（既知の音声を正しく書き起こす）",
    ),
    "test_all_whisper_engines_hear_the_same": Text(
        "writes what the other Whisper engines write, within 10 %", "他のWhisper系エンジンとの差が文字の10 %以内"
    ),
}
"""By the test that asks for it, in tests/real_engines (most in test_promises.py)."""


@dataclass(frozen=True, slots=True)
class Promise:
    test: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Verified:
    engine: str
    date: str
    machine: str
    real_weights: bool
    promises: tuple[Promise, ...] = ()
    """Empty: an engine that writes no text; it has tests of its own alone."""
    own_tests: int = 0
    """That passed, beside the promises."""
    own_broken: int = 0
    files: tuple[str, ...] = ()
    """Where those stand, in the source."""

    def kept(self) -> tuple[Promise, ...]:
        return tuple(one for one in self.promises if one.outcome == "kept")


@dataclass(frozen=True, slots=True)
class _All:
    engines: tuple[Verified, ...]


@cache
def verified() -> dict[str, Verified]:
    """By engine. Raises: Malformed, if somebody broke verified.toml."""
    text = resources.files(__package__).joinpath("verified.toml").read_text(encoding="utf-8")
    return {one.engine: one for one in from_plain(_All, tomllib.loads(text)).engines}

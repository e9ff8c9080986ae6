"""
The options of `yamabiko-whisper`: openai-whisper's own, with its names, defaults and choices.

Read for this file: cli() of whisper/transcribe.py, openai/whisper c0d2f62 (20250625). No option of ours stands among
them, since argparse takes every unambiguous beginning of a name: `--lang`, `--verb`.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from yamabiko.cli import help_page, screen
from yamabiko.formats.language_names import ALIASES, LANGUAGE_NAMES
from yamabiko.i18n import Text

PROGRAM = "yamabiko-whisper"
WORD_OPTIONS = ("highlight_words", "max_line_count", "max_line_width", "max_words_per_line")
FORMATS = ("txt", "vtt", "srt", "tsv", "json", "all")
LANGUAGES = (
    *sorted(LANGUAGE_NAMES),
    *sorted(name.title() for name in (*LANGUAGE_NAMES.values(), *ALIASES)),
)

_Number = TypeVar("_Number", int, float)


class Parser(argparse.ArgumentParser):
    """argparse, whose pages and mistakes are told in the reader's language too."""

    def error(self, message: str) -> NoReturn:
        """The line that openai-whisper ends with, and its status."""
        self.refuse(Text(message, f"コマンドの指定を解釈できませんでした: {message}"))

    def refuse(self, why: Text) -> NoReturn:
        self.print_usage(sys.stderr)
        screen.say(screen.make_console(), f"{self.prog}: error: {why}")
        self.exit(2)

    def print_help(self, file: Any = None) -> None:
        screen.print_result(self.format_help())


class _Page(argparse.HelpFormatter):
    """Full-width characters count two columns."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return help_page.wrapped(text, width)

    def _get_help_string(self, action: argparse.Action) -> str:
        if action.default is argparse.SUPPRESS or not action.option_strings:
            return action.help or ""
        return f"{action.help}" + str(Text(" (default: %(default)s)", "（既定: %(default)s）"))


def parser() -> Parser:
    made = Parser(
        prog=PROGRAM,
        description=str(
            Text(
                "Transcribe recordings with openai-whisper's command line, on yamabiko's engines.",
                "openai-whisperと同じ指定で、yamabikoのエンジンを使って文字起こしします。",
            )
        ),
        formatter_class=_Page,
        add_help=False,
    )
    positional = made.add_argument_group(str(Text("positional arguments", "引数")))
    positional.add_argument("audio", nargs="+", help=str(Text("recordings", "音声・動画ファイル")))
    group = made.add_argument_group(str(Text("options", "オプション")))

    def option(*names: str, en: str, ja: str, **how: Any) -> None:
        group.add_argument(*names, help=str(Text(en, ja)).replace("%", "%%"), **how)

    option(
        "-h", "--help", action="help", default=argparse.SUPPRESS,
        en="show this page and end", ja="この説明を表示して終わる",
    )  # fmt: skip
    _place(option)
    _decoding(option)
    _thresholds(option)
    _words(option)
    return made


_Option = Callable[..., None]


def _place(option: _Option) -> None:
    """What runs where, and what is written."""
    option("--model", default="turbo", en="name or folder of a model", ja="モデルの名前またはフォルダー")
    option(
        "--model_dir", default=None,
        en="folder in which a folder with the model's name is looked for; nothing is saved there",
        ja="モデル名のフォルダーを探す場所。ここには保存しない",
    )  # fmt: skip
    option(
        "--device", default=None,
        en="cpu, cuda, cuda:N, vulkan or metal; without it a GPU where there is one",
        ja="cpu, cuda, cuda:N, vulkan, metal。省略時はGPUがあれば使う",
    )  # fmt: skip
    option("--output_dir", "-o", default=".", en="folder for the results", ja="結果を書き出すフォルダー")
    option(
        "--output_format", "-f", default="all", choices=FORMATS,
        en="format of the results; all: every one of them", ja="出力形式。allならすべて",
    )  # fmt: skip
    option(
        "--verbose", type=str2bool, default=True,
        en="print each line of text as it comes; False: show progress instead",
        ja="得られた文を順に表示する。Falseなら進み具合だけを表示",
    )  # fmt: skip
    option(
        "--task", default="transcribe", choices=("transcribe", "translate"),
        en="text in the language spoken, or in English", ja="話された言語のまま文字起こしするか、英語に翻訳するか",
    )  # fmt: skip
    option(
        "--language", type=language, default=None, metavar=f"{{{','.join(LANGUAGES)}}}",
        en="language spoken; without it, it is found for each file", ja="話されている言語。省略時はファイルごとに判定",
    )  # fmt: skip


def _decoding(option: _Option) -> None:
    option(
        "--temperature", type=limited(float, 0, 1), default=0,
        en="randomness of the first try", ja="最初の試行のランダムさ（温度）",
    )  # fmt: skip
    option(
        "--best_of", type=limited(optional_int, 1, 100), default=5,
        en="candidates where the temperature is above 0", ja="温度が0より高いときに比べる候補の数",
    )  # fmt: skip
    option(
        "--beam_size", type=limited(optional_int, 1, 100), default=5,
        en="beams of the search where the temperature is 0", ja="温度が0のときのビームサーチの幅",
    )  # fmt: skip
    option(
        "--patience", type=limited(float, 0.01, 100), default=None,
        en="how long the beam search goes on; 1 is usual", ja="ビームサーチを続ける度合い。通常は1",
    )  # fmt: skip
    option(
        "--length_penalty", type=limited(float, -10, 10), default=None,
        en="above 1 favours longer texts; without it their length is evened out",
        ja="1より大きいと長い文を優先する。省略時は長さでならす",
    )  # fmt: skip
    option(
        "--suppress_tokens", default="-1",
        en="numbers of tokens never written, with commas between them; -1: Whisper's own list",
        ja="出力しないトークンの番号（カンマ区切り）。-1はWhisper既定の一覧",
    )  # fmt: skip
    option(
        "--initial_prompt", default=None,
        en="text that shows the style and the spelling to follow", ja="文体や表記の手本とする文章",
    )  # fmt: skip
    option(
        "--carry_initial_prompt", type=str2bool, default=False,
        en="let every stretch of speech hear the prompt: here it always does",
        ja="手本の文章をすべての区間に使う（ここでは常に使う）",
    )  # fmt: skip
    option(
        "--condition_on_previous_text", type=str2bool, default=True,
        en="let the text so far guide what follows, within a stretch of 30 s",
        ja="直前までの文を、続く文の手がかりにする（30秒の区間内）",
    )  # fmt: skip
    option(
        "--fp16", type=str2bool, default=True,
        en="float16 on a GPU; False: float32", ja="GPUでfloat16を使う。Falseならfloat32",
    )  # fmt: skip


def _thresholds(option: _Option) -> None:
    option(
        "--temperature_increment_on_fallback", type=limited(optional_float, 0, 1), default=0.2,
        en="added to the temperature for each new try where the text looks wrong; None: no new try",
        ja="結果が不自然なとき、やり直すたびに温度に加える値。Noneならやり直さない",
    )  # fmt: skip
    option(
        "--compression_ratio_threshold", type=limited(optional_float, 0, 1000), default=2.4,
        en="text that compresses better than this is tried again", ja="圧縮率がこれを超える文はやり直す",
    )  # fmt: skip
    option(
        "--logprob_threshold", type=limited(optional_float, -1000, 0), default=-1.0,
        en="text whose mean log probability is below this is tried again", ja="平均対数確率がこれより低い文はやり直す",
    )  # fmt: skip
    option(
        "--no_speech_threshold", type=limited(optional_float, 0, 1), default=0.6,
        en="unlikely text counts as silence where the probability of silence is above this",
        ja="無音の確率がこれより高く、文も確からしくない箇所は無音とみなす",
    )  # fmt: skip


def _words(option: _Option) -> None:
    option("--word_timestamps", type=str2bool, default=False, en="times of every word", ja="単語ごとの時刻を付ける")
    needs_en, needs_ja = "(with --word_timestamps True) ", "（--word_timestamps True のとき）"
    option(
        "--prepend_punctuations", default="\"'“¿([{-",
        en=f"{needs_en}joined to the word after them", ja=f"{needs_ja}後の単語に付ける記号",
    )  # fmt: skip
    option(
        "--append_punctuations", default="\"'.。,，!！?？:：”)]}、",
        en=f"{needs_en}joined to the word before them", ja=f"{needs_ja}前の単語に付ける記号",
    )  # fmt: skip
    option(
        "--highlight_words", type=str2bool, default=False,
        en=f"{needs_en}underline each word as it is spoken", ja=f"{needs_ja}話されている単語に下線を引く",
    )  # fmt: skip
    option(
        "--max_line_width", type=limited(optional_int, 0, 10_000), default=None,
        en=f"{needs_en}most characters of a line", ja=f"{needs_ja}1行の最大文字数",
    )  # fmt: skip
    option(
        "--max_line_count", type=limited(optional_int, 0, 1000), default=None,
        en=f"{needs_en}most lines of a subtitle", ja=f"{needs_ja}1つの字幕の最大行数",
    )  # fmt: skip
    option(
        "--max_words_per_line", type=limited(optional_int, 0, 10_000), default=None,
        en=f"{needs_en}most words of a subtitle", ja=f"{needs_ja}1つの字幕の最大単語数",
    )  # fmt: skip
    option(
        "--threads", type=limited(optional_int, 0, 1024), default=0,
        en="CPU threads; 0: as many as suit this machine", ja="CPUスレッド数。0なら自動",
    )  # fmt: skip
    option(
        "--clip_timestamps", type=clip_timestamps, default="0",
        en="start,end,start,end,... in seconds: only these parts; the last end may be left out",
        ja="開始,終了,開始,終了,…（秒）。この部分だけを文字起こしする。最後の終了は省略できる",
    )  # fmt: skip
    option(
        "--hallucination_silence_threshold", type=limited(optional_float, 0, 3600), default=None,
        en=f"{needs_en}seconds of silence around unlikely words from which they are taken as invented",
        ja=f"{needs_ja}確からしくない語の前後にこの秒数の無音があれば、存在しない語とみなす",
    )  # fmt: skip


# ---- values ----------------------------------------------------------------------------------------------------------
# argparse quotes the name of the function: “invalid str2bool value: 'yes'”, as openai-whisper says it.


def str2bool(typed: str) -> bool:
    """Raises: ValueError."""
    return {"True": True, "False": False}[typed] if typed in ("True", "False") else _no_value(typed)


def optional_int(typed: str) -> int | None:
    """Raises: ValueError."""
    return None if typed == "None" else int(typed)


def optional_float(typed: str) -> float | None:
    """Raises: ValueError."""
    return None if typed == "None" else float(typed)


def limited(read: Callable[[str], _Number | None], low: float, high: float) -> Callable[[str], _Number | None]:
    """As `read`, inside the limits, and so never `nan`."""

    def value(typed: str) -> _Number | None:
        """Raises: ValueError, ArgumentTypeError."""
        number = read(typed)
        if number is not None and not low <= number <= high:
            words = Text(f"{typed} is not from {low} to {high}", f"{typed} は {low} から {high} の範囲にありません")
            raise argparse.ArgumentTypeError(str(words))
        return number

    value.__name__ = read.__name__
    return value


def language(typed: str) -> str | None:
    """
    A code or a name as openai-whisper spells it, in whatever case; `None` is what its help speaks of.

    Raises: ArgumentTypeError.
    """
    if typed == "None":
        return None
    found = next((one for one in LANGUAGES if one.lower() == typed.lower()), None)
    if found is None:
        raise argparse.ArgumentTypeError(f"invalid choice: {typed!r} (choose from {', '.join(map(repr, LANGUAGES))})")
    return found


def clip_timestamps(typed: str) -> tuple[float, ...]:
    """Seconds. Raises: ValueError."""
    times = tuple(float(word) for word in typed.split(",")) if typed else ()
    backwards = any(end <= start for start, end in zip(times[::2], times[1::2], strict=False))
    return times if all(math.isfinite(time) for time in times) and not backwards else _no_value(typed)


def _no_value(typed: str) -> NoReturn:
    raise ValueError(typed)


# ---- what contradicts itself -----------------------------------------------------------------------------------------


def read(typed: Sequence[str]) -> argparse.Namespace:
    """The values under openai-whisper's names. Leaves with 2 where it would, and for what no engine can do."""
    made = parser()
    asked = made.parse_args(typed)
    if not asked.word_timestamps:
        for name in WORD_OPTIONS:
            if getattr(asked, name):
                english = f"--{name} requires --word_timestamps True"
                made.refuse(Text(english, f"{english}（単語ごとの時刻が必要です）"))
    return asked


def notes(asked: argparse.Namespace) -> tuple[Text, ...]:
    """What is said once, before the work: what has no effect, or another one than with openai-whisper."""
    found = []
    if asked.model.endswith(".en") and asked.language not in (None, "en", "English"):
        found.append(
            Text(
                f"{asked.model} is an English-only model but receipted '{asked.language}'; using English instead.",
                f"{asked.model} は英語専用のモデルです。{asked.language} ではなく英語として処理します。",
            )
        )
    if asked.max_line_count and not asked.max_line_width:
        found.append(
            Text(
                "--max_line_count has no effect without --max_line_width",
                "--max_line_count は --max_line_width がないと効果がありません",
            )
        )
    if asked.max_words_per_line and asked.max_line_width:
        found.append(
            Text(
                "--max_words_per_line has no effect with --max_line_width",
                "--max_words_per_line は --max_line_width と併用すると効果がありません",
            )
        )
    if asked.word_timestamps and asked.task == "translate":
        found.append(
            Text(
                "Word-level timestamps on translations may not be reliable.",
                "翻訳では、単語ごとの時刻が不正確なことがあります。",
            )
        )
    if asked.initial_prompt and not asked.carry_initial_prompt:
        found.append(
            Text(
                "--carry_initial_prompt False has no effect: here every stretch of speech hears the prompt.",
                "--carry_initial_prompt False は効果がありません。手本の文章はすべての区間に使われます。",
            )
        )
    if asked.hallucination_silence_threshold is not None and not asked.word_timestamps:
        found.append(
            Text(
                "--hallucination_silence_threshold has no effect without --word_timestamps True",
                "--hallucination_silence_threshold は --word_timestamps True がないと効果がありません",
            )
        )
    return tuple(found)

"""
The options of `transcribe`: Whisper's names, each with its help in both languages; how to listen is in `listening_options`.

A parameter named `output_format` is the option `--output-format`; the grammar
accepts the underscore as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from yamabiko.cli.option_making import number, option, switch
from yamabiko.cli.parameters import Number
from yamabiko.i18n import Text

_MACHINE = Text("Engine and device", "エンジンとデバイス")
_SUBTITLES = Text("Subtitles", "字幕")
_SCREEN = Text("What is shown", "表示")

_NAME = Text("NAME", "名前")


Files = Annotated[
    list[str],
    typer.Argument(
        metavar=str(Text("FILE", "ファイル")),
        help=str(Text("Recordings, videos, or folders of them", "音声・動画ファイル、またはそのフォルダー")),
        show_default=False,
    ),
]

Language = Annotated[
    str,
    option(
        "Language spoken: a code (ja) or an English name (Japanese); "
        "auto: found once for each file; each: found for each stretch of speech",
        "話されている言語。コード（ja）か英語名（Japanese）。auto: ファイルごとに判定、each: 区間ごとに判定",
        "--language", "-l",
        metavar=Text("LANGUAGE", "言語"),
    ),
]  # fmt: skip
Task = Annotated[
    str,
    option(
        "transcribe: text in the language spoken; translate: text in English",
        "transcribe: 話された言語のまま文字起こし、translate: 英語に翻訳",
        metavar=Text("TASK", "作業"),
    ),
]
OutputDir = Annotated[
    Path | None,
    option(
        "Folder for the results", "結果を書き出すフォルダー", "--output-dir", "-o",
        metavar=Text("FOLDER", "フォルダー"), show_default=str(Text("beside each file", "各ファイルと同じ場所")),
    ),
]  # fmt: skip
OutputFormat = Annotated[
    str,
    option(
        "Formats, with commas between them: txt, srt, vtt, tsv, json, verbose_json, ass, lrc, and with speakers "
        "diarized_json, rttm; all: the first five",
        "出力形式（カンマ区切り）: txt, srt, vtt, tsv, json, verbose_json, ass, lrc、話者つきの diarized_json, rttm。"
        "all は最初の5つ",
        "--output-format", "-f",
        metavar=Text("FORMATS", "形式"),
    ),
]  # fmt: skip
Overwrite = Annotated[
    bool,
    switch(
        "overwrite",
        "Do finished files again, and replace results that are there",
        "完了済みのファイルもやり直し、すでにある結果を置き換える",
    ),
]
Recursive = Annotated[bool, switch("recursive", "Look in subfolders too", "サブフォルダーの中も探す")]

Model = Annotated[
    str | None,
    option(
        "Name or folder of a model; `yamabiko models list` shows them",
        "モデルの名前またはフォルダー。一覧は `yamabiko models list`",
        "--model", "-m", metavar=_NAME, show_default="base",
    ),
]  # fmt: skip
TrustModel = Annotated[
    bool,
    switch(
        "trust-model",
        "Use a model folder that looks like a known model but has other bytes: your own",
        "既知のモデルに似て中身の異なるフォルダーを、独自のモデルとして使う",
        _MACHINE,
    ),
]
TrustPickle = Annotated[
    bool,
    switch(
        "trust-pickle",
        "Open a model of pickled objects (.pt, .nemo) whose hash is not known: it runs its maker's code",
        "ハッシュが未知の pickle 形式のモデル（.pt、.nemo）も開く。作者のコードが実行される",
        _MACHINE,
    ),
]
Engine = Annotated[
    str,
    option(
        "Engine; `yamabiko engines list` shows them",
        "エンジン。一覧は `yamabiko engines list`",
        metavar=_NAME,
        group=_MACHINE,
    ),
]
Device = Annotated[
    str,
    option(
        "auto, cpu, cuda (cuda:N for the GPU with the number N), vulkan or metal",
        "auto, cpu, cuda, vulkan, metal のいずれか。cuda:N は N 番の GPU",
        metavar=Text("DEVICE", "デバイス"),
        group=_MACHINE,
    ),
]
ComputeType = Annotated[
    str,
    option(
        "Precision: auto, int8, float16, float32, ...",
        "計算の精度: auto, int8, float16, float32 など",
        metavar=Text("PRECISION", "精度"),
        group=_MACHINE,
    ),
]
Fp16 = Annotated[
    bool | None,
    switch(
        "fp16",
        "As in Whisper, where --compute-type names none: on, float16 on a GPU as auto has it; off, float32",
        "Whisperと同じ（--compute-type の指定がないとき）。オンならautoと同じくGPUでfloat16、オフならfloat32",
        _MACHINE,
    ),
]
RequireGpu = Annotated[
    bool,
    switch("require-gpu", "Fail rather than run on the CPU", "GPUを使えなければ、CPUで代行せずに失敗とする", _MACHINE),
]
Fallback = Annotated[
    bool,
    switch(
        "fallback",
        "When a device fails, or a precision that was not named, go on with the next that can; one that --compute-type names is kept",
        "デバイスや、指定していない精度の問題で失敗したら、次の候補で続ける（--compute-type で指定した精度は替えない）",
        _MACHINE,
    ),
]
Threads = Annotated[
    int,
    number(
        Number(int, 0, 1024, none=0),
        "CPU threads; 0: as many as suit this machine",
        "CPUスレッド数。0なら自動",
        group=_MACHINE,
    ),
]
BatchSize = Annotated[
    int,
    number(
        Number(int, 1, 64),
        "Stretches of speech done at once: more is faster and needs more memory",
        "同時に処理する区間の数。多いほど速いが、メモリを使う",
        group=_MACHINE,
    ),
]
Install = Annotated[
    bool,
    switch(
        "install",
        "Set up an engine or a model that is missing",
        "足りないエンジンやモデルを自動で準備する",
        _MACHINE,
    ),
]

MaxLineWidth = Annotated[
    int | None,
    number(
        Number(int, 1, 10_000, none=None),
        "Columns of a line; a full-width character counts 2",
        "1行の桁数（全角文字は2桁と数える）",
        group=_SUBTITLES,
    ),
]
MaxLineCount = Annotated[
    int | None,
    number(Number(int, 1, 1000, none=None), "Most lines of a subtitle", "1つの字幕の最大行数", group=_SUBTITLES),
]
MaxWordsPerLine = Annotated[
    int | None,
    number(
        Number(int, 1, 10_000, none=None),
        "Most words of a line",
        "1行の最大単語数",
        group=_SUBTITLES,
        show_default=False,
    ),
]
HighlightWords = Annotated[
    bool,
    switch("highlight-words", "Underline each word as it is spoken", "話されている単語に下線を引く", _SUBTITLES),
]

Print = Annotated[
    bool, switch("print", "Print the results on standard output too", "結果を標準出力にも表示する", _SCREEN)
]
Verbose = Annotated[
    bool,
    switch("verbose", "Show text and events as they come", "文字起こしの途中経過とイベントを表示する", _SCREEN),
]
Quiet = Annotated[
    bool, switch("quiet", "Show nothing but problems and the last line", "問題と最後の行だけを表示する", _SCREEN)
]

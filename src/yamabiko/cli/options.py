"""
The options of `transcribe`: Whisper's names, each with its help in both languages.

A parameter named `output_format` is the option `--output-format`; the grammar
accepts the underscore as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from yamabiko.i18n import Text


def _option(en: str, ja: str, *names: str, **how: Any) -> Any:
    return typer.Option(*names, help=str(Text(en, ja)), **how)


def _switch(name: str, en: str, ja: str) -> Any:
    return typer.Option(f"--{name}/--no-{name}", help=str(Text(en, ja)))


Files = Annotated[
    list[str],
    typer.Argument(
        help=str(Text("Recordings, videos, folders of them", "音声・動画ファイル、またはそのフォルダー")),
        show_default=False,
    ),
]

Model = Annotated[
    str | None, _option("Name or folder of a model", "モデル名またはフォルダー", "--model", "-m", show_default="base")
]
Engine = Annotated[str, _option("Which engine", "使用するエンジン")]
Language = Annotated[
    str,
    _option(
        "Language spoken: a code or an English name; auto: detect once a file; each: detect for every stretch",
        "話されている言語（コードまたは英語名）。auto: ファイルごとに判定、each: 区間ごとに判定",
        "--language", "-l",
    ),
]  # fmt: skip
Task = Annotated[str, _option("transcribe, or translate into English", "transcribe: 文字起こし、translate: 英訳")]
_BESIDE = str(Text("beside the file", "元ファイルと同じ場所"))
OutputDir = Annotated[
    Path | None, _option("Folder for the results", "出力先フォルダー", "--output-dir", "-o", show_default=_BESIDE)
]
OutputFormat = Annotated[
    str,
    _option(
        "txt, srt, vtt, tsv, json, verbose_json: one or several with commas, or all",
        "txt, srt, vtt, tsv, json, verbose_json をカンマ区切りで、または all",
        "--output-format", "-f",
    ),
]  # fmt: skip
Print = Annotated[bool, _switch("print", "Print the results on standard output too", "結果を標準出力にも表示する")]
Overwrite = Annotated[bool, _switch("overwrite", "Do finished files again", "完了済みのファイルもやり直す")]
Recursive = Annotated[bool, _switch("recursive", "Look for recordings in subfolders too", "サブフォルダーも探す")]

WordTimestamps = Annotated[bool, _switch("word-timestamps", "Times for every word", "単語ごとの時刻を付ける")]
InitialPrompt = Annotated[
    str | None, _option("Text to set style and spelling", "文体や表記の手本となる文", show_default=False)
]
Hotwords = Annotated[str | None, _option("Words to expect", "出てきそうな語句", show_default=False)]
BeamSize = Annotated[int, _option("Beams", "ビーム数", min=1)]
BestOf = Annotated[int, _option("Candidates when sampling", "サンプリング時の候補数", min=1)]
Patience = Annotated[float, _option("Patience of the beam search", "ビームサーチの patience", min=0.0)]
LengthPenalty = Annotated[float, _option("Length penalty", "長さペナルティー")]
Temperature = Annotated[float, _option("Temperature to begin with", "最初の温度", min=0.0, max=1.0)]
TemperatureIncrement = Annotated[
    float,
    _option(
        "Added when the text looks wrong; 0: never", "結果が不自然なときに加える温度。0なら加えない",
        "--temperature-increment-on-fallback", min=0.0,
    ),
]  # fmt: skip
CompressionRatio = Annotated[
    float, _option("Text that compresses better than this is a loop", "これより圧縮できる文は繰り返しとみなす")
]
Logprob = Annotated[float, _option("Less likely text is tried again", "これより確からしくない文はやり直す")]
NoSpeech = Annotated[float, _option("Less likely speech is silence", "無音とみなす確率のしきい値", min=0.0, max=1.0)]
ConditionOnPrevious = Annotated[
    bool,
    _switch(
        "condition-on-previous-text",
        "Let earlier text guide later text, within a stretch of 30 s",
        "前の文を次の文の手がかりにする（30秒の区間内）",
    ),
]
BatchSize = Annotated[
    int,
    _option("Stretches asked at once: faster, more memory", "同時に処理する区間数。速いがメモリを使う", min=1, max=64),
]

VadFilter = Annotated[
    bool, _switch("vad-filter", "Transcribe only where somebody speaks", "話し声のある所だけを処理する")
]
VadThreshold = Annotated[
    float | None, _option("How likely speech must be", "話し声とみなす確率", min=0.01, max=1.0, show_default="0.35")
]
VadMinSilence = Annotated[
    int | None,
    _option("Silence that ends a stretch (ms)", "区切りとなる無音の長さ（ミリ秒）", "--vad-min-silence-duration-ms", min=0,
            show_default="500"),
]  # fmt: skip
VadSpeechPad = Annotated[
    int | None,
    _option(
        "Kept around speech (ms)", "話し声の前後に残す長さ（ミリ秒）", "--vad-speech-pad-ms", min=0, show_default="400"
    ),
]

Device = Annotated[str, _option("auto, cuda, cuda:N or cpu", "auto, cuda, cuda:N, cpu のいずれか")]
ComputeType = Annotated[str, _option("auto, int8, float16, float32, ...", "auto, int8, float16, float32 など")]
Threads = Annotated[int, _option("CPU threads; 0: chosen here", "CPUスレッド数。0なら自動", min=0)]
RequireGpu = Annotated[
    bool, _switch("require-gpu", "Fail rather than run on the CPU", "CPUで代わりに実行せず、失敗させる")
]
Fallback = Annotated[
    bool, _switch("fallback", "When a placement fails, go on with the next", "失敗したら次の候補で続ける")
]
Install = Annotated[
    bool, _switch("install", "Set up what is missing (engine, model)", "足りないエンジンやモデルを自動で準備する")
]

MaxLineWidth = Annotated[
    int, _option("Columns of a subtitle line; full-width counts 2", "字幕1行の桁数（全角は2桁）", min=1)
]
MaxLineCount = Annotated[int, _option("Lines of a subtitle", "字幕の行数", min=1)]
MaxWordsPerLine = Annotated[
    int | None, _option("Words of a subtitle line", "字幕1行の単語数", min=1, show_default=False)
]
HighlightWords = Annotated[
    bool, _switch("highlight-words", "Underline each word as it is spoken", "話されている単語に下線を引く")
]

Verbose = Annotated[bool, _switch("verbose", "Show text and events as they come", "途中の文字とイベントを表示する")]
Quiet = Annotated[bool, _switch("quiet", "Only findings and the last line", "問題と最後の行だけを表示する")]

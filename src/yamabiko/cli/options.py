"""
The options of `transcribe`: Whisper's names, each with its help in both languages.

A parameter named `output_format` is the option `--output-format`; the grammar
accepts the underscore as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from yamabiko.cli.parameters import Number
from yamabiko.engines.contract import MOST_SPEAKERS
from yamabiko.i18n import Text

_MACHINE = Text("Engine and device", "エンジンとデバイス")
_DECODING = Text("How the text is found", "認識の調整")
_SPEECH = Text("Where somebody speaks", "話し声の検出")
_SPEAKERS = Text("Who speaks", "話者の区別")
_SUBTITLES = Text("Subtitles", "字幕")
_SCREEN = Text("What is shown", "表示")

_NAME = Text("NAME", "名前")
_WORDS = Text("TEXT", "文字列")


def _option(
    en: str, ja: str, *names: str, metavar: Text | None = None, group: Text | None = None, **how: Any
) -> Any:  # fmt: skip
    return typer.Option(
        *names,
        help=str(Text(en, ja)),
        metavar=str(metavar) if metavar else None,
        rich_help_panel=str(group) if group else None,
        **how,
    )


def _number(number: Number, en: str, ja: str, *names: str, **how: Any) -> Any:
    return _option(en, ja, *names, min=number.low, max=number.high, parser=number, **how)


def _switch(name: str, en: str, ja: str, group: Text | None = None) -> Any:
    return _option(en, ja, f"--{name}/--no-{name}", group=group)


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
    _option(
        "Language spoken: a code (ja) or an English name (Japanese); "
        "auto: found once for each file; each: found for each stretch of speech",
        "話されている言語。コード（ja）か英語名（Japanese）。auto: ファイルごとに判定、each: 区間ごとに判定",
        "--language", "-l",
        metavar=Text("LANGUAGE", "言語"),
    ),
]  # fmt: skip
Task = Annotated[
    str,
    _option(
        "transcribe: text in the language spoken; translate: text in English",
        "transcribe: 話された言語のまま文字起こし、translate: 英語に翻訳",
        metavar=Text("TASK", "作業"),
    ),
]
OutputDir = Annotated[
    Path | None,
    _option(
        "Folder for the results", "結果を書き出すフォルダー", "--output-dir", "-o",
        metavar=Text("FOLDER", "フォルダー"), show_default=str(Text("beside each file", "各ファイルと同じ場所")),
    ),
]  # fmt: skip
OutputFormat = Annotated[
    str,
    _option(
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
    _switch(
        "overwrite",
        "Do finished files again, and replace results that are there",
        "完了済みのファイルもやり直し、すでにある結果を置き換える",
    ),
]
Recursive = Annotated[bool, _switch("recursive", "Look in subfolders too", "サブフォルダーの中も探す")]

Model = Annotated[
    str | None,
    _option(
        "Name or folder of a model; `yamabiko models list` shows them",
        "モデルの名前またはフォルダー。一覧は `yamabiko models list`",
        "--model", "-m", metavar=_NAME, show_default="base",
    ),
]  # fmt: skip
TrustModel = Annotated[
    bool,
    _switch(
        "trust-model",
        "Use a model folder that looks like a known model but has other bytes: your own",
        "既知のモデルに似て中身の異なるフォルダーを、独自のモデルとして使う",
        _MACHINE,
    ),
]
TrustPickle = Annotated[
    bool,
    _switch(
        "trust-pickle",
        "Open a model of pickled objects (.pt, .nemo) whose hash is not known: it runs its maker's code",
        "ハッシュが未知の pickle 形式のモデル（.pt、.nemo）も開く。作者のコードが実行される",
        _MACHINE,
    ),
]
Engine = Annotated[
    str,
    _option(
        "Engine; `yamabiko engines list` shows them",
        "エンジン。一覧は `yamabiko engines list`",
        metavar=_NAME,
        group=_MACHINE,
    ),
]
Device = Annotated[
    str,
    _option(
        "auto, cpu, cuda (cuda:N for the GPU with the number N), vulkan or metal",
        "auto, cpu, cuda, vulkan, metal のいずれか。cuda:N は N 番の GPU",
        metavar=Text("DEVICE", "デバイス"),
        group=_MACHINE,
    ),
]
ComputeType = Annotated[
    str,
    _option(
        "Precision: auto, int8, float16, float32, ...",
        "計算の精度: auto, int8, float16, float32 など",
        metavar=Text("PRECISION", "精度"),
        group=_MACHINE,
    ),
]
Fp16 = Annotated[
    bool | None,
    _switch(
        "fp16",
        "As in Whisper, where --compute-type names none: on, float16 on a GPU as auto has it; off, float32",
        "Whisperと同じ（--compute-type の指定がないとき）。オンならautoと同じくGPUでfloat16、オフならfloat32",
        _MACHINE,
    ),
]
RequireGpu = Annotated[
    bool,
    _switch("require-gpu", "Fail rather than run on the CPU", "GPUを使えなければ、CPUで代行せずに失敗とする", _MACHINE),
]
Fallback = Annotated[
    bool,
    _switch(
        "fallback",
        "When a device fails, or a precision that was not named, go on with the next that can; one that --compute-type names is kept",
        "デバイスや、指定していない精度の問題で失敗したら、次の候補で続ける（--compute-type で指定した精度は替えない）",
        _MACHINE,
    ),
]
Threads = Annotated[
    int,
    _number(
        Number(int, 0, 1024, none=0),
        "CPU threads; 0: as many as suit this machine",
        "CPUスレッド数。0なら自動",
        group=_MACHINE,
    ),
]
BatchSize = Annotated[
    int,
    _number(
        Number(int, 1, 64),
        "Stretches of speech done at once: more is faster and needs more memory",
        "同時に処理する区間の数。多いほど速いが、メモリを使う",
        group=_MACHINE,
    ),
]
Install = Annotated[
    bool,
    _switch(
        "install",
        "Set up an engine or a model that is missing",
        "足りないエンジンやモデルを自動で準備する",
        _MACHINE,
    ),
]

WordTimestamps = Annotated[bool, _switch("word-timestamps", "Times of every word", "単語ごとの時刻を付ける", _DECODING)]
Align = Annotated[
    str | None,
    _option(
        "Time the words with this wav2vec2 model, whichever engine writes them: align-en, align-ja, a folder; "
        "auto: that of --language",
        "どのエンジンの文字起こしでも、このwav2vec2モデルで単語の時刻を求める: align-en, align-ja, フォルダー。"
        "auto は --language に合うもの",
        "--align",
        metavar=Text("MODEL", "モデル"),
        group=_DECODING,
        show_default=False,
    ),
]
InitialPrompt = Annotated[
    str | None,
    _option(
        "Text that shows the style and the spelling to follow",
        "文体や表記の手本とする文章",
        metavar=_WORDS,
        group=_DECODING,
        show_default=False,
    ),
]
CarryInitialPrompt = Annotated[
    bool,
    _switch(
        "carry-initial-prompt",
        "Let every stretch of speech hear the initial prompt: here it always does",
        "手本の文章をすべての区間に使う（常に有効）",
        _DECODING,
    ),
]
SuppressTokens = Annotated[
    str,
    _option(
        "Numbers of tokens that are never written, with commas between them; -1: Whisper's own list",
        "出力しないトークンの番号（カンマ区切り）。-1はWhisper既定の一覧",
        metavar=Text("NUMBERS", "番号"),
        group=_DECODING,
    ),
]
Hotwords = Annotated[
    str | None,
    _option(
        "Words to expect, names for instance",
        "出てきそうな語句（人名など）",
        metavar=_WORDS,
        group=_DECODING,
        show_default=False,
    ),
]
BeamSize = Annotated[
    int,
    _number(
        Number(int, 1, 100, none=1),
        "Beams of the search; more is slower and may be more exact",
        "ビームサーチの幅。大きいほど遅く、精度が上がることがある",
        group=_DECODING,
    ),
]
BestOf = Annotated[
    int,
    _number(
        Number(int, 1, 100, none=1),
        "Candidates to choose from where the temperature is above 0",
        "温度が0より高いときに比べる候補の数",
        group=_DECODING,
    ),
]
Patience = Annotated[
    float,
    _number(
        Number(float, 0.01, 100, none=1.0),
        "How long the beam search goes on; 1 is usual",
        "ビームサーチを続ける度合い（patience）。通常は1",
        group=_DECODING,
    ),
]
LengthPenalty = Annotated[
    float,
    _number(
        Number(float, -10, 10, none=1.0),
        "Above 1 favours longer texts, below 1 shorter ones",
        "1より大きいと長い文を、小さいと短い文を優先する",
        group=_DECODING,
    ),
]
Temperature = Annotated[
    float,
    _number(
        Number(float, 0, 1),
        "Randomness of the first try; 0: none",
        "最初の試行のランダムさ（温度）。0ならランダムにしない",
        group=_DECODING,
    ),
]
TemperatureIncrement = Annotated[
    float,
    _number(
        Number(float, 0, 1, none=0.0),
        "Added to the temperature for each new try where the text looks wrong; 0: no new try",
        "結果が不自然なとき、やり直すたびに温度に加える値。0ならやり直さない",
        "--temperature-increment-on-fallback",
        group=_DECODING,
    ),
]
CompressionRatio = Annotated[
    float | None,
    _number(
        Number(float, 0, 1000, none=None),
        "Text that compresses better than this is a loop, and is tried again",
        "圧縮率がこれを超える文は、繰り返しとみなしてやり直す",
        group=_DECODING,
    ),
]
Logprob = Annotated[
    float | None,
    _number(
        Number(float, -1000, 0, none=None),
        "Text whose mean log probability is below this is tried again",
        "平均対数確率がこれより低い文はやり直す",
        group=_DECODING,
    ),
]
NoSpeech = Annotated[
    float | None,
    _number(
        Number(float, 0, 1, none=None),
        "Unlikely text counts as silence where the probability of silence is above this",
        "無音の確率がこれより高く、文も確からしくない箇所は無音とみなす",
        group=_DECODING,
    ),
]
ConditionOnPrevious = Annotated[
    bool,
    _switch(
        "condition-on-previous-text",
        "Let the text so far guide what follows, within a stretch of 30 s",
        "直前までの文を、続く文の手がかりにする（30秒の区間内）",
        _DECODING,
    ),
]

VadFilter = Annotated[
    bool,
    _switch("vad-filter", "Transcribe only where somebody speaks", "話し声のある所だけを文字起こしする", _SPEECH),
]
Guard = Annotated[
    bool,
    _switch(
        "guard",
        "Leave out what the engine writes though nobody said it: phrases in silence, endless repetitions",
        "誰も話していないのに出た文（無音での定型文、延々と続く繰り返し）を結果から除く",
        _SPEECH,
    ),
]
Diarize = Annotated[
    bool,
    _switch(
        "diarize",
        "Tell who says what; without names they are A, B, ... in the order of first speech",
        "誰が話したかを区別する（名前が分からない人は、話した順に A、B、…）",
        _SPEAKERS,
    ),
]
Speakers = Annotated[
    int | None,
    _number(
        Number(int, 1, MOST_SPEAKERS),
        "How many people speak, if that is known", "話者の人数（わかる場合）",
        "--speakers", group=_SPEAKERS, show_default=False,
    ),
]  # fmt: skip
MinSpeakers = Annotated[
    int | None,
    _number(
        Number(int, 1, MOST_SPEAKERS),
        "At least so many", "話者の人数の下限", "--min-speakers", group=_SPEAKERS, show_default=False,
    ),
]  # fmt: skip
MaxSpeakers = Annotated[
    int | None,
    _number(
        Number(int, 1, MOST_SPEAKERS),
        "At most so many", "話者の人数の上限", "--max-speakers", group=_SPEAKERS, show_default=False,
    ),
]  # fmt: skip
KnownSpeaker = Annotated[
    list[str],
    _option(
        "A person's name and a recording of their voice, some seconds long; may be given again",
        "話者の名前と、その人の声の録音（数秒）。複数回指定可",
        "--known-speaker",
        metavar=Text("NAME=FILE", "名前=ファイル"),
        group=_SPEAKERS,
        show_default=False,
    ),
]
SpeakerEngine = Annotated[
    str | None,
    _option(
        "Engine that tells speakers apart; `yamabiko engines list` shows them",
        "話者を区別するエンジン。一覧は `yamabiko engines list`",
        "--speaker-engine",
        metavar=_NAME,
        group=_SPEAKERS,
        show_default="campplus",
    ),
]
SpeakerModel = Annotated[
    str | None,
    _option(
        "Its model, a name or a folder",
        "話者区別用のモデル（名前かフォルダー）",
        "--speaker-model",
        metavar=_NAME,
        group=_SPEAKERS,
        show_default=False,
    ),
]
VadThreshold = Annotated[
    float | None,
    _number(
        Number(float, 0.01, 1),
        "Probability from which sound is speech",
        "話し声とみなす確率の下限",
        group=_SPEECH,
        show_default="0.35",
    ),
]
VadMinSilence = Annotated[
    int | None,
    _number(
        Number(int, 0, 600_000),
        "Silence that ends a stretch of speech, in ms", "区間の終わりとみなす無音の長さ（ミリ秒）",
        "--vad-min-silence-duration-ms", group=_SPEECH, show_default="500",
    ),
]  # fmt: skip
VadSpeechPad = Annotated[
    int | None,
    _number(
        Number(int, 0, 600_000),
        "Sound kept before and after speech, in ms", "話し声の前後に残す長さ（ミリ秒）",
        "--vad-speech-pad-ms", group=_SPEECH, show_default="400",
    ),
]  # fmt: skip

MaxLineWidth = Annotated[
    int | None,
    _number(
        Number(int, 1, 10_000, none=None),
        "Columns of a line; a full-width character counts 2",
        "1行の桁数（全角文字は2桁と数える）",
        group=_SUBTITLES,
    ),
]
MaxLineCount = Annotated[
    int | None,
    _number(Number(int, 1, 1000, none=None), "Most lines of a subtitle", "1つの字幕の最大行数", group=_SUBTITLES),
]
MaxWordsPerLine = Annotated[
    int | None,
    _number(
        Number(int, 1, 10_000, none=None),
        "Most words of a line",
        "1行の最大単語数",
        group=_SUBTITLES,
        show_default=False,
    ),
]
HighlightWords = Annotated[
    bool,
    _switch("highlight-words", "Underline each word as it is spoken", "話されている単語に下線を引く", _SUBTITLES),
]

Print = Annotated[
    bool, _switch("print", "Print the results on standard output too", "結果を標準出力にも表示する", _SCREEN)
]
Verbose = Annotated[
    bool,
    _switch("verbose", "Show text and events as they come", "文字起こしの途中経過とイベントを表示する", _SCREEN),
]
Quiet = Annotated[
    bool, _switch("quiet", "Show nothing but problems and the last line", "問題と最後の行だけを表示する", _SCREEN)
]

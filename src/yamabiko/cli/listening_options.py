"""The options of `transcribe` that say how to listen: how the text is found, where somebody speaks, and who."""

from __future__ import annotations

from typing import Annotated

from yamabiko.cli.option_making import number, option, switch
from yamabiko.cli.parameters import Number
from yamabiko.engines.contract import MOST_SPEAKERS
from yamabiko.i18n import Text

_DECODING = Text("How the text is found", "認識の調整")
_SPEECH = Text("Where somebody speaks", "話し声の検出")
_SPEAKERS = Text("Who speaks", "話者の区別")

_NAME = Text("NAME", "名前")
_WORDS = Text("TEXT", "文字列")

WordTimestamps = Annotated[bool, switch("word-timestamps", "Times of every word", "単語ごとの時刻を付ける", _DECODING)]
Align = Annotated[
    str | None,
    option(
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
    option(
        "Text that shows the style and the spelling to follow",
        "文体や表記の手本とする文章",
        metavar=_WORDS,
        group=_DECODING,
        show_default=False,
    ),
]
CarryInitialPrompt = Annotated[
    bool,
    switch(
        "carry-initial-prompt",
        "Let every stretch of speech hear the initial prompt: here it always does",
        "手本の文章をすべての区間に使う（常に有効）",
        _DECODING,
    ),
]
SuppressTokens = Annotated[
    str,
    option(
        "Numbers of tokens that are never written, with commas between them; -1: Whisper's own list",
        "出力しないトークンの番号（カンマ区切り）。-1はWhisper既定の一覧",
        metavar=Text("NUMBERS", "番号"),
        group=_DECODING,
    ),
]
Hotwords = Annotated[
    str | None,
    option(
        "Words to expect, names for instance",
        "出てきそうな語句（人名など）",
        metavar=_WORDS,
        group=_DECODING,
        show_default=False,
    ),
]
BeamSize = Annotated[
    int,
    number(
        Number(int, 1, 100, none=1),
        "Beams of the search; more is slower and may be more exact",
        "ビームサーチの幅。大きいほど遅く、精度が上がることがある",
        group=_DECODING,
    ),
]
BestOf = Annotated[
    int,
    number(
        Number(int, 1, 100, none=1),
        "Candidates to choose from where the temperature is above 0",
        "温度が0より高いときに比べる候補の数",
        group=_DECODING,
    ),
]
Patience = Annotated[
    float,
    number(
        Number(float, 0.01, 100, none=1.0),
        "How long the beam search goes on; 1 is usual",
        "ビームサーチを続ける度合い（patience）。通常は1",
        group=_DECODING,
    ),
]
LengthPenalty = Annotated[
    float,
    number(
        Number(float, -10, 10, none=1.0),
        "Above 1 favours longer texts, below 1 shorter ones",
        "1より大きいと長い文を、小さいと短い文を優先する",
        group=_DECODING,
    ),
]
Temperature = Annotated[
    float,
    number(
        Number(float, 0, 1),
        "Randomness of the first try; 0: none",
        "最初の試行のランダムさ（温度）。0ならランダムにしない",
        group=_DECODING,
    ),
]
TemperatureIncrement = Annotated[
    float,
    number(
        Number(float, 0, 1, none=0.0),
        "Added to the temperature for each new try where the text looks wrong; 0: no new try",
        "結果が不自然なとき、やり直すたびに温度に加える値。0ならやり直さない",
        "--temperature-increment-on-fallback",
        group=_DECODING,
    ),
]
CompressionRatio = Annotated[
    float | None,
    number(
        Number(float, 0, 1000, none=None),
        "Text that compresses better than this is a loop, and is tried again",
        "圧縮率がこれを超える文は、繰り返しとみなしてやり直す",
        group=_DECODING,
    ),
]
Logprob = Annotated[
    float | None,
    number(
        Number(float, -1000, 0, none=None),
        "Text whose mean log probability is below this is tried again",
        "平均対数確率がこれより低い文はやり直す",
        group=_DECODING,
    ),
]
NoSpeech = Annotated[
    float | None,
    number(
        Number(float, 0, 1, none=None),
        "Unlikely text counts as silence where the probability of silence is above this",
        "無音の確率がこれより高く、文も確からしくない箇所は無音とみなす",
        group=_DECODING,
    ),
]
ConditionOnPrevious = Annotated[
    bool,
    switch(
        "condition-on-previous-text",
        "Let the text so far guide what follows, within a stretch of 30 s",
        "直前までの文を、続く文の手がかりにする（30秒の区間内）",
        _DECODING,
    ),
]

VadFilter = Annotated[
    bool,
    switch("vad-filter", "Transcribe only where somebody speaks", "話し声のある所だけを文字起こしする", _SPEECH),
]
Guard = Annotated[
    bool,
    switch(
        "guard",
        "Leave out what the engine writes though nobody said it: phrases in silence, endless repetitions",
        "誰も話していないのに出た文（無音での定型文、延々と続く繰り返し）を結果から除く",
        _SPEECH,
    ),
]
Diarize = Annotated[
    bool,
    switch(
        "diarize",
        "Tell who says what; without names they are A, B, ... in the order of first speech",
        "誰が話したかを区別する（名前が分からない人は、話した順に A、B、…）",
        _SPEAKERS,
    ),
]
Speakers = Annotated[
    int | None,
    number(
        Number(int, 1, MOST_SPEAKERS),
        "How many people speak, if that is known", "話者の人数（わかる場合）",
        "--speakers", group=_SPEAKERS, show_default=False,
    ),
]  # fmt: skip
MinSpeakers = Annotated[
    int | None,
    number(
        Number(int, 1, MOST_SPEAKERS),
        "At least so many", "話者の人数の下限", "--min-speakers", group=_SPEAKERS, show_default=False,
    ),
]  # fmt: skip
MaxSpeakers = Annotated[
    int | None,
    number(
        Number(int, 1, MOST_SPEAKERS),
        "At most so many", "話者の人数の上限", "--max-speakers", group=_SPEAKERS, show_default=False,
    ),
]  # fmt: skip
KnownSpeaker = Annotated[
    list[str],
    option(
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
    option(
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
    option(
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
    number(
        Number(float, 0.01, 1),
        "Probability from which sound is speech",
        "話し声とみなす確率の下限",
        group=_SPEECH,
        show_default="0.35",
    ),
]
VadMinSilence = Annotated[
    int | None,
    number(
        Number(int, 0, 600_000),
        "Silence that ends a stretch of speech, in ms", "区間の終わりとみなす無音の長さ（ミリ秒）",
        "--vad-min-silence-duration-ms", group=_SPEECH, show_default="500",
    ),
]  # fmt: skip
VadSpeechPad = Annotated[
    int | None,
    number(
        Number(int, 0, 600_000),
        "Sound kept before and after speech, in ms", "話し声の前後に残す長さ（ミリ秒）",
        "--vad-speech-pad-ms", group=_SPEECH, show_default="400",
    ),
]  # fmt: skip

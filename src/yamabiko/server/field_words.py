"""
What can be sent: each parameter and field with its type, its default and a sentence in both languages.

Names of choices and defaults come from where they are read; tests/server/test_openapi_document.py holds names and limits against
what a real server takes, refuses and calls ignored.
"""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from yamabiko import formats
from yamabiko.audio.speech_spans import SpeechOptions
from yamabiko.i18n import Text
from yamabiko.scheduling.ladder import DEVICE
from yamabiko.server.doors import asr, whisper_cpp
from yamabiko.server.field_kinds import Field, at, count, file, flag, many, number, text
from yamabiko.server.realtime import live
from yamabiko.server.realtime.session_settings import LOGPROBS, SERVER_VAD
from yamabiko.server.realtime.sound import FORMATS as SOUNDS
from yamabiko.server.second_engine_words import ALIGN, AT_LEAST, AT_MOST, DIARIZE, SPEAKERS
from yamabiko.server.transcription_form import FORMATS, GRANULARITIES
from yamabiko.speech import Task, TranscribeOptions

_OWN, _WHISPER = SpeechOptions(), TranscribeOptions()

# ---- one of a kind -------------------------------------------------------------------------------------------------------

_RECORDING = file(
    "file", "Recording or video, of any format.", "音声または動画のファイル（形式は問いません）。", required=False
)
_PATH = text(
    "path",
    "Instead of file: one that lies in a folder of the server's machine that it was told to allow.",
    "file の代わりに、サーバー側で許可されたフォルダーにある録音のパス。",
    format="path",
)
RECORDING = (_RECORDING, _PATH)
"""One of the two is needed."""
_MODEL = text(
    "model",
    "A name of GET /v1/models; left out, or one of OpenAI's own names: the server's model.",
    "GET /v1/models にある名前。省略した場合と OpenAI のモデル名の場合は、サーバーのモデルを使います。",
)
_ENGINE = text("engine", "An engine by name; left out: the server's.", "エンジン名。省略時はサーバーの設定。")
_DEVICE = text(
    "device",
    "auto, cpu, cuda, cuda:N, vulkan or metal; left out: the server's.",
    "auto、cpu、cuda、cuda:N、vulkan、metal。省略時はサーバーの設定。",
    pattern=f"^({DEVICE})$",
)
_COMPUTE_TYPE = text(
    "compute_type",
    "Precision: auto, int8, float16, float32 ...; left out: the server's.",
    "計算精度。auto、int8、float16、float32 など。省略時はサーバーの設定。",
)
_LANGUAGE = text(
    "language",
    "Language of the recording, as a code or in English (ja, Japanese); auto or left out: the server's own, else detected.",
    "録音の言語。コードまたは英語名（ja、Japanese）。auto では自動判定し、省略時はサーバーの設定（なければ自動判定）に従います。",
)
_PROMPT = text(
    "prompt",
    "Text that shows the style and the spelling to follow.",
    "表記や文体の手本になる文。",
)
_TASK = text(
    "task",
    "translate: into English.",
    "translate にすると英語に翻訳します。",
    enum=list(get_args(Task)),
    default=_WHISPER.task,
)
_VAD_FILTER = flag(
    "vad_filter",
    True,
    "Only where somebody speaks; false: everything, and Whisper may write sentences into silence.",
    "話し声のある部分だけを処理します。false では全体を処理し、無音に文が書かれることがあります。",
)
_GUARD = flag(
    "guard",
    True,
    "Ours: leave out what the engine writes though nobody said it; left out: the server's.",
    "独自の項目。誰も話していないのに出た文を結果から除きます。省略時はサーバーの設定。",
)
_STREAM = flag(
    "stream",
    False,
    "Server-sent events as the work goes on; not with whisper-1 and not for subtitles.",
    "処理の進行に合わせてサーバー送信イベントで返します（whisper-1 と字幕形式では使えません）。",
)
_INCLUDE = many(
    "include[]",
    "logprobs: the log probability of each word, in json and verbose_json.",
    "logprobs で単語ごとの対数確率を付けます（json と verbose_json）。",
    {"enum": ["logprobs"]},
)
_FORMAT = text(
    "response_format",
    "Form of the answer. diarized_json and rttm tell speakers apart: those in known_speaker_names[] by the voices in "
    "known_speaker_references[], the others as A, B, ...; translations have no diarized_json, at OpenAI's neither.",
    "返す形式。diarized_json と rttm では話者を区別します。known_speaker_names[] の人は known_speaker_references[] の声から名前で、"
    "それ以外の人は A、B、… で示します（OpenAI と同じく、翻訳に diarized_json はありません）。",
    enum=list(FORMATS),
    default="json",
)

# ---- OpenAI's form, and those that are like it ---------------------------------------------------------------------------

_SPEECH = (
    _MODEL,
    _LANGUAGE,
    many(
        "languages[]",
        "Languages among which it is detected.",
        "判定の候補にする言語。",
    ),
    _PROMPT,
    many("keywords[]", "Words to expect: names, terms.", "出てきそうな語（名前や用語）。"),
    text("hotwords", "Ours: the same in one text.", "独自の項目。keywords[] と同じものを一つの文字列で指定します。"),
    number(
        "temperature", 0, 1, 0,
        "0: higher by itself where the text is bad; any other figure is meant as it stands.",
        "0 では、結果が悪い部分だけ自動で上げて試します。それ以外の値はそのまま使います。",
    ),
)  # fmt: skip
_TIMES = many(
    "timestamp_granularities[]",
    "Times of words, segments or both, in verbose_json.",
    "verbose_json に付ける時刻の単位（単語、区間）。",
    {"enum": list(GRANULARITIES)},
)
_CUTTING = text(
    "chunking_strategy",
    "auto, or a server_vad object as JSON with threshold, prefix_padding_ms and silence_duration_ms.",
    "auto か、threshold、prefix_padding_ms、silence_duration_ms を持つ server_vad の JSON。",
    default="auto",
)
_OURS = (
    _ENGINE,
    _DEVICE,
    _COMPUTE_TYPE,
    count(
        "beam_size", 1, 100, _WHISPER.beam_size,
        "Ours: candidates that are followed at a time.",
        "独自の項目。同時に追う候補の数。",
    ),
    _VAD_FILTER,
    _GUARD,
    *SPEAKERS,
)  # fmt: skip
TRANSLATION = (*RECORDING, *_SPEECH, _FORMAT, _TIMES, _INCLUDE, _CUTTING, *_OURS)
TRANSCRIPTION = (*RECORDING, *_SPEECH, _FORMAT, _TIMES, _INCLUDE, _STREAM, _CUTTING, *_OURS, ALIGN, _TASK)
JOB = (
    *RECORDING,
    *_SPEECH,
    replace(
        _FORMAT,
        words=Text(
            "verbose_json lets timestamp_granularities[] count; the result comes in any form later.",
            "verbose_json にすると timestamp_granularities[] が有効になります。結果の形式は取得時に選べます。",
        ),
    ),
    _TIMES,
    _CUTTING,
    *_OURS,
    ALIGN,
    _TASK,
    text(
        "webhook_url",
        "Address that is posted to when a job is over.",
        "ジョブが終わったときに通知（POST）するアドレス。",
    ),
    text(
        "webhook_secret",
        "Key of the HMAC-SHA256 by which that post is signed (x-yamabiko-signature).",
        "その通知の署名（x-yamabiko-signature、HMAC-SHA256）に使う鍵。",
    ),
)
JOB_ID = at(
    "path", text("id", "Of the job, as POST /v1/jobs told it.", "POST /v1/jobs が返したジョブの ID。"), required=True
)
RESULT = at(
    "query",
    text(
        "format",
        "Form of the result, rendered now.",
        "結果の形式。取得のたびに変換します。",
        enum=[*formats.FORMATS, "text"],
        default="verbose_json",
    ),
    text(
        "response_format",
        "The same under OpenAI's name; it goes before format.",
        "同じ意味の OpenAI 式の名前。format より優先されます。",
        enum=[*formats.FORMATS, "text"],
    ),
)
LAST_EVENT_ID = at(
    "header",
    Field(
        "Last-Event-ID",
        Text("Number of the last event that was seen; what follows it is told.", "最後に受け取ったイベントの番号。その次から返します。"),
        {"type": "integer", "minimum": 0, "default": 0},
    ),
)  # fmt: skip
MODEL_NAME = at("path", text("name", "A name of GET /v1/models.", "GET /v1/models にある名前。"), required=True)
LOADING = at("query", _MODEL, _ENGINE, _DEVICE, _COMPUTE_TYPE)
UNLOADING = at(
    "query",
    text("model", "Of these alone; left out: of all.", "対象のモデル。省略時はすべて。"),
    text("engine", "Of this engine alone.", "対象のエンジン。"),
)

# ---- other servers' languages --------------------------------------------------------------------------------------------

_AUDIO_FILE = file("audio_file", "Recording or video, of any format.", "音声または動画のファイル（形式は問いません）。")
_ENCODE = flag(
    "encode",
    True,
    "false: audio_file is bare samples, 16 bit, 16 kHz, mono, little-endian.",
    "false では、audio_file をヘッダーのない 16 ビット・16 kHz・モノラル・リトルエンディアンのサンプルとして読みます。",
)
ASR = (
    _AUDIO_FILE,
    *at(
        "query or form",
        _ENCODE,
        _TASK,
        _LANGUAGE,
        replace(_PROMPT, name="initial_prompt"),
        _VAD_FILTER,
        DIARIZE,
        AT_LEAST,
        AT_MOST,
        flag("word_timestamps", False, "Times of words, in json.", "json に単語ごとの時刻を付けます。"),
        text("output", "Form of the answer.", "返す形式。", enum=list(asr.OUTPUTS), default="txt"),
    ),
)
DETECTION = (_AUDIO_FILE, *at("query or form", _ENCODE))
CPP_LOAD = (
    Field("model", Text("A name of GET /v1/models, or models/ggml-NAME.bin.", "GET /v1/models にある名前、または models/ggml-名前.bin。"),
          {"type": "string"}, required=True),
)  # fmt: skip
_MS = 1e9
INFERENCE = (
    *RECORDING,
    replace(
        _LANGUAGE,
        schema={"type": "string", "default": "en"},
        words=Text(
            "Language of the recording; auto: detected. Left out: the server's own, else en, as whisper.cpp does.",
            "録音の言語。auto で自動判定。省略時はサーバーの設定、なければ whisper.cpp と同じく en。",
        ),
    ),
    flag("detect_language", False, "The language alone, no text.", "言語の判定だけを行い、文字起こしはしません。"),
    flag("translate", False, "Into English.", "英語に翻訳します。"),
    _PROMPT,
    text("response_format", "Form of the answer.", "返す形式。", enum=list(whisper_cpp.FORMATS), default="json"),
    number("temperature", 0, 1, 0, "The first that is tried.", "最初に試す温度。"),
    number(
        "temperature_inc", 0, 1, 0.2,
        "By so much more, up to 1, as long as the text is bad; 0: no second try.",
        "結果が悪い間、1 までこの幅で上げて試し直します。0 では試し直しません。",
    ),
    count("beam_size", -1, 100, -1, "Under 1: the server's own.", "1 未満ではサーバーの設定。"),
    count("best_of", -1, 100, -1, "Under 1: the server's own.", "1 未満ではサーバーの設定。"),
    number("logprob_thold", -100, 0, _WHISPER.logprob_threshold or 0, "Text less likely than this is bad.",
        "平均対数確率がこれより低い結果を悪いとみなします。"),
    number("no_speech_thold", 0, 1, _WHISPER.no_speech_threshold or 0, "More likely silent than this: no speech.",
        "無音の確率がこれより高ければ発話なしとみなします。"),
    number("offset_t", 0, _MS, 0, "Begin here, in ms.", "開始位置（ミリ秒）。"),
    number("duration", 0, _MS, 0, "So long, in ms; 0: to the end.", "処理する長さ（ミリ秒）。0 では最後まで。"),
    number("max_len", 0, 1e6, 0, "Longest subtitle line, in columns; 0: as it comes.", "字幕 1 行の最大幅（桁数）。0 では制限なし。"),
    flag("no_timestamps", False, "verbose_json without times.", "verbose_json に時刻を付けません。"),
    flag("no_language_probabilities", False, "verbose_json without the language's probability.",
        "verbose_json に言語の確率を付けません。"),
    flag("vad", True, "Only where somebody speaks.", "話し声のある部分だけを処理します。"),
    number("vad_threshold", 0, 1, _OWN.threshold, "Speech from this probability on.", "発話とみなす確率の下限。"),
    number("vad_min_speech_duration_ms", 0, _MS, _OWN.min_speech_duration_ms, "Shorter is no speech.",
        "これより短い音は発話とみなしません。"),
    number("vad_min_silence_duration_ms", 0, _MS, _OWN.min_silence_duration_ms, "A shorter silence ends nothing.",
        "これより短い無音では区切りません。"),
    number("vad_speech_pad_ms", 0, _MS, _OWN.speech_pad_ms, "Added before and after speech.", "発話の前後に加える長さ。"),
)  # fmt: skip

# ---- live sessions: JSON bodies ------------------------------------------------------------------------------------------

_IN = "session.audio.input"


def _or_null(field: Field) -> Field:
    return replace(field, schema=field.schema | {"type": [field.schema["type"], "null"]})


def _session(transcription: str, turns: str, include: str) -> tuple[Field, ...]:
    """What both shapes of a session hold, under the names that each has for it."""
    return (
        _or_null(replace(_MODEL, name=f"{transcription}.model")),
        _or_null(
            replace(
                _LANGUAGE,
                name=f"{transcription}.language",
                words=Text(
                    "Language that is spoken, as a code or in English; left out: the server's own, else detected.",
                    "話される言語（コードまたは英語名）。省略時はサーバーの設定、なければ自動判定。",
                ),
            )
        ),
        many(f"{transcription}.languages", "Languages among which it is detected.", "判定の候補にする言語。"),
        _or_null(replace(_PROMPT, name=f"{transcription}.prompt")),
        many(f"{transcription}.keywords", "Words to expect: names, terms.", "出てきそうな語（名前や用語）。"),
        Field(
            turns,
            Text(
                "When a turn ends; null: the client commits.",
                "発話の区切り方。null ではクライアントが commit で区切ります。",
            ),
            {"type": ["object", "null"]},
        ),
        text(
            f"{turns}.type",
            "Turns end by silence; semantic_vad is replaced by it.",
            "無音で区切ります。semantic_vad もこれで代用します。",
            enum=["server_vad", "semantic_vad"],
            default="server_vad",
        ),
        number(f"{turns}.threshold", 0.01, 1, SERVER_VAD.threshold, "Speech from this probability on.", "発話とみなす確率の下限。"),
        number(f"{turns}.prefix_padding_ms", 0, 5000, SERVER_VAD.prefix_padding_ms, "Sound kept before speech.", "発話の前に残す長さ。"),
        number(f"{turns}.silence_duration_ms", 50, 30_000, SERVER_VAD.silence_duration_ms, "Silence that ends a turn.",
            "発話の終わりとみなす無音の長さ。"),
        Field(
            f"{turns}.idle_timeout_ms",
            Text("After so long without speech the turn ends all the same; null: never.",
                "発話がなくても区切るまでの時間。null では区切りません。"),
            {"type": ["number", "null"], "minimum": 1000, "maximum": 60_000, "default": SERVER_VAD.idle_timeout_ms},
        ),
        many(include, "The log probability of each word.", "単語ごとの対数確率を付けます。", {"enum": [LOGPROBS]}),
    )  # fmt: skip


CLIENT_SECRET = at(
    "body",
    count("expires_after.seconds", live.SHORTEST_S, live.LONGEST_S, live.EXPIRES_S, "How long the key opens a session.",
        "キーの有効期間（秒）。"),
    text("session.type", "Sessions here transcribe.",
        "セッションの種類（文字起こしのみ）。", enum=["transcription"], default="transcription"),
    text(f"{_IN}.format.type", "How the sound comes.", "送る音声の形式。", enum=list(SOUNDS), default="audio/pcm"),
    Field(f"{_IN}.format.rate", Text("Samples a second of audio/pcm.",
        "audio/pcm のサンプリング周波数。"), {"type": "integer", "enum": [24_000], "default": 24_000}),
    *_session(f"{_IN}.transcription", f"{_IN}.turn_detection", "session.include"),
)  # fmt: skip
OLD_SESSION = at(
    "body",
    text("input_audio_format", "How the sound comes.", "送る音声の形式。", enum=["pcm16", "g711_ulaw", "g711_alaw"], default="pcm16"),
    *_session("input_audio_transcription", "turn_detection", "include"),
)  # fmt: skip
LIVE = at("query", _MODEL)

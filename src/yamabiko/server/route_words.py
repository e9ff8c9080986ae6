"""
Every address of the server: a sentence on what it does for a caller, what it takes, and what it answers.

The OpenAPI document and `GET /docs` are both written from this table; tests/server/test_openapi_document.py holds it
against the routes that there are, and what a real server answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from yamabiko.i18n import Text
from yamabiko.server import field_words as fields
from yamabiko.server import schemas
from yamabiko.server.field_kinds import Field
from yamabiko.server.schemas import JSON, Answer, Schema


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    """`WS`: a WebSocket, which OpenAPI cannot describe."""
    path: str
    words: Text
    """One sentence: what it does for a caller."""
    answer: Answer
    takes: tuple[Field, ...] = ()
    more: Text | None = None
    ignored: tuple[str, ...] = ()
    """Names that clients of such a server send, and that change nothing here. `x-yamabiko-ignored` names them, and others."""
    status: int = 200
    refuses: tuple[tuple[int, Schema], ...] = ()
    """Answers that are no error's envelope."""
    curl: str = ""
    """What stands after `curl`; `{base}` is the server's own address."""


def _json(schema: Schema) -> Answer:
    return {JSON: schema}


_JOB = _json(schemas.ref("Job"))
_CPP_IGNORED = (
    "split_on_word", "max_context", "word_thold", "entropy_thold", "audio_ctx", "carry_initial_prompt", "suppress_nst",
    "diarize", "tinydiarize", "offset_n", "token_timestamps", "debug_mode", "vad_max_speech_duration_s",
    "vad_samples_overlap",
)  # fmt: skip

OPENAI = (
    Route(
        "POST", "/v1/audio/transcriptions",
        Text("Speech to text, in the language spoken.", "音声を、話されている言語のまま文字起こしします。"),
        schemas.TRANSCRIPT,
        fields.TRANSCRIPTION,
        Text("Speakers are told apart where diarize, a field about them or a form that names them asks for it; known voices "
             "alone are checked, and not used.",
             "話者は、diarize や人数などの項目、または話者名を含む形式を指定すると区別します。既知の話者の名前と録音だけでは、"
             "形式を確かめるだけで使いません。"),
        curl="-F file=@talk.mp3 -F response_format=verbose_json {base}/v1/audio/transcriptions",
    ),
    Route(
        "POST", "/v1/audio/translations",
        Text("Speech of any language to English text.", "どの言語の音声も、英語に翻訳して文字にします。"),
        schemas.TRANSLATION,
        fields.TRANSLATION,
        Text("Who says what can be told of a translation too; its words have no times of their own, so align=true is a 400.",
             "翻訳でも話者を区別できます。翻訳文の単語には時刻がないため、align=true は 400 になります。"),
        ignored=("stream",),
        curl="-F file=@talk.mp3 {base}/v1/audio/translations",
    ),
    Route(
        "GET", "/v1/models",
        Text("Lists the models that can be named, the server's own first.",
            "指定できるモデルの一覧を返します（先頭はサーバーのモデル）。"),
        _json(schemas.MODELS),
        curl="{base}/v1/models",
    ),
    Route(
        "GET", "/v1/models/{name}",
        Text("Tells of one model whether it can be named here.", "そのモデルを指定できるかどうかを確かめます。"),
        _json(schemas.ref("Model")),
        fields.MODEL_NAME,
    ),
    Route(
        "WS", "/v1/realtime",
        Text("Live captions: sound goes in as it is spoken, text comes back as it is heard.",
             "ライブ字幕。話すそばから音声を送り、聞き取れた文字を順に受け取ります。"),
        {},
        fields.LIVE,
        Text(
            "A WebSocket in the words of OpenAI's Realtime API for transcription: session.update with the fields of "
            "client_secrets, input_audio_buffer.append, .commit and .clear; "
            "conversation.item.input_audio_transcription.delta, .completed and .failed come back. "
            "A browser sends its key as subprotocol openai-insecure-api-key.KEY.",
            "OpenAI の Realtime API（文字起こし）と同じイベントを使う WebSocket です。client_secrets と同じ項目の session.update と、"
            "input_audio_buffer.append / .commit / .clear を送ると、"
            "conversation.item.input_audio_transcription.delta / .completed / .failed が返ります。"
            "ブラウザーではキーをサブプロトコル openai-insecure-api-key.キー で送ります。",
        ),
        ("intent",),
    ),
    Route(
        "POST", "/v1/realtime/client_secrets",
        Text("Makes a short-lived key that opens live sessions alone, for a page in a browser.",
             "ライブセッションだけに使える短期キーを、ブラウザーのページ用に発行します。"),
        _json(schemas.CLIENT_SECRET),
        fields.CLIENT_SECRET,
        ignored=("session.audio.input.noise_reduction", "session.audio.input.transcription.delay"),
        curl="-X POST {base}/v1/realtime/client_secrets -H 'content-type: application/json' "
             "-d '{{\"expires_after\": {{\"seconds\": 600}}}}'",
    ),
    Route(
        "POST", "/v1/realtime/transcription_sessions",
        Text("Makes the same short-lived key, in the API's older shape.", "同じ短期キーを、API の古い形式で発行します。"),
        _json(schemas.OLD_SESSION),
        fields.OLD_SESSION,
        ignored=("input_audio_noise_reduction", "input_audio_transcription.delay"),
    ),
)  # fmt: skip

JOBS = (
    Route(
        "POST", "/v1/jobs",
        Text("Leaves one recording or several to be transcribed: a job each, which outlives the connection and the server.",
             "録音を 1 件以上預けて文字起こしを依頼します。1 件ごとに、接続やサーバーが終わっても残るジョブになります。"),
        _json(schemas.JOBS),
        fields.JOB,
        Text("Every field file or path is a job of its own.", "file や path は複数送ることができ、それぞれが別のジョブになります。"),
        ("stream", "include[]"),
        status=202,
        curl="-F file=@a.mp3 -F file=@b.mp4 -F language=ja {base}/v1/jobs",
    ),
    Route(
        "GET", "/v1/jobs",
        Text("Lists this client's jobs, the newest first, 1000 at most.",
            "このクライアントのジョブを新しい順に返します（最大 1000 件）。"),
        _json(schemas.JOBS),
        curl="{base}/v1/jobs",
    ),
    Route(
        "GET", "/v1/jobs/{id}",
        Text("Tells how far a job is: state, percent, seconds left, what was heard so far and, once it is done, the receipt.",
             "ジョブの状態、進み具合、残り秒数、ここまでの文字を返します。終わると処理の記録も付きます。"),
        _JOB,
        fields.JOB_ID,
    ),
    Route(
        "GET", "/v1/jobs/{id}/result",
        Text("Fetches the transcript of a job that is done, in any form.", "終わったジョブの文字起こしを、好きな形式で返します。"),
        schemas.JOB_RESULT,
        (*fields.JOB_ID, *fields.RESULT),
        curl="'{base}/v1/jobs/ID/result?format=srt'",
    ),
    Route(
        "GET", "/v1/jobs/{id}/events",
        Text("Tells what happens to a job as it happens, from the first event on, until the job is over.",
             "ジョブの出来事を最初から順に、終わるまでサーバー送信イベントで返します。"),
        schemas.EVENTS,
        (*fields.JOB_ID, *fields.LAST_EVENT_ID),
        curl="-N {base}/v1/jobs/ID/events",
    ),
    Route(
        "POST", "/v1/jobs/{id}/cancel",
        Text("Ends a job that is not over yet, for good; its recording is removed.",
            "終わっていないジョブを取り消し、録音を消します。再開はできません。"),
        _JOB,
        fields.JOB_ID,
    ),
    Route(
        "POST", "/v1/jobs/{id}/pause",
        Text("Stops a job for now and keeps what is done.", "ジョブを一時停止します。処理済みの部分は残ります。"),
        _JOB,
        fields.JOB_ID,
    ),
    Route(
        "POST", "/v1/jobs/{id}/resume",
        Text("Goes on with a paused job where it stopped.", "一時停止したジョブを続きから再開します。"),
        _JOB,
        fields.JOB_ID,
    ),
    Route(
        "DELETE", "/v1/jobs/{id}",
        Text("Removes a job with its recording and transcript; cancels it first if it is at work.",
             "ジョブを録音・結果ごと消します。処理中なら先に取り消します。"),
        _json(schemas.DELETED),
        fields.JOB_ID,
    ),
)  # fmt: skip

OURS = (
    Route(
        "GET", "/health",
        Text("Tells that the process lives; no key is needed.", "プロセスが動いていることを示します（キー不要）。"),
        _json(schemas.HEALTH),
        curl="{base}/health",
    ),
    Route(
        "GET", "/ready",
        Text("Tells whether the server can work: 200 once its model is loaded, 503 before, with what is being done or what "
             "went wrong; no key is needed.",
             "すぐに処理できるかどうかを示します。モデルを読み込むまでは 503 で、準備の内容や失敗の原因を返します（キー不要）。"),
        _json(schemas.READY),
        refuses=((503, schemas.READY),),
        curl="{base}/ready",
    ),
    Route(
        "GET", "/gpu-status",
        Text("Tells what was asked of the GPU, what it really did in the last transcription, and what to mend.",
             "GPU に何を求め、直近の文字起こしで実際にどう動いたか、何を直せばよいかを返します。"),
        _json(schemas.GPU_STATUS),
    ),
    Route(
        "GET", "/doctor",
        Text("Looks at the machine for what is wrong, as yamabiko doctor --quick does.",
             "マシンの問題を調べます（yamabiko doctor --quick と同じ）。"),
        _json(schemas.DOCTOR),
    ),
    Route(
        "GET", "/stats",
        Text("Counts requests, seconds of audio and of work since the start.",
            "起動後の要求数、音声の秒数、処理にかかった秒数を返します。"),
        _json(schemas.STATS),
    ),
    Route(
        "GET", "/metrics",
        Text("The same and more for Prometheus.", "同じ数値などを Prometheus の形式で返します。"),
        schemas.TEXT,
    ),
    Route(
        "GET", "/models",
        Text("Lists every model of the catalogue, and which of them are on this machine.",
            "カタログの全モデルと、このマシンにあるかどうかを返します。"),
        _json(schemas.CATALOGUE),
    ),
    Route(
        "GET", "/models/loaded",
        Text("Lists the models that are in memory now, what each takes, and how long each has been idle.",
             "いまメモリーにあるモデルと、それぞれの使用量・待機時間を返します。"),
        _json(schemas.LOADED_MODELS),
    ),
    Route(
        "POST", "/models/load",
        Text("Loads a model before anybody waits for it, fetching it first where that is allowed; idle ones make room.",
             "モデルを前もって読み込みます。許可されていれば取得もし、必要なら使われていないモデルを下ろします。"),
        _json(schemas.LOADED_NOW),
        fields.LOADING,
        curl="-X POST '{base}/models/load?model=small'",
    ),
    Route(
        "POST", "/models/unload",
        Text("Gives memory back by ending the processes of idle models; what is at work is left.",
             "使われていないモデルのプロセスを終え、メモリーを空けます。処理中のものは残します。"),
        _json(schemas.UNLOADED),
        fields.UNLOADING,
    ),
    Route(
        "GET", "/engines",
        Text("Lists the engines and the state of their environments, as yamabiko engines list does.",
             "エンジンとその環境の状態を返します（yamabiko engines list と同じ）。"),
        _json(schemas.ENGINES),
    ),
    Route(
        "GET", "/languages",
        Text("Lists the languages that can be named, with their codes.", "指定できる言語とそのコードを返します。"),
        _json(schemas.LANGUAGES),
    ),
)  # fmt: skip

WHISPER_ASR = (
    Route(
        "POST", "/asr",
        Text("Speech to text for clients of whisper-asr-webservice, such as Bazarr; the text comes as a file.",
             "whisper-asr-webservice のクライアント（Bazarr など）向けに音声を文字起こしし、結果をファイルで返します。"),
        schemas.TEXT,
        fields.ASR,
        Text("A name in the query goes before the same in the form.", "同じ項目がクエリーとフォームの両方にあれば、クエリーを使います。"),
        ("video_file",),
        curl="-F audio_file=@talk.mp3 '{base}/asr?output=srt&language=ja'",
    ),
    Route(
        "POST", "/detect-language",
        Text("Tells which language is spoken and how sure that is; where nobody speaks it is a 400.",
             "話されている言語とその確率を返します。話し声がなければ 400 になります。"),
        _json(schemas.LANGUAGE),
        fields.DETECTION,
        ignored=("video_file",),
        curl="-F audio_file=@talk.mp3 {base}/detect-language",
    ),
)  # fmt: skip

WHISPER_CPP = (
    Route(
        "POST", "/inference",
        Text("Speech to text for clients of whisper.cpp's server.", "whisper.cpp サーバーのクライアント向けに音声を文字起こしします。"),
        schemas.CPP_TRANSCRIPT,
        fields.INFERENCE,
        ignored=_CPP_IGNORED,
        curl="-F file=@talk.wav -F response_format=srt -F language=auto {base}/inference",
    ),
    Route(
        "POST", "/load",
        Text("Makes another model the server's own from now on; one that cannot be had leaves the old one in place.",
             "以後サーバーが使うモデルを替えます。用意できなければ元のモデルのままです。"),
        _json(schemas.MODEL_CHANGED),
        fields.CPP_LOAD,
        curl="-F model=small {base}/load",
    ),
)  # fmt: skip

SECTIONS: tuple[tuple[Text, tuple[Route, ...]], ...] = (
    (Text("OpenAI's audio API", "OpenAI の音声 API"), OPENAI),
    (Text("Jobs", "ジョブ"), JOBS),
    (Text("The server and its models", "サーバーとモデル"), OURS),
    (Text("whisper-asr-webservice", "whisper-asr-webservice"), WHISPER_ASR),
    (Text("whisper.cpp's server", "whisper.cpp サーバー"), WHISPER_CPP),
)
ROUTES = {(route.method, route.path): route for _, routes in SECTIONS for route in routes}
HEADERS = {
    "x-yamabiko-device": Text("Where it ran.", "実際に使ったデバイス。"),
    "x-yamabiko-compute-type": Text("The precision that was used.", "実際に使った計算精度。"),
    "x-yamabiko-verdict": Text("Whether that is proved, not proved or refuted.", "その裏付け（proved、not proved、refuted）。"),
    "x-yamabiko-engine": Text("The engine that ran.", "使ったエンジン。"),
    "x-yamabiko-model": Text("The model that ran.", "使ったモデル。"),
    "x-yamabiko-rtf": Text("Seconds of work a second of audio.", "音声 1 秒あたりの処理秒数。"),
    "x-yamabiko-fallbacks": Text("What went wrong on the way and was survived, by id.", "途中で起き、回避できた問題の ID。"),
    "x-yamabiko-notices": Text("What else is to be known of this answer, by id.", "この結果についての注意の ID。"),
    "x-yamabiko-ignored": Text("Fields that nobody knows, or that change nothing in this answer.",
        "未知の項目と、この結果に影響しなかった項目。"),
}  # fmt: skip
"""Of an answer to a recording; those that would be empty are left out."""

"""
Every setting, a line each: from here come config.toml, docs/settings.md, what is checked and what `config show` tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from yamabiko.configuration import shapes
from yamabiko.i18n import Text

Kind = Literal["text", "texts", "whole", "number", "switch"]
Value = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    key: str
    """As it stands in config.toml: `server.port`."""
    kind: Kind
    default: Value
    help: Text
    low: float = 0
    high: float = 0
    """Bounds of a number, both included; 0 and 0: none."""
    shape: Callable[[str], Text | None] | None = None
    """What is wrong with a text, or with one of several."""
    flag: str = ""
    """Of `yamabiko serve`; empty: there is none."""
    variable: str = ""
    older: str = ""
    """A variable by another name, in the unit of `field`."""
    for_transcribe: bool = False
    """It holds for `yamabiko transcribe` too."""
    field: str = ""
    """Of server.config.Config, or where `of_settings` of settings.Settings."""
    factor: float = 1
    """Times this it is what the field holds: minutes to seconds, MiB to bytes."""
    of_settings: bool = False
    also: tuple[str, ...] = ()
    """Other names: they are taken in every table of `TABLES`, and before all tables."""

    @property
    def table(self) -> str:
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        return self.key.rpartition(".")[2]

    @property
    def unit(self) -> str:
        """Empty where the value needs none."""
        endings = {"minutes": "minutes", "mb": "MiB", "bytes": "bytes", "s": "s"}
        return endings.get(self.name.rpartition("_")[2], "") if self.kind in ("whole", "number") else ""


def _of(key: str, kind: Kind, default: Value, en: str, ja: str, **more: object) -> Setting:
    variable = "YAMABIKO_" + key.rpartition(".")[2].upper()
    return Setting(key, kind, default, Text(en, ja), **{"variable": variable, **more})  # type: ignore[arg-type]


def _limit(key: str, kind: Kind, field: str, default: float, en: str, ja: str) -> Setting:
    """A limit of settings.Settings, which has always had a variable of its own."""
    return _of(
        key, kind, default, en, ja, high=1e15, for_transcribe=True, field=field, variable=f"YAMABIKO_{field.upper()}",
        of_settings=True,
    )  # fmt: skip


MIB = 2**20

SETTINGS: tuple[Setting, ...] = (
    _of("server.host", "text", "127.0.0.1", "Address to listen on; others than this machine need a key",
        "待ち受けるアドレス。他のマシンから使わせるにはキーが必要", flag="--host", field="host", shape=shapes.word),
    _of("server.port", "whole", 8080, "Port; 0: any that is free", "ポート番号。0なら空いているもの",
        high=65535, flag="--port", field="port", also=("port",)),
    _of("server.wyoming_port", "whole", -1, "Port on which it speaks Wyoming too (Home Assistant: 10300); -1: none; 0: any free one",
        "Wyoming（Home Assistant）でも待ち受けるポート。通常は10300。-1なら待ち受けず、0なら空いているもの", low=-1, high=65535,
        flag="--wyoming-port", field="wyoming_port"),
    _of("server.wyoming_host", "text", "127.0.0.1", "Address for Wyoming, which has no keys: whoever reaches it can use the server",
        "Wyoming のアドレス。Wyoming にはキーがなく、届く人は誰でも使える", flag="--wyoming-host", field="wyoming_host",
        shape=shapes.word),
    _of("server.wyoming_without_key", "switch", False, "Whether Wyoming may listen for other machines, although it has no keys",
        "キーのない Wyoming を他のマシンからも使えるようにしてよいか", flag="--wyoming-without-key", field="wyoming_without_key"),
    _of("server.allow_hosts", "texts", (), "Names by which clients call this server, besides localhost; \"*\": any",
        "localhost のほかに、呼び出しを許すサーバー名。\"*\" ならすべて", flag="--allow-host", field="hosts", shape=shapes.word),
    _of("server.allow_webhooks", "texts", (), "Hosts in this network that may be told of jobs that are over",
        "完了を知らせてよい、ローカルネットワーク内のホスト", flag="--allow-webhook", field="webhook_hosts", shape=shapes.word),
    _of("whisper.engine", "text", "faster-whisper", "Engine; `yamabiko engines list` shows them",
        "エンジン。一覧は `yamabiko engines list`", flag="--engine", field="engine", for_transcribe=True, shape=shapes.engine),
    _of("whisper.model", "text", "", "Name or folder of a model; empty: the engine's own default (base)",
        "モデルの名前またはフォルダー。空ならエンジンの既定（base）", flag="--model", field="model", for_transcribe=True,
        also=("model_path",)),
    _of("whisper.language", "text", "auto", "Language of recordings for which nobody names one: ja, en ...; auto: detected",
        "言語の指定がないときの言語（ja、en など）。auto なら自動判定", flag="--language", field="language", for_transcribe=True,
        variable="YAMABIKO_SPEECH_LANGUAGE", shape=shapes.language, also=("language",)),
    _of("whisper.device", "text", "auto", "auto, cpu, cuda (cuda:N for the GPU with the number N), vulkan or metal",
        "auto, cpu, cuda, vulkan, metal のいずれか。cuda:N は N 番の GPU", flag="--device", field="device", for_transcribe=True,
        shape=shapes.device, also=("enable_gpu",)),
    _of("whisper.compute_type", "text", "auto", "Precision: auto, int8, float16, float32 ...",
        "計算の精度: auto, int8, float16, float32 など", flag="--compute-type", field="compute_type", for_transcribe=True,
        shape=shapes.word),
    _of("whisper.guard", "switch", True, "Leave out what the engine writes though nobody said it",
        "誰も話していないのに出た文を結果から除く", flag="--guard", field="guard", for_transcribe=True),
    _of("whisper.install", "switch", True, "Fetch engines and models that are missing",
        "足りないエンジンやモデルを自動で取得する", flag="--install", field="may_install", for_transcribe=True),
    _of("speakers.speaker_engine", "text", "campplus", "Engine that tells speakers apart where a request asks for it",
        "要求に応じて話者を区別するエンジン", flag="--speaker-engine", field="speaker_engine", shape=shapes.speaker_engine),
    _of("speakers.speaker_model", "text", "", "Name or folder of its model; empty: the engine's own default",
        "そのモデルの名前またはフォルダー。空ならエンジンの既定", flag="--speaker-model", field="speaker_model"),
    _of("speakers.align", "text", "", "Name or folder of the wav2vec2 model that align=true means; empty: by the language",
        "align=true で使う wav2vec2 モデルの名前またはフォルダー。空なら言語で決める", flag="--align", field="align"),
    _of("performance.threads", "whole", 0, "Threads on the CPU; 0: as many as help", "CPUのスレッド数。0なら自動",
        high=1024, flag="--threads", field="threads", for_transcribe=True, also=("whisper_threads",)),
    _of("performance.batch_size", "whole", 1, "Stretches of speech done at once: more is faster and needs more memory",
        "同時に処理する区間の数。多いほど速いが、メモリを使う", low=1, high=64, flag="--batch-size",
        field="batch_size", for_transcribe=True),
    _of("performance.idle_unload_minutes", "number", 10, "A model that nobody needed for so long gives its memory back; 0: never",
        "この時間使われなかったモデルをメモリから降ろす（分）。0なら降ろさない", high=525_600, flag="--idle-unload-minutes",
        field="idle_unload_s", factor=60),
    _of("performance.memory_budget_mb", "whole", 0, "Memory that models may take together; 0: what the machine has free",
        "モデル全体で使ってよいメモリ（MiB）。0なら空き容量に合わせる", high=999_999, flag="--memory-budget-mb",
        field="memory_budget_bytes", factor=MIB),
    _of("performance.keep_free_mb", "whole", 512, "Memory left to the machine's other programs",
        "ほかのプログラムのために残すメモリ（MiB）", high=999_999, flag="--keep-free-mb", field="keep_free_bytes", factor=MIB),
    _of("limits.max_upload_mb", "whole", 2048, "Largest upload", "アップロードの上限（MiB）", low=1, high=999_999,
        flag="--max-upload-mb", field="most_upload_bytes", factor=MIB, also=("max_file_size_mb",)),
    _of("limits.max_duration_minutes", "number", 1440, "Longest recording accepted", "受け付ける録音の最大長（分）",
        low=0.001, high=525_600, flag="--max-duration-minutes", field="longest_audio_s", factor=60, for_transcribe=True, of_settings=True,
        older="YAMABIKO_LONGEST_AUDIO_S"),
    _of("limits.max_waiting", "whole", 64, "Requests at work and waiting; more are told to come again",
        "処理中と待機中の要求の上限。超えた分は後で来るよう伝える", low=1, high=1000, flag="--max-waiting", field="most_waiting"),
    _of("limits.free_disk_mb", "whole", 512, "Disk space left untouched; uploads and downloads that would need it are refused",
        "残しておくディスク容量（MiB）。これを割り込む受信や取得は断る", high=999_999,
        field="free_disk_bytes", factor=MIB, for_transcribe=True,
        of_settings=True, older="YAMABIKO_FREE_DISK_BYTES"),
    _of("security.allowed_folders", "texts", (), "Folders of this machine whose files clients may name by `path` instead of sending them",
        "クライアントがファイルを送る代わりに `path` で指定できる、このマシンのフォルダー", flag="--allow-folder",
        field="allowed_folders", shape=shapes.folder),
    _of("security.cors_origins", "texts", (), "Web pages of other origins that may use this server: https://app.example",
        "このサーバーを使ってよい、ほかのサイトのオリジン（例: https://app.example）", flag="--cors-origin", field="cors_origins",
        shape=shapes.origin),
    _of("security.trust_model", "switch", False, "Use model folders and files that look like a known model but have other bytes: your own",
        "既知のモデルに似て中身の異なるモデルを、独自のモデルとして使う", flag="--trust-model", field="trust_model",
        for_transcribe=True),
    _of("security.trust_pickle", "switch", False, "Open models of pickled objects (.pt, .nemo) whose hash is not known: they run code",
        "ハッシュが未知の pickle 形式のモデル（.pt、.nemo）も開く（コードが実行される）", flag="--trust-pickle", field="trust_pickle",
        for_transcribe=True),
    _limit("workers.start_s", "number", "worker_start_s", 60, "Longest wait for a worker to start", "ワーカーの起動を待つ上限（秒）"),
    _limit("workers.load_s", "number", "worker_load_s", 600, "Longest wait for a model to load", "モデルの読み込みを待つ上限（秒）"),
    _limit("workers.first_answer_s", "number", "worker_first_answer_s", 300, "Longest wait for the first answer",
           "最初の応答を待つ上限（秒）"),
    _limit("workers.silence_s", "number", "worker_silence_s", 300, "Longest silence between two answers", "応答と応答の間の上限（秒）"),
    _limit("workers.stop_s", "number", "worker_stop_s", 5, "Time that a worker has to end by itself",
           "ワーカーが自分で終わるまでの猶予（秒）"),
    _limit("workers.memory_bytes", "whole", "worker_memory_bytes", 0, "Memory cap of a worker; 0: nine tenths of what is free",
           "ワーカーのメモリ上限（バイト）。0なら空きの9割"),
    _limit("workers.live_client_s", "number", "live_idle_s", 600, "Longest silence of a live client",
           "ライブ接続で何も届かない時間の上限（秒）"),
    _limit("decoding.timeout_s", "number", "decode_timeout_s", 3600, "Longest time for decoding one file", "1ファイルのデコード上限（秒）"),
    _limit("decoding.memory_bytes", "whole", "decode_memory_bytes", 2**30, "Memory cap of the decoder", "デコーダーのメモリ上限（バイト）"),
)  # fmt: skip

TITLES: dict[str, Text] = {
    "server": Text("Where it listens", "待ち受け"),
    "whisper": Text("What transcribes; holds for `yamabiko transcribe` too", "文字起こしの方法（`yamabiko transcribe` にも適用）"),
    "speakers": Text("Who says what, and when, where a request asks for it", "要求に応じた話者の区別と単語の時刻"),
    "performance": Text("Speed and memory", "速度とメモリ"),
    "limits": Text("What is refused", "受け付ける上限"),
    "security": Text("Who may do what", "安全"),
    "workers": Text("How long is waited for engines and clients", "エンジンやクライアントを待つ時間"),
    "decoding": Text("How recordings are read", "録音の読み込み"),
}  # fmt: skip

TABLES = (*TITLES, "api", "audio", "files", "http", "paths", "upload")
"""Where a setting's other names may stand: document 002 names keys and leaves open in which table some of them are."""

BY_KEY = {setting.key: setting for setting in SETTINGS}
BY_FIELD = {setting.field: setting for setting in SETTINGS}
BY_OTHER_NAME = {name: setting for setting in SETTINGS for name in setting.also}


@dataclass(frozen=True, slots=True)
class KeyField:
    """What stands in a `[[security.keys]]`."""

    name: str
    kind: Kind
    default: Value
    help: Text
    high: float = 0


KEY_FIELDS = (
    KeyField("name", "text", "", Text("Who it is for", "使う人やプログラムの名前")),
    KeyField("sha256", "text", "", Text("What the key hashes to; never the key itself", "キーのハッシュ値。キーそのものは書かない")),
    KeyField("requests_per_minute", "number", 0, Text("Recordings in a minute; 0: no limit", "1分あたりの要求数。0なら無制限"), 1e6),
    KeyField("at_once", "whole", 0, Text("Recordings at once; 0: no limit", "同時に処理する要求数。0なら無制限"), 1000),
    KeyField("max_upload_mb", "whole", 0, Text("Largest upload; 0: as for all", "アップロードの上限（MiB）。0なら全体の上限"), 999_999),
)  # fmt: skip

VARIABLES = (
    ("YAMABIKO_HOME", Text("One folder for everything that yamabiko keeps", "yamabiko のファイルをすべて置くフォルダー")),
    ("YAMABIKO_CONFIG", Text("Another config.toml", "別の config.toml")),
    ("YAMABIKO_API_KEY", Text("A key that clients must send: KEY or NAME:KEY; several with spaces between them",
                              "クライアントが送るキー。「キー」または「名前:キー」。複数は空白区切り")),
    ("YAMABIKO_LANG", Text("en or ja: the language in which yamabiko speaks", "表示言語。en または ja")),
    ("YAMABIKO_DEBUG", Text("1: a traceback where yamabiko itself fails", "1なら、yamabiko 自体の不具合のときに詳細を表示する")),
)  # fmt: skip
"""What only the environment can say."""

"""What can be sent to have speakers told apart and words timed: the fields that `second_engines` reads."""

from __future__ import annotations

from yamabiko.engines import catalog
from yamabiko.engines.contract import MOST_SPEAKERS
from yamabiko.i18n import Text
from yamabiko.server.field_kinds import Field, flag, many, text
from yamabiko.server.second_engines import SPEAKER_ENGINES


def _people(name: str, en: str, ja: str) -> Field:
    return Field(name, Text(en, ja), {"type": "integer", "minimum": 1, "maximum": MOST_SPEAKERS})


DIARIZE = flag(
    "diarize",
    False,
    "Ours: who says what, in every form of the answer; people are A, B, ... in the order of first speech. The fields below "
    "turn it on too, as do diarized_json and rttm.",
    "独自の項目。誰が話したかを区別し、どの形式の結果にも示します（話した順に A、B、…）。"
    "下の項目や diarized_json、rttm を指定しても有効になります。",
)
AT_LEAST = _people("min_speakers", "Ours: at least so many people speak.", "独自の項目。話者の人数の下限。")
AT_MOST = _people("max_speakers", "Ours: at most so many people speak.", "独自の項目。話者の人数の上限。")
SPEAKERS = (
    DIARIZE,
    _people("num_speakers", "Ours: so many people speak, if that is known.", "独自の項目。話者の人数（わかる場合）。"),
    AT_LEAST,
    AT_MOST,
    text(
        "speaker_engine",
        "Ours: the engine that tells speakers apart; left out: the server's.",
        "独自の項目。話者を区別するエンジン。省略時はサーバーの設定。",
        enum=list(SPEAKER_ENGINES),
        default=catalog.SPEAKER_FINDER,
    ),
    text(
        "speaker_model",
        "Ours: its model, a name of GET /models; left out: the server's.",
        "独自の項目。そのモデル（GET /models にある名前）。省略時はサーバーの設定。",
    ),
    many(
        "known_speaker_names[]",
        "Names of people whose voices are known, four at most, where speakers are told apart.",
        "声がわかっている人の名前（4 人まで）。話者を区別するときに使います。",
    ),
    many(
        "known_speaker_references[]",
        "For each name a recording of that person alone, 2 to 10 s long, as a data URL.",
        "名前ごとに、本人だけが話している 2～10 秒の録音をデータ URL で指定します。",
    ),
)
ALIGN = text(
    "align",
    "Ours: time the words with a wav2vec2 model, whichever engine writes them: a name of GET /models, or true for the "
    "server's own, else that of the language, which must then be named. json and verbose_json carry the words.",
    "独自の項目。どのエンジンの文字起こしでも、wav2vec2 モデルで単語の時刻を求めます。GET /models にある名前か true を指定します。"
    "true ではサーバーに設定されたモデル、なければ language の言語のモデルを使います。単語は json と verbose_json に入ります。",
    default="false",
)

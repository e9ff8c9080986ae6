"""Options that people bring from Whisper and its wrappers, which are not here, and what does it here. Data alone."""

from __future__ import annotations

from yamabiko.findings import Remedy
from yamabiko.i18n import Text

_PUNCTUATION = Remedy(
    Text(
        "Leave it out: punctuation is joined to its word, as Whisper does by itself",
        "指定をやめる（句読点は Whisper の既定どおり前後の単語に付きます）",
    )
)
_SPEAKERS = Remedy(Text("Tell who says what", "話者を区別する"), "--diarize")
_HOW_MANY = Remedy(Text("Say how many people speak", "話者の人数を指定する"), "--speakers 2")
_TOKEN = Remedy(
    Text("Name the hub's token in the environment", "ハブのトークンは環境変数で渡す"), "HF_TOKEN=... yamabiko ..."
)

INSTEAD = {
    "--model-dir": Remedy(
        Text(
            "Name the model's folder itself, or where all models are kept: yamabiko's own, or the hub's cache",
            "モデルのフォルダーそのものか、全体の保存先（yamabiko のもの、またはハブのキャッシュ）を指定する",
        ),
        "--model /path/to/model  |  YAMABIKO_HOME=/path yamabiko ...  |  HF_HOME=/path yamabiko ...",
    ),
    "--clip-timestamps": Remedy(
        Text("Cut the stretch out of the recording first", "必要な区間を先に切り出す"),
        "ffmpeg -i talk.mp4 -ss 60 -to 120 part.wav",
    ),
    "--hallucination-silence-threshold": Remedy(
        Text(
            "Silence is left out before the engine hears it; be stricter about what is speech",
            "無音は認識の前に除かれます。話し声の判定を厳しくする",
        ),
        "--vad-threshold 0.6",
    ),
    "--prepend-punctuations": _PUNCTUATION,
    "--append-punctuations": _PUNCTUATION,
    "--batched": Remedy(Text("Say how many at once", "同時に処理する数を指定する"), "--batch-size 8"),
    "--local-files-only": Remedy(Text("Fetch nothing", "何も取得しない"), "--no-install"),
    **dict.fromkeys(("--hf-token", "--token"), _TOKEN),
    "--diarise": _SPEAKERS,
    **dict.fromkeys(("--speaker-num", "--num-speakers"), _HOW_MANY),
}
"""By name, with dashes."""

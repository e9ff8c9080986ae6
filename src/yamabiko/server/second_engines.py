"""
Engines that a form asks for beside the one that writes the text: who tells speakers apart, and who times the words.

The names of the fields are those of WhisperX, pyannote and the command line. Wherever speakers are told apart, every
form of the answer says who speaks.
"""

from __future__ import annotations

from dataclasses import dataclass

from yamabiko.engines import aligner_choice, catalog
from yamabiko.engines.contract import MOST_SPEAKERS, SpeakerCount
from yamabiko.findings import Remedy
from yamabiko.formats import FORMATS
from yamabiko.i18n import Text
from yamabiko.scheduling.setup import Wish
from yamabiko.server import model_names
from yamabiko.server.config import Own
from yamabiko.server.fields import NO, YES, Fields, invalid
from yamabiko.server.forms import Form
from yamabiko.server.problems import Refused, refused
from yamabiko.speech import Task

HOW_MANY = ("num_speakers", "min_speakers", "max_speakers")
SPEAKER_FIELDS = ("diarize", *HOW_MANY, "speaker_engine", "speaker_model")
KNOWN_SPEAKERS = ("known_speaker_names", "known_speaker_references")
SPEAKER_ENGINES = tuple(card.name for card in catalog.cards() if card.job == "find-speakers")
LISTED = "GET /models"


@dataclass(frozen=True, slots=True)
class SpeakersWanted:
    """That speakers are to be told apart."""

    wish: Wish
    """By which engine."""
    count: SpeakerCount
    required: bool
    """Whether the answer is worth nothing without: its form names speakers."""


def speakers(form: Form, response_format: str, default: Wish, own: Own) -> SpeakersWanted | None:
    """None: they are not told apart. Raises: Refused (parameter-invalid, model-unknown)."""
    fields = Fields(form)
    required = response_format in FORMATS and FORMATS[response_format].needs_speakers
    wanted = fields.flag("diarize", default=False)
    if _refused_in_words(form) and required:
        rule = Text(
            f"{response_format} names speakers: ask for another form of the answer, such as verbose_json.",
            f"{response_format} は話者名を含む形式です。話者が要らなければ verbose_json などを指定してください。",
        )
        raise invalid("diarize", form.first("diarize") or "", rule)
    count = _count(form, fields)
    wish = _finder(form, fields, default, own)
    said = not _refused_in_words(form) and any(form.first(name) for name in SPEAKER_FIELDS)
    return SpeakersWanted(wish, count, required) if wanted or said or required else None


def aligner(form: Form, task: Task, default: Wish, own: Own) -> Wish | None:
    """What times the words; None: the engine itself, where it can. Raises: Refused (parameter-invalid, model-unknown)."""
    given = (form.first("align") or "").strip()
    if given.lower() in ("", *NO):
        return None
    if task == "translate":
        rule = Text(
            "A translation is not what was said: its words have no times in the recording.",
            "翻訳文は話された言葉ではないため、録音の中に単語の時刻がありません。",
        )
        raise invalid("align", given, rule)
    card = catalog.card(catalog.ALIGNER)
    if given.lower() in (*YES, aligner_choice.AUTO):
        model = own.aligner or _of_the_language(Fields(form).language("language", form.first("language")), given)
    else:
        model = model_names.named(given, card, own.aligner, "align", LISTED)
    return _wish(catalog.ALIGNER, model, default)


def without_effect(form: Form, wanted: SpeakersWanted | None) -> set[str]:
    """Fields about speakers that change nothing in this answer."""
    if wanted is None:
        return {*SPEAKER_FIELDS[1:], *KNOWN_SPEAKERS}
    return set(HOW_MANY[1:]) if form.first("num_speakers") else set()


def _refused_in_words(form: Form) -> bool:
    return bool(form.first("diarize")) and not Fields(form).flag("diarize", default=False)


def _count(form: Form, fields: Fields) -> SpeakerCount:
    """Raises: Refused."""
    exact, least, most = (
        fields.whole(name, 1, MOST_SPEAKERS, 1) if (form.first(name) or "").strip() else None for name in HOW_MANY
    )
    if exact is not None:
        return SpeakerCount(exact, exact)
    if least is not None and most is not None and least > most:
        rule = Text(f"It is at most max_speakers ({most}).", f"max_speakers（{most}）以下の値を指定します。")
        raise invalid("min_speakers", str(least), rule)
    return SpeakerCount(least or 1, most)


def _finder(form: Form, fields: Fields, default: Wish, own: Own) -> Wish:
    """Raises: Refused."""
    engine = own.speaker_engine
    if form.first("speaker_engine"):
        engine = fields.one_of("speaker_engine", SPEAKER_ENGINES, catalog.SPEAKER_FINDER)
    model = (own.speaker_model or None) if engine == own.speaker_engine else None
    if given := form.first("speaker_model"):
        model = model_names.named(given, catalog.card(engine), model, "speaker_model", LISTED)
    return _wish(engine, model, default)


def _wish(engine: str, model: str | None, default: Wish) -> Wish:
    """On the device that suits it: what the client said of that is meant for the engine that writes."""
    return Wish(
        engine, model, may_install=default.may_install,
        trust_model=default.trust_model, trust_pickle=default.trust_pickle,
    )  # fmt: skip


def _of_the_language(language: str | None, given: str) -> str:
    """The catalogue's aligner for it. Raises: Refused (parameter-invalid)."""
    by_language = aligner_choice.by_language()
    if language in by_language:
        return by_language[language]
    known, meant = ", ".join(by_language), tuple(dict.fromkeys(by_language.values()))
    if language is None:
        cause = Text(
            f"align={given} takes the alignment model of the language that is spoken: name the language "
            f"({known}), or the model.",
            f"align={given} では、話されている言語に合う整列用モデルを使います。language（{known}）かモデル名を指定してください。",
        )
    else:
        meant = ()
        cause = Text(
            f"There is no alignment model for “{language}” in the catalogue, only for: {known}.",
            f"「{language}」の整列用モデルはカタログにありません（あるのは {known}）。",
        )
    raise _no_aligner(cause, f"form: align={given}", meant)


def _no_aligner(cause: Text, evidence: str, names: tuple[str, ...]) -> Refused:
    meant = tuple(Remedy(Text(f"Take {name}", f"{name} を使う"), f"align={name}") for name in names)
    own = Remedy(
        Text("Give the server an alignment model of its own", "サーバーに整列用モデルを設定する"),
        "yamabiko serve --align FOLDER",
        "effort",
    )
    return refused("parameter-invalid", cause, evidence, param="align", remedies=(*meant, own))

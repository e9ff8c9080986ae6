"""
What was asked for on the command line, in the words of the rooms that do it.

`asked` holds the values of `transcribe`, under the names of its parameters.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

from yamabiko.cli import misunderstood, speakers
from yamabiko.engines import catalog
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text
from yamabiko.settings import Settings
from yamabiko.speech import TranscribeOptions

if TYPE_CHECKING:
    from yamabiko.formats import Layout
    from yamabiko.scheduling.pool import Outfit
    from yamabiko.scheduling.setup import Report, Wish
    from yamabiko.transcription.pipeline import Request


_MOST_TRIES = 100
"""More steps of the temperature than this are a slip of the finger."""
_LAST_TOKEN = 51_865
"""Of the largest vocabulary that a Whisper model has (large-v3)."""


def settled(typed: SimpleNamespace) -> SimpleNamespace:
    """
    What was typed, with Whisper's ways of saying a thing put into ours.

    Raises: Problem (usage), for what cannot be done.
    """
    if typed.initial_prompt and not typed.carry_initial_prompt:
        raise Problem(_prompt_not_carried())
    fp16, precision = typed.fp16, typed.compute_type
    # `True` is Whisper's default, and a wish for a GPU alone: auto begins with float16 there, and has the CPU's rungs.
    told = {"compute_type": "float32" if precision == "auto" and fp16 is False else precision}
    return SimpleNamespace(**{**vars(typed), **told, "suppress_tokens": _tokens(typed.suppress_tokens)})


def layout(asked: SimpleNamespace) -> Layout:
    """How subtitles look."""
    from yamabiko.formats import Layout

    return Layout(asked.max_line_width, asked.max_line_count, asked.max_words_per_line, asked.highlight_words)


def transcribe_options(asked: SimpleNamespace) -> TranscribeOptions:
    """What the engine is told. Raises: Problem (language-unknown, task-unknown)."""
    if asked.task not in ("transcribe", "translate"):
        raise Problem(_unknown("task-unknown", "--task", asked.task, ("transcribe", "translate")))
    spoken = language_asked(asked)
    step, start = asked.temperature_increment, asked.temperature
    count = int(min((1.0 - start) / step + 1e-6, _MOST_TRIES)) if step > 0 else 0
    return TranscribeOptions(
        language=None if spoken in ("auto", "each") else spoken,
        task=asked.task,
        word_timestamps=asked.word_timestamps
        or asked.highlight_words
        or asked.max_words_per_line is not None
        or (speakers.wanted(asked) and "word-times" in catalog.card(asked.engine).features),
        initial_prompt=asked.initial_prompt,
        hotwords=asked.hotwords,
        beam_size=asked.beam_size,
        best_of=asked.best_of,
        patience=asked.patience,
        length_penalty=asked.length_penalty,
        temperatures=tuple(round(start + step * n, 6) for n in range(count + 1)),
        compression_ratio_threshold=asked.compression_ratio_threshold,
        logprob_threshold=asked.logprob_threshold,
        no_speech_threshold=asked.no_speech_threshold,
        condition_on_previous_text=asked.condition_on_previous_text,
        suppress_tokens=asked.suppress_tokens,
    )


def language_per_chunk(asked: SimpleNamespace) -> bool:
    """Whether every stretch of a file is asked for its language. Raises: Problem (language-unknown)."""
    return language_asked(asked) == "each"


def wish(asked: SimpleNamespace) -> Wish:
    """Which engine, where."""
    from yamabiko.scheduling.setup import Wish

    return Wish(
        engine=asked.engine,
        model=asked.model,
        device=asked.device,
        compute_type=asked.compute_type,
        threads=asked.threads,
        may_fall=asked.fallback,
        may_install=asked.install,
        require_gpu=asked.require_gpu,
        trust_model=asked.trust_model,
        trust_pickle=asked.trust_pickle,
        language=transcribe_options(asked).language,
    )


def request(asked: SimpleNamespace, settings: Settings, report: Report) -> Request:
    """Engines and models ready to run, set up where they are missing. Raises: Problem."""
    from yamabiko.audio.speech_spans import SpeechOptions
    from yamabiko.scheduling.scheduler import Conduct
    from yamabiko.scheduling.setup import Wish, prepare
    from yamabiko.transcription.pipeline import Request

    given = {
        "threshold": asked.vad_threshold,
        "min_silence_duration_ms": asked.vad_min_silence_duration_ms,
        "speech_pad_ms": asked.vad_speech_pad_ms,
    }
    outfit = prepare(wish(asked), settings, report)
    finder_wish = Wish(catalog.SPEECH_FINDER, may_install=asked.install)
    return Request(
        outfit=outfit,
        speech_finder=prepare(finder_wish, settings, report) if asked.vad_filter else None,
        options=transcribe_options(asked),
        speech=SpeechOptions(**{name: value for name, value in given.items() if value is not None}),
        conduct=Conduct(asked.require_gpu, asked.fallback, asked.batch_size),
        language_per_chunk=language_per_chunk(asked),
        guard=asked.guard,
        aligner=_aligner(asked, settings, report),
        speakers=speakers.asked_for(asked, settings, report),
        requested_device=asked.device,
        requested_compute_type=asked.compute_type,
    )


def _aligner(asked: SimpleNamespace, settings: Settings, report: Report) -> Outfit | None:
    """What times the words, set up where it is missing; None: the engine itself. Raises: Problem."""
    from yamabiko.scheduling.setup import Wish, prepare

    if asked.align is None:
        return None
    given = Wish(
        catalog.ALIGNER, aligner_model(asked), may_install=asked.install, trust_model=asked.trust_model,
        trust_pickle=asked.trust_pickle,
    )  # fmt: skip
    return prepare(given, settings, report)


def aligner_model(asked: SimpleNamespace) -> str:
    """A name or a folder; `auto` is the model of the language. Raises: Problem (language-unknown; model-unknown)."""
    from yamabiko.engines import aligner_choice

    given: str = asked.align
    if given != aligner_choice.AUTO:
        return given
    names = aligner_choice.by_language()
    language = language_asked(asked)
    if language in names:
        return names[language]
    known = ", ".join(names)
    raise Problem(
        Finding(
            id="model-unknown",
            severity="error",
            area="usage",
            cause=Text(
                f"--align auto takes the alignment model of the language that is spoken, and there is one for {known}.",
                f"--align auto では、話されている言語に合う整列用モデルを使います。対応する言語: {known}",
            ),
            evidence=(f"{Text('option', 'オプション')}: --language {language}",),
            remedies=tuple(
                Remedy(
                    Text(f"Where “{code}” is spoken", f"話されている言語が {code} なら"),
                    f"--align auto --language {code}",
                )
                for code in names
            ),
        )
    )


def language_asked(asked: SimpleNamespace) -> str:
    """`ja` for ja, Japanese or japanese; `auto` and `each` stay. Raises: Problem (language-unknown)."""
    return language_of(asked.language, "auto", "each")


def language_of(asked: str, *besides: str) -> str:
    """The code of a language, or one of the words that may stand `besides`. Raises: Problem (language-unknown)."""
    from yamabiko.formats.language_names import LANGUAGE_NAMES, language_code

    word = asked.strip().lower()
    if word in besides:
        return word
    if (code := language_code(asked)) is not None:
        return code
    codes = (*besides, *LANGUAGE_NAMES)
    found = Remedy(Text("Leave it to the engine to find it", "エンジンに判定を任せる"), "--language auto")
    by_code = Remedy(Text("Name it by its code: ja, en, ...", "ja、en などのコードで指定する"), "--language ja")
    remedies = (found, by_code) if "auto" in besides else (by_code,)
    names = tuple(LANGUAGE_NAMES.values())
    raise Problem(_unknown("language-unknown", "--language", asked, codes, names, remedies))


def _tokens(typed: str) -> tuple[int, ...]:
    """`-1`, or numbers with commas between them; nothing suppresses nothing. Raises: Problem (usage)."""
    try:
        found = tuple(int(word) for word in typed.split(",")) if typed.strip() else ()
    except ValueError:
        found = (-2,)
    if all(-1 <= token <= _LAST_TOKEN for token in found):
        return found
    raise Problem(
        Finding(
            id="usage",
            severity="error",
            area="usage",
            cause=Text(
                f"--suppress-tokens takes -1 or numbers up to {_LAST_TOKEN} with commas between them, not “{typed}”.",
                f"--suppress-tokens には -1 か、{_LAST_TOKEN} までの番号をカンマ区切りで指定してください（指定値: 「{typed}」）。",
            ),
            remedies=(Remedy(Text("Take Whisper's own list", "Whisper 既定の一覧を使う"), "--suppress-tokens -1"),),
        )
    )


def _prompt_not_carried() -> Finding:
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=Text(
            "Here every stretch of speech hears the prompt: --carry-initial-prompt cannot be False beside one.",
            "手本の文章はすべての区間に使われるため、--initial-prompt と --carry-initial-prompt False は併用できません。",
        ),
        remedies=(Remedy(Text("Leave it out", "指定をやめる")),),
    )


def _unknown(
    id_: str, option: str, asked: str, known: Sequence[str], names: Sequence[str] = (),
    besides: tuple[Remedy, ...] = (),
) -> Finding:  # fmt: skip
    """`names` are taken as well, and too many to be shown; `besides`: where nothing known is like what was typed."""
    near = difflib.get_close_matches(asked.lower(), (*known, *names), 1)
    return Finding(
        id=id_,
        severity="error",
        area="usage",
        cause=Text(f"{option} does not know “{asked}”.", f"{option} に「{asked}」は指定できません。"),
        evidence=(f"{Text('known', '指定できる値')}: {', '.join(known)}",),
        remedies=tuple(misunderstood.meant(f"{option} {name}") for name in near) or besides,
    )

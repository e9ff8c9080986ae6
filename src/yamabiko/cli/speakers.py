"""What the command line says of speakers: whether they are told apart, how many there are, whose voices are known."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from yamabiko.engines import catalog
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.scheduling.setup import Report
    from yamabiko.settings import Settings
    from yamabiko.transcription.diarizing import SpeakersAsked


def wanted(asked: SimpleNamespace) -> bool:
    """Whether speakers are to be told apart: said so, or said how many, or whose, or in a format that names them."""
    chosen = asked.speaker_engine or asked.speaker_model
    said = asked.diarize or _count(asked) != (None, None) or asked.known_speaker or chosen
    return bool(said) or _required(asked)


def asked_for(asked: SimpleNamespace, settings: Settings, report: Report) -> SpeakersAsked | None:
    """With the engine ready to run, set up where it is missing. None: not wanted. Raises: Problem."""
    from yamabiko.engines.contract import SpeakerCount
    from yamabiko.scheduling.setup import Wish, prepare
    from yamabiko.transcription.diarizing import KnownSpeaker, SpeakersAsked

    if not wanted(asked):
        return None
    check(asked)
    least, most = _count(asked)
    known = tuple(KnownSpeaker(name, file) for name, file in _known(asked.known_speaker))
    wish = Wish(
        asked.speaker_engine or catalog.SPEAKER_FINDER, asked.speaker_model, may_install=asked.install,
        trust_model=asked.trust_model, trust_pickle=asked.trust_pickle,
    )  # fmt: skip
    finder = prepare(wish, settings, report)
    return SpeakersAsked(finder, SpeakerCount(least or 1, most), known, _required(asked))


def check(asked: SimpleNamespace) -> None:
    """Raises: Problem (usage, input-missing), for what cannot be meant: before any work."""
    least, most = _count(asked)
    low, high = asked.min_speakers or least, asked.max_speakers or most
    if low is not None and high is not None and not low <= (asked.speakers or low) <= high:
        raise Problem(_more_than_most(low, high) if asked.speakers is None else _not_so_many(asked))
    if asked.speaker_engine and catalog.card(asked.speaker_engine).job != "find-speakers":
        raise Problem(_tells_none_apart(asked.speaker_engine))
    for name, file in _known(asked.known_speaker):
        from yamabiko.cli import input_findings

        called = name if name.isalnum() else shlex.quote(name)
        again = f'--known-speaker {called}="FILE"'
        trouble = input_findings.trouble(file, again=again)
        if trouble is None and file.is_dir():
            trouble = _a_folder(file, again)
        if trouble is not None:
            raise Problem(trouble)


def _count(asked: SimpleNamespace) -> tuple[int | None, int | None]:
    """At least, at most."""
    if asked.speakers is not None:
        return asked.speakers, asked.speakers
    return asked.min_speakers, asked.max_speakers


def _required(asked: SimpleNamespace) -> bool:
    from yamabiko.formats import FORMATS, names

    return any(FORMATS[name].needs_speakers for name in names(asked.output_format))


def _known(given: list[str]) -> list[tuple[str, Path]]:
    """Raises: Problem (usage)."""
    pairs = [(name.strip(), Path(file)) for name, _, file in (one.partition("=") for one in given)]
    names = [name for name, _ in pairs]
    if not all(name and file.name for name, file in pairs) or len(set(names)) < len(names):
        raise Problem(_not_a_pair(given))
    return pairs


def _a_folder(file: Path, again: str) -> Finding:
    return Finding(
        id="input-not-a-file",
        severity="error",
        area="input",
        cause=Text(f"A folder is no recording of a voice: {file}", f"フォルダーは声の録音として使えません: {file}"),
        evidence=(f"system: {file} is a folder",),
        remedies=(Remedy(Text("Name a recording in it", "中の録音ファイルを指定する"), again),),
    )


def _tells_none_apart(engine: str) -> Finding:
    able = [card.name for card in catalog.cards() if card.job == "find-speakers"]
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=Text(
            f"The engine “{engine}” tells no speakers apart.",
            f"エンジン「{engine}」では話者を区別できません。",
        ),
        evidence=(f"engines that do: {', '.join(able)}",),
        remedies=tuple(Remedy(Text(f"Use {one}", f"{one} を使う"), f"--speaker-engine {one}") for one in able),
    )


def _more_than_most(least: int, most: int) -> Finding:
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=Text(
            f"There cannot be at least {least} speakers and at most {most}.",
            f"話者数の下限（{least}）が上限（{most}）を超えています。",
        ),
        remedies=(Remedy(Text("Give the number, where it is known", "人数がわかる場合は指定する"), "--speakers 2"),),
    )


def _not_so_many(asked: SimpleNamespace) -> Finding:
    beside = " ".join(
        f"--{name}-speakers {number}"
        for name, number in (("min", asked.min_speakers), ("max", asked.max_speakers))
        if number is not None
    )
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=Text(
            f"--speakers {asked.speakers} says how many speakers there are, and {beside} says otherwise.",
            f"--speakers {asked.speakers} は話者の人数そのものの指定で、{beside} と矛盾しています。",
        ),
        remedies=(
            Remedy(Text("Where the number is known", "人数がわかる場合"), f"--speakers {asked.speakers}"),
            Remedy(Text("Where it is not", "人数がわからない場合"), beside),
        ),
    )


def _not_a_pair(given: list[str]) -> Finding:
    return Finding(
        id="usage",
        severity="error",
        area="usage",
        cause=Text(
            "--known-speaker is a name, = and a recording, each name once.",
            "--known-speaker は「名前=録音ファイル」の形で、名前ごとに1回だけ指定します。",
        ),
        evidence=tuple(f"--known-speaker {one}" for one in given),
        remedies=(
            Remedy(Text("Like this", "指定例"), "--known-speaker Hanako=hanako.wav --known-speaker Ken=ken.wav"),
        ),
    )

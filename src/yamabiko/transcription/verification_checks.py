"""What a trial of an engine measured, as checks. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy

from yamabiko.bundled import Clip
from yamabiko.engines.contract import Card, Profile
from yamabiko.engines.profile_choice import fits
from yamabiko.formats.text import one_line
from yamabiko.gpu_marks import GpuMarks
from yamabiko.i18n import Text
from yamabiko.speech import SAMPLE_RATE, VERDICTS, Receipt, Segment, Span, Transcript, Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

HIGHEST_ERROR_RATE = 0.3
"""
Of the characters of a clip. Whisper base reads our clips with far fewer errors; a model that is damaged, or runs in
a precision that the device computes wrongly, gives other words altogether.
"""
CLOCK_TOLERANCE_S = 0.1
"""How far a segment may reach past the end: Whisper's clock ticks every 20 ms, and a chunk is padded."""
LOUD = 10 ** (-30 / 20)
"""In a clip without background, windows within 30 dB of the loudest one are speech, whatever a speech finder says."""
LOWEST_COVERAGE = 0.98


@dataclass(frozen=True, slots=True)
class Check:
    name: Text
    ok: bool
    evidence: Text
    """What was measured, with the value."""


def speaks(card: Card, language: str) -> bool:
    return isinstance(card.languages, str) or language in card.languages


def transcript_checks(card: Card, clip: Clip, transcript: Transcript) -> list[Check]:
    """Text, language and times of one clip."""
    lang = clip.language
    if card.model_format is None or not speaks(card, lang):  # nobody can know its text
        answered = Text(f"“{one_line(transcript.text)}”", f"「{one_line(transcript.text)}」")
        return [Check(Text("answer", "応答"), bool(transcript.text), answered), _times_check(lang, transcript)]
    rate = error_rate(clip.text, transcript.text)
    heard, known = one_line(transcript.text), one_line(clip.text)
    checks = [
        Check(
            Text(f"text ({lang})", f"文字（{lang}）"),
            rate <= HIGHEST_ERROR_RATE,
            Text(
                f"{rate:.1%} of the characters wrong, {HIGHEST_ERROR_RATE:.0%} allowed: heard “{heard}”"
                + (f", said “{known}”" if rate else ""),
                f"文字誤り率 {rate:.1%}（上限 {HIGHEST_ERROR_RATE:.0%}）: 結果「{heard}」"
                + (f"、正解「{known}」" if rate else ""),
            ),
        )
    ]
    if transcript.language_probability is not None:
        sure = f"{transcript.language} ({transcript.language_probability:.2f})"
        name = Text(f"language ({lang})", f"言語（{lang}）")
        checks.append(Check(name, transcript.language == lang, Text(f"detected {sure}", f"判定結果 {sure}")))
    return [*checks, _times_check(lang, transcript)]


def _times_check(lang: str, transcript: Transcript) -> Check:
    length_s = transcript.duration_s
    segments = transcript.segments
    inside = all(0 <= s.start_s <= s.end_s <= length_s + CLOCK_TOLERANCE_S for s in segments)
    ordered = all(a.start_s <= b.start_s for a, b in pairwise(segments))
    shown = ", ".join(f"{s.start_s:.2f}-{s.end_s:.2f}" for s in segments[:4]) or "no segments"
    return Check(
        Text(f"times ({lang})", f"時刻（{lang}）"),
        bool(segments) and inside and ordered,
        Text(f"{shown} s, of {length_s:.2f} s", f"全体 {length_s:.2f} 秒のうち {shown} 秒"),
    )


def coverage_check(lang: str, sound: NDArray[Any], found: tuple[Span, ...] | ValueError) -> Check:
    """The loud windows of a clean clip lie inside the spans. `sound`: float32, mono, 16 kHz."""
    name = Text(f"speech ({lang})", f"話し声（{lang}）")
    if isinstance(found, ValueError):
        return Check(name, False, Text(str(found), f"応答が不正です: {found}"))
    inside = numpy.zeros(sound.size, bool)
    for span in found:
        inside[span.start_sample : span.end_sample] = True
    step = SAMPLE_RATE // 50
    whole = sound.size // step * step
    level = numpy.sqrt(numpy.mean(numpy.square(sound[:whole].reshape(-1, step)), axis=1))
    loud = numpy.greater(level, level.max(initial=0.0) * LOUD)
    covered = numpy.all(inside[:whole].reshape(-1, step), axis=1)
    share = float(covered[loud].mean()) if loud.any() else 0.0
    at = ", ".join(f"{span.start_s:.2f}-{span.end_s:.2f}" for span in found[:4]) or "-"
    return Check(
        name,
        share >= LOWEST_COVERAGE,
        Text(
            f"{share:.1%} of the loud parts are inside what it calls speech ({at} s)",
            f"音の大きい部分の {share:.1%} を話し声と判定（{at} 秒）",
        ),
    )


def speakers_check(turns: Sequence[Turn], borders_s: Sequence[float]) -> Check:
    """Between each two borders one person speaks, who is nobody of before."""
    heard = []
    for start_s, end_s in pairwise(borders_s):
        shares: dict[str, float] = {}
        for turn in turns:
            shared_s = min(end_s, turn.end_s) - max(start_s, turn.start_s)
            if shared_s > 0:
                shares[turn.speaker] = shares.get(turn.speaker, 0.0) + shared_s
        heard.append(max(shares, key=lambda speaker: shares[speaker]) if shares else None)
    people = {turn.speaker for turn in turns}
    at = ", ".join(f"{turn.start_s:.2f}-{turn.end_s:.2f} {turn.speaker}" for turn in turns[:6]) or "-"
    return Check(
        Text("speakers", "話者"),
        None not in heard and len(set(heard)) == len(heard) == len(people),
        Text(
            f"{len(people)} people told apart in a recording of {len(heard)} ({at})",
            f"{len(heard)} 人の録音で {len(people)} 人を区別（{at}）",
        ),
    )


def words_check(aligned: Sequence[tuple[Clip, Sequence[Segment] | None]]) -> Check:
    """At least one text could be laid over its sound, and its words lie in it, in order."""
    told, well = [], True
    for clip, segments in aligned:
        words = [word for segment in segments or () for word in segment.words]
        if not words:
            continue
        times = [time for word in words for time in (word.start_s, word.end_s)]
        well = well and times == sorted(times) and times[-1] <= clip.seconds + CLOCK_TOLERANCE_S
        sure = sum(word.probability or 0.0 for word in words) / len(words)
        told.append(f"{clip.language}: {len(words)} ({times[0]:.2f}-{times[-1]:.2f} s, {sure:.0%})")
    said = "; ".join(told) or "-"
    return Check(
        Text("words", "単語"),
        well and bool(told),
        Text(f"words timed, how surely: {said}", f"時刻を付けた単語の数と確かさ: {said}"),
    )


def silence_check(silence_s: float, found: tuple[Span, ...] | ValueError) -> Check:
    name = Text("silence", "無音")
    if isinstance(found, ValueError):
        return Check(name, False, Text(str(found), f"応答が不正です: {found}"))
    heard_s = sum(span.duration_s for span in found)
    return Check(
        name,
        not found,
        Text(
            f"{heard_s:.1f} s of speech found in {silence_s:.0f} s of silence",
            f"{silence_s:.0f} 秒の無音のうち話し声と判定したのは {heard_s:.1f} 秒",
        ),
    )


def device_check(receipts: Sequence[Receipt], device: str, profile: Profile, marks: GpuMarks) -> Check:
    """
    It ran where it was asked to, or, asked for nothing, where this environment is for on this machine.

    *Not proved* passes, and is said: the platform hides what would prove it.
    """
    refuted = next((r for r in receipts if r.verdict == "refuted"), None)
    told = refuted or receipts[-1]
    gpus = tuple(kind for kind in profile.devices if kind not in ("cpu", "auto"))
    gpu_wanted = device not in ("auto", "cpu") or (device == "auto" and bool(gpus) and fits(profile, marks))
    wrong_place = any(r.used_device.startswith(gpus or "cuda") != gpu_wanted for r in receipts)
    seen = "; ".join(f"{e.kind}: {e.value}" for e in told.evidence if e.says is not None) or "no evidence"
    where = f"{told.used_device} {told.used_compute_type}"
    english, japanese = f"{where}, {told.verdict} ({seen})", f"{where}、{VERDICTS[told.verdict].ja}（{seen}）"
    if gpu_wanted and wrong_place:
        english, japanese = f"a GPU was wanted; {english}", f"GPUで動くはずでした。{japanese}"
    elif gpus and not gpu_wanted:
        english += f"; on a GPU it was not tried ({marks.evidence})"
        japanese += f"。GPUでは試していません（{marks.evidence}）"
    return Check(Text("device", "デバイス"), refuted is None and not wrong_place, Text(english, japanese))


def error_rate(said: str, heard: str) -> float:
    """
    Edits from `said` to `heard` a character of `said`, letters and digits alone: NFKC, no case, no punctuation.

    Raises: ValueError, if nothing was said.
    """
    wanted, found = normalised(said), normalised(heard)
    if not wanted:
        raise ValueError("no letters to compare with")
    return edits(wanted, found) / len(wanted)


def normalised(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LNM")


def edits(one: str, other: str) -> int:
    """Levenshtein distance: insertions, deletions, substitutions."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]

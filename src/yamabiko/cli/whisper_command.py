"""
`yamabiko-whisper`: openai-whisper's command, its files and its lines, so that scripts that call `whisper` go on working.

A file that fails is skipped, as there, and the run ends with 0; the Finding that says why stands on standard error.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from yamabiko import settings
from yamabiko.cli import asked as words
from yamabiko.cli import exits, screen, whisper_options
from yamabiko.cli.leaving import guarded
from yamabiko.engines import catalog
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

if TYPE_CHECKING:
    from yamabiko.formats import Layout
    from yamabiko.scheduling.pool import Pool
    from yamabiko.transcription.clips import Clip
    from yamabiko.transcription.mending import Mending
    from yamabiko.transcription.pipeline import Request

ENGINE = "YAMABIKO_WHISPER_ENGINE"
"""The environment's name for another engine: the command line has openai-whisper's options alone."""


def run() -> None:
    """The console script."""
    sys.exit(guarded(lambda: _obey(sys.argv[1:])))


def _obey(typed: Sequence[str]) -> int:
    """Raises: Problem, for what concerns every file; SystemExit, from the parser."""
    return _Run(whisper_options.read(typed)).go()


class _Run:
    """One call: several recordings, one pool of workers."""

    def __init__(self, given: Namespace) -> None:
        from yamabiko.cli.whisper_lines import Output

        self.given = given
        self.console = screen.make_console()
        self.output = Output(self.console)
        self.settings = settings.current()
        self.asked = _asked(given)
        self.clips = _clips(given.clip_timestamps)
        self.layout = _layout(given)

    def go(self) -> int:
        """The exit code. Raises: Problem, for what concerns every file."""
        from yamabiko.cli.outputs import make_ready
        from yamabiko.formats.openai_whisper import NAMES
        from yamabiko.scheduling.pool import Pool
        from yamabiko.scheduling.setup import check

        self.names = NAMES if self.given.output_format == "all" else (self.given.output_format,)
        for note in (*whisper_options.notes(self.given), *self._notes()):
            screen.say(self.console, Text(f"warning: {note.en}", f"注意: {note.ja}"))
        check(words.wish(self.asked), self.settings, words.transcribe_options(self.asked))
        make_ready(Path(self.given.output_dir))
        self.request: Request | None = None
        with ExitStack() as stack:
            self.setup = stack.enter_context(screen.Setup(self.console))
            pool = stack.enter_context(Pool(self.settings))
            mending = self._mending()
            for recording in self.given.audio:
                self._one(recording, pool, mending)
        return exits.OK if self.output.lost is None else exits.BY_AREA[self.output.lost.area]

    def _notes(self) -> tuple[Text, ...]:
        found = []
        if self.given.model_dir and self.asked.model == self.given.model:
            kept = self.settings.cache_dir / "models"
            found.append(
                Text(
                    f"--model_dir holds no folder {self.given.model}, and nothing is saved there: models are in {kept}",
                    f"--model_dir に {self.given.model} のフォルダーがありません。モデルの保存先は {kept} です",
                )
            )
        targets = Counter(str(self._target(recording, "")) for recording in dict.fromkeys(self.given.audio))
        for target in (name for name, count in targets.items() if count > 1):
            found.append(
                Text(
                    f"several recordings have the results {target}*: the last replaces the others",
                    f"複数の録音の出力名が {target}* で同じです。最後の結果が残ります",
                )
            )
        return tuple(found)

    def _mending(self) -> Mending:
        from yamabiko.transcription.mending import Mending

        return Mending(self.settings, self.setup.report, allowed=True)

    def _one(self, recording: str, pool: Pool, mending: Mending) -> None:
        """Raises: Problem, where no engine or model can be had: then no file can be done."""
        from yamabiko.cli.inputs import trouble

        finding = trouble(recording) or self._in_the_way(recording)
        if finding is None:
            if self.request is None:
                self.request = self._prepared()
            try:
                self._transcribe(recording, self.request, pool, mending)
            except Problem as problem:
                finding = problem.finding
        if finding is not None:
            screen.show_finding(self.console, finding, recording)
            self.output.line(f"Skipping {recording} due to {finding.id}: {finding.cause}")

    def _prepared(self) -> Request:
        from dataclasses import replace

        request = words.request(self.asked, self.settings, self.setup.report)
        for notice in request.outfit_notices:
            screen.show_finding(self.console, notice)
        options = replace(
            request.options,
            prepend_punctuations=self.given.prepend_punctuations,
            append_punctuations=self.given.append_punctuations,
            hallucination_silence_threshold=self.given.hallucination_silence_threshold,
        )
        return replace(request, options=options, clips=self.clips, readable_words=False)

    def _transcribe(self, recording: str, request: Request, pool: Pool, mending: Mending) -> None:
        """Raises: Problem."""
        from yamabiko.cli.whisper_lines import Lines
        from yamabiko.formats import openai_whisper
        from yamabiko.formats.output import put
        from yamabiko.transcription.pipeline import forget

        source = Path(recording)
        verbose = self.given.verbose
        with screen.Bars(self.console, [1], quiet=verbose) as bars:
            bars.begin_file(0, source.name)
            lines = Lines(self.console, self.output, bars, source.name, verbose=verbose)
            transcript = mending.transcribe(source, request, pool, lines)
        lines.rest(transcript)
        found = openai_whisper.result(
            transcript, word_timestamps=self.given.word_timestamps, language=self.asked.said_language
        )
        for name in self.names:
            put(openai_whisper.render(name, found, self.layout), self._target(recording, name))
        forget(source, request, self.settings)
        screen.say(self.console, f"{source.name}: {screen.receipt_line(transcript)}")

    def _target(self, recording: str, name: str) -> Path:
        """As openai-whisper names it: the recording's name without its last ending, in the folder for results."""
        stem = os.path.splitext(os.path.basename(recording))[0]
        return Path(self.given.output_dir, f"{stem}.{name}")

    def _in_the_way(self, recording: str) -> Finding | None:
        """A recording is never replaced by a result, whatever both are called."""
        inputs = {os.path.realpath(one) for one in self.given.audio}
        taken = next(
            (path for name in self.names if os.path.realpath(path := self._target(recording, name)) in inputs), None
        )
        if taken is None:
            return None
        return Finding(
            id="output-is-input",
            severity="error",
            area="output",
            cause=Text(
                f"The result {taken} would replace a recording of that name.",
                f"結果の {taken} が、同じ名前の録音を上書きしてしまいます。",
            ),
            evidence=(f"{taken}: a recording of this run",),
            remedies=(Remedy(Text("Write to another folder", "別のフォルダーに書き出す"), "--output_dir FOLDER"),),
        )


def _asked(given: Namespace) -> SimpleNamespace:
    """
    In the words of `yamabiko transcribe`, whose rooms do the work. Raises: Problem (usage).

    `said_language`: what results repeat, None where it is to be found.
    """
    language = "en" if given.model.endswith(".en") and given.language != "English" else given.language
    values = SimpleNamespace(
        engine=os.environ.get(ENGINE) or catalog.DEFAULT_ENGINE,
        model=_model(given),
        trust_pickle=False,
        trust_model=True,  # no option can say that a folder is one's own; whoever names one means it
        language=language or "auto",
        said_language=language,
        task=given.task,
        device=given.device or "auto",
        compute_type="auto",
        fp16=given.fp16,
        require_gpu=False,
        fallback=True,
        threads=given.threads or 0,
        batch_size=1,
        install=True,
        word_timestamps=given.word_timestamps,
        initial_prompt=given.initial_prompt,
        carry_initial_prompt=True,  # `notes` says so where it makes a difference
        suppress_tokens=given.suppress_tokens,
        hotwords=None,
        beam_size=given.beam_size or 1,
        best_of=given.best_of or 1,
        patience=1.0 if given.patience is None else given.patience,
        length_penalty=1.0 if given.length_penalty is None else given.length_penalty,
        temperature=given.temperature,
        temperature_increment=given.temperature_increment_on_fallback or 0.0,
        compression_ratio_threshold=given.compression_ratio_threshold,
        logprob_threshold=given.logprob_threshold,
        no_speech_threshold=given.no_speech_threshold,
        condition_on_previous_text=given.condition_on_previous_text,
        vad_filter=True,
        vad_threshold=None,
        vad_min_silence_duration_ms=None,
        vad_speech_pad_ms=None,
        guard=False,  # what whisper writes, no more and no less; and no option of its could say otherwise
        align=None,
        diarize=False,
        speakers=None,
        min_speakers=None,
        max_speakers=None,
        known_speaker=[],
        speaker_engine=None,
        speaker_model=None,
        output_format="txt",
        highlight_words=given.highlight_words,
        max_words_per_line=given.max_words_per_line or None,
    )
    return words.settled(values)


def _model(given: Namespace) -> str:
    """The folder of that name in `--model_dir`, where there is one."""
    folder = os.path.join(given.model_dir or "", given.model)
    return os.path.abspath(folder) if given.model_dir and os.path.isdir(folder) else str(given.model)


def _layout(given: Namespace) -> Layout:
    from yamabiko.formats import Layout

    return Layout(
        given.max_line_width or None, given.max_line_count or None, given.max_words_per_line or None,
        given.highlight_words,
    )  # fmt: skip


def _clips(times: Sequence[float]) -> tuple[Clip, ...]:
    """Pairs of a start and an end; the last may lack its end."""
    from yamabiko.transcription.clips import Clip

    if tuple(times) in ((), (0.0,)):
        return ()
    ends: list[float | None] = [*times[1::2]]
    return tuple(Clip(start, end) for start, end in zip(times[::2], [*ends, *([None] * (len(times) % 2))], strict=True))

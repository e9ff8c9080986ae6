"""One call of `transcribe`: what is done with each recording, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import typer

from yamabiko import logs, settings
from yamabiko.cli import asked, exits, screen, speakers
from yamabiko.cli.watching import Watcher
from yamabiko.findings import Finding, Problem
from yamabiko.i18n import Text
from yamabiko.speech import Transcript

if TYPE_CHECKING:
    from yamabiko.cli.outputs import Ledger, Plan
    from yamabiko.formats import Layout
    from yamabiko.scheduling.pool import Pool
    from yamabiko.scheduling.setup import Report
    from yamabiko.transcription.mending import Mending
    from yamabiko.transcription.pipeline import Request


LOOK_S = 0.25
"""How often whoever waits for another run looks whether that is done."""
_AGAIN = Text("--overwrite does it again", "やり直すには --overwrite")


@dataclass(slots=True)
class _Tally:
    done: int = 0
    skipped: int = 0
    failures: list[Finding] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Names of the recordings that failed."""
    audio_s: float = 0.0
    work_s: float = 0.0
    used: dict[str, None] = field(default_factory=dict)
    """Devices with their verdicts, as the receipts named them."""

    def add(self, transcript: Transcript) -> None:
        self.done += 1
        if not transcript.receipt.chunks_resumed:  # what an earlier run did says nothing about the speed of this one
            self.audio_s += transcript.duration_s
            self.work_s += transcript.receipt.timings.total_s
        if transcript.receipt.used_device != "none" or not self.used:  # of silence nothing is worth saying beside work
            self.used[screen.used(transcript.receipt)] = None
            self.used = {u: None for u in self.used if u != str(screen.NO_ENGINE)} or self.used


@dataclass(frozen=True, slots=True)
class _Tools:
    """What every file of a batch is done with."""

    request: Request
    layout: Layout
    ledger: Ledger
    pool: Pool
    bars: screen.Bars
    mending: Mending


class Batch:
    """One call of the command: several recordings, one pool of workers."""

    def __init__(self, values: SimpleNamespace) -> None:
        """`values`: the command line's, settled, under the names of `command`'s parameters."""
        self.asked = values
        self.alone = False
        """One recording, one format: what is printed needs no heading."""
        self.console = screen.make_console()
        self.settings = settings.current()
        if values.verbose:
            logs.show_on_stderr()

    def run(self) -> int:
        """The exit code. Raises: Problem, for what concerns every file."""
        from yamabiko import formats
        from yamabiko.cli.inputs import gather
        from yamabiko.cli.outputs import Ledger, Rule, plan
        from yamabiko.cli.shaping import shaping
        from yamabiko.scheduling.pool import Pool
        from yamabiko.scheduling.setup import check

        names = formats.names(self.asked.output_format)
        speakers.check(self.asked)
        if self.asked.align:
            asked.aligner_model(self.asked)
        layout = asked.layout(self.asked)
        transcribe_options = asked.transcribe_options(self.asked)
        # A mistake is told even where every file is finished.
        check(asked.wish(self.asked), self.settings, transcribe_options)
        recordings, problems = gather(self.asked.files, recursive=self.asked.recursive)
        for problem in problems:
            screen.show_finding(self.console, problem)
        ledger = Ledger(self.settings.state_dir / "outputs")
        rule = Rule(shaping(self.asked), self.asked.overwrite, self.asked.require_gpu)
        plans = plan(recordings, names, self.asked.output_dir, ledger, rule)
        self.alone = len(recordings) + len(problems) == 1 and len(names) == 1
        tally = _Tally(failures=list(problems))
        with Pool(self.settings) as pool:
            if any(not plan.finished and plan.recording.trouble is None for plan in plans):
                with screen.Setup(self.console, self.asked.quiet) as setup:
                    request = asked.request(self.asked, self.settings, setup.report)
                for notice in request.outfit_notices:  # of the machine, and of no recording
                    screen.show_finding(self.console, notice)
                self._work(plans, request, layout, ledger, pool, tally)
            else:
                for one in plans:
                    self._done_or_hopeless(one, tally)
        self._last_line(tally, len(plans) + len(problems))
        return exits.code_for(tally.failures, len(plans) + len(problems))

    # ---- the work ----------------------------------------------------------------------------------------------

    def _work(
        self, plans: Sequence[Plan], request: Request, layout: Layout, ledger: Ledger, pool: Pool, tally: _Tally
    ) -> None:
        from yamabiko.transcription.mending import Mending

        weights = [_size(plan.recording.path) for plan in plans]
        try:
            with screen.Bars(self.console, weights, self.asked.quiet) as bars:
                mending = Mending(self.settings, self._setting_up(bars), allowed=self.asked.install)
                tools = _Tools(request, layout, ledger, pool, bars, mending)
                for number, plan in enumerate(plans):
                    bars.begin_file(number, plan.recording.path.name)
                    skipped = self._one(plan, tools, tally)
                    bars.end_file(skipped=skipped)
        except KeyboardInterrupt:
            self._interrupted(tally, len(plans))
            raise typer.Exit(exits.INTERRUPTED) from None

    def _setting_up(self, bars: screen.Bars) -> Report:
        """Tells what is being made anew while a file waits for it: a line, then the file's bar."""
        said: set[str] = set()

        def report(what: Text, done: int, total: int) -> None:
            if str(what) not in said:
                said.add(str(what))
                screen.say(self.console, f"{what} ...")
            bars.update(what, 0.0, 0.0, None)

        return report

    def _one(self, plan: Plan, tools: _Tools, tally: _Tally) -> bool:
        """Whether nothing was left to do for it."""
        from yamabiko.cli.outputs import claimed
        from yamabiko.transcription.pipeline import forget

        source = plan.recording.path
        if self._done_or_hopeless(plan, tally):
            return True
        try:
            with claimed(plan, tools.ledger, self._waiting(source.name, tools.bars)) as now:
                if now.finished:
                    self._skip(now, tally)
                    return True
                transcript, written = self._write(now, tools)
        except Problem as problem:
            self._failed(problem.finding, source.name, tally)
            return False
        forget(source, tools.request, self.settings)
        tally.add(transcript)
        try:
            self._show(now, written, transcript, tools.layout)
        except Problem as problem:  # the files are written; standard output took no more
            screen.show_finding(self.console, problem.finding, source.name)
            tally.failures.append(problem.finding)
        return False

    def _waiting(self, name: str, bars: screen.Bars) -> Callable[[], None]:
        """While another run is at the same recording: a line, also where little is said, and then the file's bar."""
        said = False

        def wait() -> None:
            nonlocal said
            if not said:
                screen.say(
                    self.console,
                    Text(
                        f"{name}: another run is at it; waiting until that one is done (Ctrl-C ends the wait)",
                        f"{name}: 別の yamabiko が処理中のため、終わるのを待っています（Ctrl-C で中止）",
                    ),
                )
            said = True
            bars.update(Text("waiting for another run", "別の実行の終了待ち"), 0.0, 0.0, None)
            time.sleep(LOOK_S)

        return wait

    def _done_or_hopeless(self, plan: Plan, tally: _Tally) -> bool:
        """Tells what needs no engine."""
        if plan.finished:
            self._skip(plan, tally)
        elif plan.recording.trouble is not None:
            self._failed(plan.recording.trouble, plan.recording.path.name, tally)
        return plan.finished or plan.recording.trouble is not None

    def _failed(self, finding: Finding, name: str, tally: _Tally) -> None:
        screen.show_finding(self.console, finding, name)
        tally.failures.append(finding)
        tally.failed.append(name)

    def _write(self, plan: Plan, tools: _Tools) -> tuple[Transcript, dict[str, Path]]:
        """The transcript, and by format the files that it now stands in. Raises: Problem."""
        from yamabiko import formats
        from yamabiko.cli.outputs import make_ready, place
        from yamabiko.cli.shaping import once_written, to_type_again

        source = plan.recording.path
        over = self.asked.overwrite  # then it stands in the command already, or the command always does it
        watcher = Watcher(
            self.console, tools.bars, source.name, verbose=self.asked.verbose,
            as_typed=(lambda notice: notice) if over else once_written,
        )  # fmt: skip
        for folder in {plan.targets[name].parent for name in plan.to_write}:
            make_ready(folder)
        transcript = tools.mending.transcribe(source, tools.request, tools.pool, watcher)
        transcript = transcript if over else to_type_again(transcript)
        written = {}
        for name in plan.to_write:
            path = place(plan, name, tools.ledger)
            formats.write(transcript, name, path, tools.layout)
            tools.ledger.record(path, source, plan.rule.settings)
            written[name] = path
        return transcript, written

    def _show(self, plan: Plan, written: dict[str, Path], transcript: Transcript, layout: Layout) -> None:
        from yamabiko import formats

        if plan.foreign:
            paths = ", ".join(map(str, plan.foreign))
            left = Text(f"left alone, it is not ours: {paths}", f"他で作られたか編集されたため変更しません: {paths}")
            screen.say(self.console, f"{left} ({_ways_out(plan)})")
        if plan.otherwise:
            names, how = ", ".join(path.name for path in plan.otherwise), _otherwise(plan)
            screen.say(self.console, f"{names}: {how} ({_AGAIN})")
        for name, path in written.items():
            if path != (meant := plan.targets[name]):
                screen.say(
                    self.console,
                    Text(
                        f"left alone, {meant} appeared while we worked; the result stands in {path}",
                        f"処理中に {meant} が作られたため変更せず、結果を {path} に書き出しました",
                    ),
                )
        if self.asked.print:
            for name, path in plan.targets.items():
                self._print(written.get(name, path), formats.render(transcript, name, layout))
        if not self.asked.quiet:
            names = ", ".join(map(str, written.values()))
            screen.say(self.console, Text(f"wrote {names}", f"書き出しました: {names}"))
            screen.say(self.console, f"{plan.recording.path.name}: {screen.receipt_line(transcript)}")

    def _print(self, path: Path, text: str) -> None:
        """A result on standard output, under its name where there are several."""
        screen.print_result(text if self.alone else f"==> {path.name} <==\n{text}\n")

    def _skip(self, plan: Plan, tally: _Tally) -> None:
        tally.skipped += 1
        if self.asked.print:
            for path in plan.targets.values():
                if path not in plan.foreign and path.is_file():
                    self._print(path, path.read_text("utf-8", "replace"))
        if self.asked.quiet:  # the last line counts them
            return
        screen.say(self.console, f"{plan.recording.path.name}: {_why_skipped(plan)} ({_ways_out(plan)})")

    # ---- the end -----------------------------------------------------------------------------------------------

    def _interrupted(self, tally: _Tally, files: int) -> None:
        screen.say(
            self.console,
            Text(
                f"Stopped. {_finished(tally.done, files)}; the same command goes on from here.",
                f"中断しました。{files} 件中 {tally.done} 件が完了しています。同じコマンドで続きから再開します。",
            ),
        )

    def _last_line(self, tally: _Tally, files: int) -> None:
        """With several files, the sum of their receipts; the device, the verdict and the speed stand here too."""
        if files <= 1 and not self.asked.quiet:
            return
        if tally.failed:
            screen.say(self.console, f"{Text('failed', '失敗')}: {', '.join(tally.failed)}")
        parts = [
            str(
                Text(
                    f"{tally.done} done, {tally.skipped} skipped, {len(tally.failures)} failed",
                    f"完了 {tally.done}、スキップ {tally.skipped}、失敗 {len(tally.failures)}",
                )
            )
        ]
        if tally.audio_s > 0:
            parts.append(f"RTF {tally.work_s / tally.audio_s:.3f}")
        parts += tally.used
        screen.say(self.console, " · ".join(parts))


def _finished(done: int, files: int) -> str:
    if not done:
        return "No file is finished yet" if files > 1 else "The file is not finished yet"
    return f"{done} of {files} files {'is' if done == 1 else 'are'} done and {'stays' if done == 1 else 'stay'}"


def _why_skipped(plan: Plan) -> Text:
    done = _otherwise(plan) if plan.other_settings else Text("done already", "処理済みです")
    if not plan.foreign:
        return done
    names = ", ".join(path.name for path in plan.foreign)
    if len(plan.foreign) == len(plan.targets):
        return Text(
            f"results are there already, made by something else or edited since: {names}",
            f"結果のファイルがすでにあります（yamabiko が作成したものではないか、変更されています）: {names}",
        )
    return Text(
        f"{done.en}, but for what something else made or somebody edited: {names}",
        f"{done.ja}。ただし次のファイルは yamabiko が作成したものではないか、変更されています: {names}",
    )


def _ways_out(plan: Plan) -> Text:
    """For who wants the result all the same: what is not ours is named, so that nobody loses it unawares."""
    if not plan.foreign:
        return _AGAIN
    names = ", ".join(path.name for path in plan.foreign)
    return Text(
        f"--output_dir FOLDER writes elsewhere; --overwrite does it again and replaces {names}",
        f"別の場所に書き出すには --output_dir フォルダー。--overwrite はやり直して {names} を置き換えます",
    )


def _otherwise(plan: Plan) -> Text:
    """Why what is there is left, though something else is asked for now."""
    from yamabiko.cli.shaping import differences

    how = differences(plan.other_settings or "", plan.rule.settings)
    if not how.en:
        return Text("done already, with other settings", "別の設定で処理済みです")
    return Text(f"done already, then {how.en}", f"別の設定で処理済みです: {how.ja}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

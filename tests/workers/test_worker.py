"""
A real worker process and every way it can end: what the server learns of it, and what is left behind.

Time limits are tiny only for the phase that a test stalls in, so that a slow machine fails nothing else.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from yamabiko import children
from yamabiko.engines.contract import Placement
from yamabiko.settings import Settings
from yamabiko.speech import TranscribeOptions
from yamabiko.workers.exits import WorkerFailed
from yamabiko.workers.launch import Launch
from yamabiko.workers.messages import ChunkDone, Done, SegmentFound
from yamabiko.workers.process import Worker

pytestmark = [
    pytest.mark.usefixtures("no_children_left"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups are POSIX"),
]
OPTIONS = TranscribeOptions()
DEADLY = ["SIGSEGV", "SIGABRT", "SIGILL", "SIGKILL", "SIGBUS", "SIGFPE"]


def texts(messages) -> list[str]:
    return [message.segment.text for message in messages if isinstance(message, SegmentFound)]


def failure_of(work):
    """The WorkerExit that `work` ends in."""
    with pytest.raises(WorkerFailed) as caught:
        work()
    return caught.value.exit


def ask(worker: Worker, recording, heard: list | None = None) -> list:
    """All chunks of the recording; what came before a failure is in `heard`."""
    audio, chunks = recording
    heard = [] if heard is None else heard
    for message in worker.transcribe(audio, chunks, OPTIONS):
        heard.append(message)
    return heard


# ---- it answers -----------------------------------------------------------------------------------------------------


def test_a_worker_says_what_it_heard_chunk_by_chunk_and_ends_with_what_it_saw(start_worker, recording):
    worker = start_worker()
    ready = worker.load("", 0)
    messages = ask(worker, recording)

    kinds = [type(message) for message in messages]
    assert kinds == [SegmentFound, ChunkDone] * 5 + [Done]
    assert [message.index for message in messages[:-1]] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert len(set(texts(messages))) == 5
    assert texts(messages)[4].startswith("[0.88 s, ")  # 14000 samples
    assert ready.loaded.device == "cpu"
    assert {e.kind for e in messages[-1].evidence} >= {"introspection", "device-files", "libraries", "cpu-time"}


def test_the_same_sound_gets_the_same_text_from_another_worker(start_worker, recording):
    answers = []
    for _ in range(2):
        worker = start_worker()
        worker.load("", 0)
        answers.append(texts(ask(worker, recording)))

    assert answers[0] == answers[1]


def test_two_workers_answer_at_once(start_worker, script, recording):
    workers = [start_worker(), start_worker()]
    for worker, says in zip(workers, ("left {seconds:.2f}", "right {seconds:.2f}"), strict=True):
        worker.load(script(says=says), 0)
    audio, chunks = recording

    pairs = zip(*(worker.transcribe(audio, chunks, OPTIONS) for worker in workers), strict=True)

    said = [texts(both) for both in pairs]
    assert said[0] == ["left 0.25", "right 0.25"]
    assert sum(map(len, said)) == 10


def test_no_text_is_an_answer_for_the_worker(start_worker, script, recording):
    """Whether nothing was said or the engine failed to hear it is for others to judge."""
    worker = start_worker()
    worker.load(script({"at": "chunk", "skip": 1, "times": 1, "do": "silence"}), 0)

    messages = ask(worker, recording)

    assert [message.index for message in messages if isinstance(message, SegmentFound)] == [0, 2, 3, 4]
    assert [message.index for message in messages if isinstance(message, ChunkDone)] == [0, 1, 2, 3, 4]


def test_language_is_asked_for_by_span(start_worker, script, recording):
    worker = start_worker()
    worker.load(script(language="ja"), 0)
    audio, chunks = recording

    detected = worker.detect_language(audio, chunks[0])

    assert (detected.language, detected.probability) == ("ja", 1.0)


def test_a_cancelled_request_stops_early_and_the_next_one_is_answered(start_worker, script, recording):
    worker = start_worker()
    worker.load(script({"at": "answered", "times": 1, "do": "stall", "seconds": 0.3}), 0)
    audio, chunks = recording
    messages = worker.transcribe(audio, chunks, OPTIONS)
    next(messages)

    worker.interrupt()
    rest = list(messages)

    assert isinstance(rest[-1], Done)
    assert rest[-1].cancelled
    assert len(rest) < 10
    assert len(texts(ask(worker, recording))) == 5


# ---- it floods ------------------------------------------------------------------------------------------------------


def test_a_flood_of_output_stops_nothing_and_its_last_words_are_kept(start_worker, script, recording):
    worker = start_worker()
    flood = {"at": "chunk", "times": 1, "do": "flood", "megabytes": 50}
    end = {"at": "chunk", "skip": 1, "times": 1, "do": "raise", "words": "the newest words"}
    worker.load(script(flood, end), 0)
    heard: list = []

    exit_ = failure_of(lambda: ask(worker, recording, heard))

    assert len(texts(heard)) == 1
    worker.kill()
    assert worker._words.lines(wait_s=10)[-1] == "the newest words"
    assert worker._words.total_bytes > 50_000_000
    assert sum(map(len, exit_.last_words)) <= 64 * 1024


# ---- it raises ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "phase"), [("load", "load"), ("chunk", "first answer")])
def test_what_an_engine_raises_is_reported_with_its_trace_and_the_worker_lives(
    start_worker, script, recording, at, phase
):
    worker = start_worker()
    model = script(
        {"at": at, "times": 1, "do": "raise", "message": "CUDA failed with error 未知", "words": "on stderr"}
    )

    exit_ = failure_of(lambda: (worker.load(model, 0), ask(worker, recording)))

    assert (exit_.kind, exit_.phase, exit_.ending) == ("raised", phase, None)
    assert (exit_.raised_kind, exit_.message) == ("RuntimeError", "CUDA failed with error 未知")
    assert any("_do_raise" in line for line in exit_.trace)
    assert worker.alive
    worker.load(model, 0)
    assert len(texts(ask(worker, recording))) == 5


def test_an_audio_file_that_is_gone_is_raised_not_died_of(start_worker, recording):
    worker = start_worker()
    worker.load("", 0)

    exit_ = failure_of(lambda: ask(worker, (Path("/nowhere.f32"), recording[1])))

    assert (exit_.kind, exit_.raised_kind) == ("raised", "FileNotFoundError")
    assert worker.alive


def test_an_unknown_engine_is_raised(no_children_left):
    worker = Worker(Launch("no-such-engine", Path(sys.executable), False, Placement("cpu", "int8")), Settings())
    try:
        exit_ = failure_of(lambda: worker.load("", 0))
    finally:
        worker.kill()

    assert (exit_.kind, exit_.raised_kind) == ("raised", "Problem")


# ---- it falls silent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cue", "limit", "phase", "answered"),
    [
        ({"at": "load"}, "worker_load_s", "load", 0),
        ({"at": "chunk"}, "worker_first_answer_s", "first answer", 0),
        ({"at": "chunk", "skip": 2}, "worker_silence_s", "answers", 2),
    ],
)
def test_a_stall_is_ended_at_the_limit_of_its_phase(start_worker, script, recording, cue, limit, phase, answered):
    worker = start_worker(**{limit: 0.4})
    heard: list = []

    exit_ = failure_of(lambda: (worker.load(script({**cue, "do": "stall"}), 0), ask(worker, recording, heard)))

    assert (exit_.kind, exit_.phase) == ("silent", phase)
    assert exit_.message == "no answer for 0.4 s"
    assert exit_.ending is None  # it did not end by itself
    assert len(texts(heard)) == answered
    assert not worker.alive


def test_an_interpreter_that_never_speaks_is_ended_at_the_limit_of_the_start(start_worker, impostor):
    silent = impostor("while True: pass")

    exit_ = failure_of(lambda: start_worker(python=silent, worker_start_s=1))

    assert (exit_.kind, exit_.phase) == ("silent", "start")


def test_a_dribble_on_the_channel_does_not_put_off_the_limit(start_worker, impostor):
    dribbling = impostor("import time\nwhile True:\n    end.send(b'x')\n    time.sleep(0.05)")

    exit_ = failure_of(lambda: start_worker(python=dribbling, worker_start_s=1))

    assert (exit_.kind, exit_.phase) == ("silent", "start")


# ---- it dies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEADLY)
@pytest.mark.parametrize(
    ("cue", "phase", "answered"), [({"at": "load"}, "load", 0), ({"at": "chunk", "skip": 2}, "answers", 2)]
)
def test_a_death_by_signal_has_its_name_its_phase_and_its_last_words(
    start_worker, script, recording, name, cue, phase, answered
):
    worker = start_worker()
    heard: list = []
    model = script({**cue, "do": "die", "signal": name, "words": "it was the driver"})

    exit_ = failure_of(lambda: (worker.load(model, 0), ask(worker, recording, heard)))

    assert (exit_.kind, exit_.phase) == ("died", phase)
    assert exit_.ending == children.Ending("signal", signal.Signals[name], name)
    assert exit_.last_words[-1] == "it was the driver"
    assert len(texts(heard)) == answered
    assert not worker.alive


@pytest.mark.parametrize("status", [0, 1, 3])
@pytest.mark.parametrize(("cue", "phase"), [({"at": "load"}, "load"), ({"at": "chunk", "skip": 2}, "answers")])
def test_leaving_without_a_word_is_a_death_too_even_with_status_0(start_worker, script, recording, status, cue, phase):
    worker = start_worker()

    exit_ = failure_of(lambda: (worker.load(script({**cue, "do": "die", "status": status}), 0), ask(worker, recording)))

    assert (exit_.kind, exit_.phase) == ("died", phase)
    assert exit_.ending == children.Ending("exit", status, f"exit {status}")


def test_a_worker_that_died_while_nobody_asked_is_found_dead_at_the_next_question(start_worker, recording):
    worker = start_worker()
    worker.load("", 0)
    os.kill(worker.pid, signal.SIGKILL)

    exit_ = failure_of(lambda: ask(worker, recording))

    assert (exit_.kind, exit_.ending.name) == ("died", "SIGKILL")


def test_closing_the_channel_and_living_on_is_a_death_without_a_status(start_worker, impostor):
    deserter = impostor("greet()\nend.close()\nwhile True: pass")
    worker = start_worker(python=deserter, worker_stop_s=0.3)

    exit_ = failure_of(lambda: worker.load("", 0))

    assert (exit_.kind, exit_.ending) == ("died", None)
    assert "lived on" in exit_.message
    assert not worker.alive


@pytest.mark.parametrize("program", ["/bin/true", "/bin/cat", "/bin/false"])
def test_an_interpreter_that_is_none_dies_at_the_start(start_worker, program):
    exit_ = failure_of(lambda: start_worker(python=Path(program)))

    assert (exit_.kind, exit_.phase) == ("died", "start")
    assert exit_.ending.kind == "exit"


def test_what_an_interpreter_complains_of_at_the_start_is_kept(start_worker):
    exit_ = failure_of(lambda: start_worker(python=Path("/bin/cat")))

    assert any("cat" in line for line in exit_.last_words)


@pytest.mark.parametrize("kind", ["missing", "a folder", "not executable", "no program"])
def test_an_interpreter_that_cannot_be_started_is_said_to_be(start_worker, tmp_path, kind):
    python = tmp_path / "python"
    if kind == "a folder":
        python.mkdir()
    elif kind != "missing":
        python.write_bytes(b"\x7fELF nonsense")
        python.chmod(0o644 if kind == "not executable" else 0o755)

    exit_ = failure_of(lambda: start_worker(python=python))

    assert (exit_.kind, exit_.phase) == ("not-started", "start")
    assert "Errno" in exit_.message


# ---- it speaks nonsense ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["\x00garbage\n", "no end of line", '{"type":"Done"}\n', "[1]\n"])
@pytest.mark.parametrize(("cue", "phase"), [({"at": "load"}, "load"), ({"at": "chunk", "skip": 2}, "answers")])
def test_garbage_on_the_channel_is_nonsense_and_the_worker_is_ended(start_worker, script, recording, text, cue, phase):
    worker = start_worker()

    exit_ = failure_of(
        lambda: (worker.load(script({**cue, "do": "nonsense", "text": text}), 0), ask(worker, recording))
    )

    assert (exit_.kind, exit_.phase) == ("nonsense", phase)
    assert exit_.message
    assert not worker.alive


SEGMENT = "messages.SegmentFound({request}, {index}, speech.Segment(0.0, 1.0, 'x'))"
LIES = {
    "no greeting": "channel.send(messages.Ready(contract.Loaded('cpu', 'int8', '0'), 0.0))",
    "another's words": "greet(); channel.receive(); channel.send(messages.Stop())",
    "an answer to nobody's question": f"serve_load(); channel.send({SEGMENT.format(request=9, index=0)})",
    "a chunk that is none": f"serve_load(); channel.send({SEGMENT.format(request=1, index=5)})",
    "a chunk below none": f"serve_load(); channel.send({SEGMENT.format(request=1, index=-1)})",
    "the same chunk done twice": "serve_load(); [channel.send(messages.ChunkDone(1, 0)) for _ in 'ab']",
    "more of a chunk that is done": "serve_load(); channel.send(messages.ChunkDone(1, 0)); "
    f"channel.send({SEGMENT.format(request=1, index=0)})",
    "done with chunks open": "serve_load(); channel.send(messages.Done(1, 0.0, ()))",
    "cancelled by nobody": "serve_load(); channel.send(messages.Done(1, 0.0, (), True))",
}


@pytest.mark.parametrize("body", LIES.values(), ids=LIES)
def test_an_answer_out_of_place_is_nonsense(start_worker, impostor, recording, body):
    """It is well-formed, and believing it would lose text or ask for ever."""
    liar = impostor(f"{body}\nsys.stdin.read()\nchannel.receive()")

    def talk():
        worker = start_worker(python=liar)
        worker.load("", 0)
        ask(worker, recording)

    exit_ = failure_of(talk)

    assert exit_.kind == "nonsense", exit_


# ---- it takes too much memory ---------------------------------------------------------------------------------------


def test_memory_beyond_the_cap_is_refused_inside_the_worker_which_says_so(start_worker, script, recording):
    worker = start_worker(worker_memory_bytes=300_000_000)
    worker.load(script({"at": "chunk", "skip": 1, "do": "exhaust_memory"}), 0)
    heard: list = []

    exit_ = failure_of(lambda: ask(worker, recording, heard))

    assert len(texts(heard)) == 1
    assert (exit_.kind, exit_.raised_kind) == ("raised", "MemoryError") or exit_.kind == "over-memory"
    assert exit_.memory_cap_bytes == 300_000_000


def test_where_the_kernel_sets_no_cap_the_server_watches(start_worker, script, recording):
    """As for a worker on a GPU: CUDA maps more than it uses, so the cap is on what is resident."""
    worker = start_worker(device="cuda", worker_memory_bytes=300_000_000)
    worker.load(script({"at": "chunk", "skip": 1, "do": "exhaust_memory"}), 0)

    exit_ = failure_of(lambda: ask(worker, recording))

    assert exit_.kind == "over-memory"
    assert exit_.resident_bytes > 300_000_000
    assert not worker.alive


def test_a_worker_that_talks_without_a_pause_is_watched_too(start_worker, impostor, recording):
    chatty = impostor(
        "serve_load()\nkept = bytearray(os.urandom(1024)) * 400_000\n"
        f"for _ in range(200_000): channel.send({SEGMENT.format(request=1, index=0)})\n"
        "[channel.send(messages.ChunkDone(1, index)) for index in range(5)]\n"
        "channel.send(messages.Done(1, 0.0, ()))\nchannel.receive()\nchannel.receive()"
    )
    worker = start_worker(python=chatty, device="cuda", worker_memory_bytes=300_000_000)
    worker.load("", 0)

    exit_ = failure_of(lambda: ask(worker, recording))

    assert exit_.kind == "over-memory"


# ---- nothing is left ------------------------------------------------------------------------------------------------


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_twenty_rounds_leave_no_file_no_process_and_no_thread(start_worker, script, recording, tmp_path):
    """Stopped, killed, died, refused: each end gives everything back."""

    def stopped(round_):
        worker = start_worker()
        worker.load("", 0)
        worker.stop()

    def killed(round_):
        worker = start_worker()
        worker.kill()
        worker.kill()

    def died(round_):
        worker = start_worker()
        failure_of(lambda: worker.load(script({"at": "load", "do": "die", "signal": "SIGKILL"}), 0))

    def refused(round_):
        failure_of(lambda: start_worker(python=tmp_path / "missing"))

    def not_one(round_):
        failure_of(lambda: start_worker(python=Path("/bin/true")))

    ends = [stopped, killed, died, refused, not_one]
    for end in ends:  # the first of each kind may open what stays, such as the thread that starts children
        end(0)
    _join_last_words()
    before = open_files(), threading.active_count()

    for round_ in range(20):
        ends[round_ % len(ends)](round_)

    _join_last_words()
    assert (open_files(), threading.active_count()) == before


def _join_last_words() -> None:
    for thread in threading.enumerate():
        if thread.name == "last-words":
            thread.join(10)


def test_a_worker_that_is_told_to_stop_ends_by_itself(start_worker):
    worker = start_worker(worker_stop_s=30)
    worker.stop()

    assert worker._process.returncode == 0


def test_a_worker_that_does_not_listen_is_stopped_all_the_same(start_worker, script, recording):
    worker = start_worker(worker_stop_s=0.2)
    worker.load(script({"at": "chunk", "skip": 1, "do": "stall"}), 0)
    audio, chunks = recording
    next(worker.transcribe(audio, chunks, OPTIONS))

    worker.stop()

    assert worker._process.returncode == -signal.SIGKILL


def test_ctrl_c_while_a_worker_starts_leaves_no_worker(impostor, no_children_left):
    """A real signal to a real program, whose worker never says hello."""
    slow = impostor("print('started', flush=True)\nwhile True: pass")
    code = (
        "import sys, os\nfrom pathlib import Path\n"
        "from yamabiko.engines.contract import Placement\nfrom yamabiko.settings import Settings\n"
        "from yamabiko.workers import process\n"
        "wait = process.Worker._expect\n"
        "def say_and_wait(self, *args):\n    print(self.pid, flush=True)\n    return wait(self, *args)\n"
        "process.Worker._expect = say_and_wait\n"
        "try:\n    process.Worker(process.Launch('scripted', Path(sys.argv[1]), False, Placement('cpu', 'int8')),"
        " Settings())\n"
        "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(slow)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            worker = int(program.stdout.readline())
            program.send_signal(signal.SIGINT)
            assert program.stdout.readline() == "interrupted\n"

            # the program lives on, the worker does not
            assert not Path(f"/proc/{worker}").exists()
            assert program.poll() is None
        finally:
            program.kill()


SERVER = """
import sys
from pathlib import Path
from yamabiko.engines.contract import Placement
from yamabiko.settings import Settings
from yamabiko.speech import Span, TranscribeOptions
from yamabiko.workers.launch import Launch
from yamabiko.workers.process import Worker
worker = Worker(Launch("scripted", Path(sys.executable), False, Placement("cpu", "int8")), Settings())
worker.load(sys.argv[1], 0)
answers = worker.transcribe(Path(sys.argv[2]), [Span(0, 100), Span(100, 200)], TranscribeOptions())
next(answers)
print(worker.pid, flush=True)
list(answers)
sys.stdin.read()
"""


@pytest.mark.parametrize("busy", [True, False], ids=["in the middle of an answer", "idle"])
def test_a_server_that_is_killed_takes_its_worker_along(script, recording, busy):
    model = script({"at": "chunk", "skip": 1, "do": "stall"}) if busy else script()
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, model, str(recording[0])], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        try:
            watched = os.pidfd_open(int(server.stdout.readline()))
        finally:
            server.kill()
    with os.fdopen(watched, "rb") as end:
        assert select.select([end], [], [], 20)[0]

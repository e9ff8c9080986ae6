"""Child processes keep to their limits, keep their last words, and do not outlive us."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading

import pytest

from yamabiko import children
from yamabiko.children import Ending, LastWords

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="shown by /proc and prctl, which are Linux's")
pytestmark = pytest.mark.usefixtures("no_children_left")


def run(code: str, *arguments: object, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    """A Python child, with `children` in scope."""
    return subprocess.run(
        [sys.executable, "-c", f"from yamabiko import children\n{code}", *map(str, arguments)],
        capture_output=True, text=True, timeout=timeout_s,
    )  # fmt: skip


def wait_for_end(pid: int, timeout_s: float = 20) -> bool:
    """Whether a process that need not be our child ends in time."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], timeout_s)[0])
    finally:
        os.close(watched)


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def pipe():
    """Both ends as files."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as end:  # most tests close it: its number is another's by then
        yield os.fdopen(reading, "rb", buffering=0), end


# ---- last words -----------------------------------------------------------------------------------------------------


def test_of_a_flood_the_newest_words_are_kept(pipe):
    stream, writing = pipe
    words = LastWords(stream, keep_bytes=1000)
    for number in range(20_000):
        writing.write(b"line %d\n" % number)
    writing.close()

    lines = words.lines(wait_s=10)

    assert lines[-1] == "line 19999"
    assert lines[1:] == tuple(f"line {n}" for n in range(20_000 - len(lines) + 1, 20_000))
    assert 900 < len("\n".join(lines)) <= 1000
    assert words.total_bytes == sum(len(f"line {n}\n") for n in range(20_000))


def test_a_flood_in_one_write_is_kept_to_its_end(pipe):
    stream, writing = pipe
    words = LastWords(stream, keep_bytes=1000)
    writing.write(b"x" * 50_000 + b"\nthe end")
    writing.close()

    lines = words.lines(wait_s=10)

    assert lines[-1] == "the end"
    assert sum(map(len, lines)) == 999


def test_a_child_never_blocks_on_words_that_nobody_reads():
    """50 MB, with no one asking for the lines meanwhile."""
    child = subprocess.Popen(
        [sys.executable, "-c", "import os\nfor _ in range(50): os.write(1, b'y' * 1_000_000)\nprint('\\nbye')"],
        stdout=subprocess.PIPE,
    )
    words = LastWords(child.stdout)

    assert child.wait(timeout=60) == 0
    assert words.lines(wait_s=10)[-1] == "bye"
    assert words.total_bytes == 50_000_000 + len("\nbye\n")


def test_words_can_be_read_while_they_come(pipe):
    stream, writing = pipe
    words = LastWords(stream, keep_bytes=500)
    seen: list[tuple[str, ...]] = []
    stop = threading.Event()
    reader = threading.Thread(target=lambda: [seen.append(words.lines()) for _ in iter(stop.is_set, True)])
    reader.start()
    for number in range(5_000):
        writing.write(b"%05d\n" % number)
    writing.close()
    assert words.lines(wait_s=10)[-1] == "04999"
    stop.set()
    reader.join()

    for lines in seen:
        whole = [int(line) for line in lines if len(line) == 5]
        assert whole == sorted(whole)


def test_bytes_that_are_no_text_are_words_too(pipe):
    stream, writing = pipe
    words = LastWords(stream)
    writing.write(b"\xff\xfe\n\n  \n" + "落ちた".encode() + b"\r\n")
    writing.close()

    assert words.lines(wait_s=10) == ("\ufffd\ufffd", "落ちた")


def test_asking_for_the_words_of_the_living_does_not_wait_for_their_death(pipe):
    stream, writing = pipe
    words = LastWords(stream)

    assert words.lines() == ()
    writing.close()
    words.lines(wait_s=10)


# ---- endings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("returncode", "expected"),
    [
        (0, Ending("exit", 0, "exit 0")),
        (3, Ending("exit", 3, "exit 3")),
        (255, Ending("exit", 255, "exit 255")),
        (-signal.SIGSEGV, Ending("signal", 11, "SIGSEGV")),
        (-signal.SIGKILL, Ending("signal", 9, "SIGKILL")),
        (-63, Ending("signal", 63, "signal 63")),  # a real-time signal without a name of its own
    ],
)
def test_an_ending_has_a_name(returncode, expected):
    assert children.ending(returncode) == expected


# ---- limits ---------------------------------------------------------------------------------------------------------


@linux_only
def test_memory_beyond_the_limit_is_refused_in_the_child_alone():
    child = run(
        "children.limit_memory(200 * 2**20)\n"
        "kept = bytearray(50 * 2**20)\n"
        "try:\n    bytearray(400 * 2**20)\n"
        "except MemoryError:\n    print('refused')"
    )

    assert (child.stdout, child.returncode) == ("refused\n", 0)


@linux_only
def test_address_space_that_is_only_reserved_does_not_count():
    """What CUDA and thread stacks do; a limit on address space would forbid it."""
    child = run(
        "import mmap\n"
        "children.limit_memory(200 * 2**20)\n"
        "mmap.mmap(-1, 4 * 2**30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)\n"
        "print('granted')"
    )

    assert child.stdout == "granted\n", child.stderr


@linux_only
def test_no_limit_is_no_limit():
    child = run(
        "import resource\nbefore = resource.getrlimit(resource.RLIMIT_DATA)\nchildren.limit_memory(0)\n"
        "assert resource.getrlimit(resource.RLIMIT_DATA) == before"
    )

    assert child.returncode == 0, child.stderr


@linux_only
@pytest.mark.parametrize(
    ("limit", "asked"), [("DATA", "children.limit_memory(2**40)"), ("FSIZE", "children.limit_file_size(2**40)")]
)
def test_a_stricter_limit_of_the_users_own_stands(limit, asked):
    """`ulimit -d`, or a container's: asking for more than it allows must not end the child."""
    child = run(
        f"import resource\nresource.setrlimit(resource.RLIMIT_{limit}, (2**30, 2**30))\n{asked}\n"
        f"print(resource.getrlimit(resource.RLIMIT_{limit}))"
    )

    assert child.stdout == f"{(2**30, 2**30)}\n", child.stderr


def test_a_file_beyond_the_limit_is_an_error_not_a_death(tmp_path):
    path = tmp_path / "large"
    child = run(
        "import errno, sys\nchildren.limit_file_size(100_000)\n"
        "file = open(sys.argv[1], 'wb', buffering=0)\n"
        "try:\n    while True: file.write(bytes(30_000))\n"
        "except OSError as error:\n    print(errno.errorcode[error.errno])",
        path,
    )

    assert (child.stdout, child.returncode) == ("EFBIG\n", 0)
    assert path.stat().st_size == 100_000


@linux_only
def test_the_kernel_would_take_the_child_first():
    child = run("children.be_first_to_die()\nprint(open('/proc/self/oom_score_adj').read())")

    assert child.stdout.strip() == "1000"


def test_a_crash_leaves_no_core_file(tmp_path):
    child = run(
        "import os, resource, sys\nos.chdir(sys.argv[1])\nchildren.never_dump_core()\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0\nos.abort()",
        tmp_path,
    )

    assert child.returncode == -signal.SIGABRT
    assert list(tmp_path.iterdir()) == []


# ---- life and death together ----------------------------------------------------------------------------------------

PARENT = """
import os, sys, subprocess
from yamabiko import children
child = children.start_lasting(
    [sys.executable, "-c", {child!r}, str(os.getpid())], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
)
print(child.stdout.readline().decode().strip(), flush=True)
sys.stdin.read()
"""
BUSY_CHILD = """
import os, sys
from yamabiko import children
children.die_with_parent(int(sys.argv[1]))
print(os.getpid(), flush=True)
while True: pass
"""


@linux_only
def test_who_kills_the_parent_kills_the_child():
    """The child computes and looks at nothing; only the kernel can end it."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(child=BUSY_CHILD)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with parent:
        child = int(parent.stdout.readline())
        assert is_running(child)

        parent.kill()
        parent.wait()

        assert wait_for_end(child)


@linux_only
def test_the_child_outlives_the_thread_that_asked_for_it():
    """The kernel watches the thread that forked; that one must last, whichever thread asked."""
    child: list[subprocess.Popen[bytes]] = []
    command = [sys.executable, "-c", BUSY_CHILD, str(os.getpid())]
    asking = threading.Thread(target=lambda: child.append(children.start_lasting(command, stdout=subprocess.PIPE)))
    asking.start()
    asking.join()
    with child[0] as process:
        try:
            assert process.stdout.readline()
            assert process.poll() is None
        finally:
            children.kill_group(process)


@linux_only
def test_a_child_whose_parent_was_gone_before_it_asked_ends_itself():
    child = run("children.die_with_parent(1 << 22)\nprint('lived on')")

    assert (child.returncode, child.stdout) == (1, "")


@linux_only
def test_a_forked_server_can_start_children_too():
    """The one thread that starts children is not there in the fork of a process."""
    forked = run(
        "import os, signal, subprocess, sys, warnings\nwarnings.simplefilter('ignore')\n"
        "start = lambda: children.start_lasting([sys.executable, '-c', '']).wait()\n"
        "start()\n"
        "if (pid := os.fork()) == 0:\n    signal.alarm(15)\n    os._exit(start())\n"
        "print(os.waitpid(pid, 0)[1])",
        timeout_s=20,
    )

    assert forked.stdout == "0\n", forked.stderr


@linux_only
def test_killing_the_group_takes_the_grandchildren():
    code = (
        "import subprocess, sys\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'], stdin=subprocess.PIPE)\n"
        "print(grandchild.pid, flush=True)\n"
        "grandchild.wait()"
    )
    with children.start_lasting([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        grandchild = int(child.stdout.readline())
        assert is_running(grandchild)

        children.kill_group(child)

        assert child.returncode == -signal.SIGKILL
        assert wait_for_end(grandchild)


@linux_only
def test_grandchildren_are_taken_even_when_the_child_is_gone_already():
    code = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'while True: pass'], stdout=subprocess.DEVNULL).pid, flush=True)"
    )
    with children.start_lasting([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        grandchild = int(child.stdout.readline())
        child.wait()

        children.kill_group(child)
        children.kill_group(child)  # twice is once

        assert wait_for_end(grandchild)


@linux_only
def test_memory_is_read_of_the_living_and_of_nobody_else():
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)

    assert children.resident_bytes(os.getpid()) > 5_000_000
    assert children.resident_bytes(int(ended.stdout)) is None


@linux_only
def test_available_memory_is_a_number_of_this_machine():
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    assert 0 < children.available_memory_bytes() <= total

"""The decoder dies, hangs, lies, fills the disk, is called twice, loses its parent."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from decode_material import ROOMY, babble, decoders_of, long_silent_wav, refusal, samples, wav

from yamabiko.audio import decode as decode_module
from yamabiko.audio.decode import decode
from yamabiko.findings import Problem
from yamabiko.settings import Settings

linux = pytest.mark.skipif(sys.platform != "linux", reason="finds the decoder's process through /proc")
HOUR = 3600


class Strike:
    """Sends a signal to the decoder at its first sign of life, in the middle of its work."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.struck: list[int] = []

    def __call__(self, done_s: float) -> None:
        if done_s and not self.struck:
            (child,) = decoders_of(os.getpid())
            os.kill(child, self.number)
            self.struck.append(child)


@linux
@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGILL", "SIGBUS"])
def test_a_decoder_that_dies_in_the_middle_is_named_with_its_signal_and_last_words(tmp_path, name):
    made = long_silent_wav(tmp_path / "a.wav", HOUR)

    with pytest.raises(Problem) as caught:
        decode(made, tmp_path / "a.f32", ROOMY, Strike(signal.Signals[name]))

    finding = caught.value.finding
    assert finding.id == "decoder-died"
    assert name in finding.cause.en
    assert name in finding.cause.ja
    if name != "SIGKILL":
        assert any("Fatal Python error" in line for line in finding.evidence)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav"]


@linux
def test_a_decoder_that_hangs_is_ended_at_the_time_limit(tmp_path):
    made = long_silent_wav(tmp_path / "a.wav", HOUR)
    strike = Strike(signal.SIGSTOP)

    with pytest.raises(Problem) as caught:
        decode(made, tmp_path / "a.f32", Settings(free_disk_bytes=0, decode_timeout_s=2), strike)

    finding = caught.value.finding
    assert finding.id == "decode-limit"
    assert "2 s" in finding.cause.en
    assert "running" in finding.evidence[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav"]
    with pytest.raises(ProcessLookupError):
        os.kill(strike.struck[0], 0)


def test_a_time_limit_of_nothing(tmp_path):
    made = wav(tmp_path / "a.wav", babble(1))

    assert refusal(made, tmp_path / "a.f32", Settings(free_disk_bytes=0, decode_timeout_s=0)).id == "decode-limit"


@linux
@pytest.mark.parametrize("mebibytes", [1, 40, 70])
def test_a_decoder_out_of_memory_does_not_blame_the_file(tmp_path, mebibytes):
    made = wav(tmp_path / "a.wav", babble(5, 44_100), 44_100)

    finding = refusal(made, tmp_path / "a.f32", Settings(free_disk_bytes=0, decode_memory_bytes=mebibytes << 20))

    assert finding.id == "decode-limit"
    assert "YAMABIKO_DECODE_MEMORY_BYTES" in finding.remedies[-1].what.en


def test_the_disk_floor_is_kept(tmp_path):
    made = wav(tmp_path / "a.wav", babble(1))

    finding = refusal(made, tmp_path / "a.f32", Settings(free_disk_bytes=2**62))

    assert finding.id == "disk-full"
    assert finding.area == "output"


@linux
def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk can be mounted by root only")
    try:
        # 9 MiB pass the first look at the free space, and 10 minutes need 38 MB.
        made = long_silent_wav(tmp_path / "a.wav", 600)

        finding = refusal(made, disk / "a.f32")

        assert finding.id == "disk-full"
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_target_that_cannot_be_written(tmp_path):
    made = wav(tmp_path / "a.wav", babble(1))
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "taken.f32.part").mkdir()

    for target in (tmp_path / "file" / "a.f32", tmp_path / "folder"):
        assert refusal(made, target).id == "output-unwritable"
    with pytest.raises(Problem) as caught:
        decode(made, tmp_path / "taken.f32", ROOMY)
    assert caught.value.finding.id == "output-unwritable"


def test_the_recording_itself_is_never_overwritten(tmp_path):
    made = wav(tmp_path / "a.wav", babble(1))
    (tmp_path / "link.wav").symlink_to(made)

    assert refusal(made, tmp_path / "link.wav").id == "output-is-input"


def test_a_failure_leaves_an_older_result_alone(tmp_path):
    (tmp_path / "a.f32").write_bytes(b"older")
    (tmp_path / "bad.wav").write_bytes(b"no recording" * 100)

    assert refusal(tmp_path / "bad.wav", tmp_path / "a.f32").id == "input-not-audio"
    assert (tmp_path / "a.f32").read_bytes() == b"older"


def test_what_a_killed_run_left_is_taken_over(tmp_path):
    (tmp_path / "a.f32.part").write_bytes(b"left over, and longer than the new one" * 10_000)

    decoded = decode(wav(tmp_path / "a.wav", babble(1)), tmp_path / "a.f32", ROOMY)

    assert len(samples(decoded)) == 16_000
    assert not (tmp_path / "a.f32.part").exists()


@linux
def test_two_decoders_of_one_target_the_second_is_refused_and_the_first_is_whole(tmp_path):
    long, short = long_silent_wav(tmp_path / "long.wav", 600), wav(tmp_path / "short.wav", babble(1))
    second: list[str] = []

    def meanwhile(done_s: float) -> None:
        if second or not done_s:
            return
        (child,) = decoders_of(os.getpid())
        os.kill(child, signal.SIGSTOP)
        try:
            with pytest.raises(Problem) as caught:
                decode(short, tmp_path / "a.f32", ROOMY)
            second.append(caught.value.finding.id)
        finally:
            os.kill(child, signal.SIGCONT)

    decoded = decode(long, tmp_path / "a.f32", ROOMY, meanwhile)

    assert second == ["output-busy"]
    assert decoded.duration_s == 600
    assert decoded.path.stat().st_size == 600 * 16_000 * 4


@linux
def test_a_parent_that_is_killed_takes_its_decoder_along(tmp_path):
    made = long_silent_wav(tmp_path / "a.wav", 10 * HOUR)
    program = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from decode_material import ROOMY, decoders_of
from yamabiko.audio.decode import decode
def die(_):
    print(*decoders_of(os.getpid()), flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
decode(Path(sys.argv[1]), Path(sys.argv[2]), ROOMY, die)
"""
    here = str(Path(__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(made), str(tmp_path / "a.f32"), here],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        watched = os.pidfd_open(int(parent.stdout.readline()))
        parent.stdin.close()
        parent.wait()
        ended, _, _ = select.select([watched], [], [], 30)
        os.close(watched)

    assert ended, "the decoder outlived its parent"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav"]


def test_an_interrupted_caller_leaves_nothing_behind(tmp_path):
    """Ctrl-C, or a cancelled job."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode(long_silent_wav(tmp_path / "a.wav", HOUR), tmp_path / "a.f32", ROOMY, interrupt)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav"]
    if sys.platform == "linux":
        assert list(decoders_of(os.getpid())) == []


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("print('hello', flush=True)", "decoder-nonsense"),
        ('print(\'{"kind": "done"}\', flush=True)', "decoder-nonsense"),
        ('print(\'{"kind": "failed", "code": "made-up"}\', flush=True)', "decoder-nonsense"),
        ("sys.stdout.write('x' * 10_000_000)", "decoder-nonsense"),
        ("sys.stderr.write('flood ' * 10_000_000); sys.exit(3)", "decoder-died"),
        ("os.close(1); os.close(2); import time; time.sleep(60)", "decoder-died"),
    ],
)
def test_a_decoder_that_speaks_nonsense(tmp_path, monkeypatch, says, expected):
    """Another program in the decoder's place: what a taken-over process could send."""
    fake = tmp_path / "fake"
    fake.write_text(f"#!{sys.executable}\nimport os, sys\n{says}\n")
    fake.chmod(0o755)
    made = wav(tmp_path / "a.wav", babble(1))
    monkeypatch.setattr(sys, "executable", str(fake))
    monkeypatch.setattr(decode_module, "TIME_TO_LEAVE_S", 0.5)

    assert refusal(made, tmp_path / "a.f32").id == expected


def test_a_decoder_that_cannot_be_started(tmp_path, monkeypatch):
    made = wav(tmp_path / "a.wav", babble(1))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))

    assert refusal(made, tmp_path / "a.f32").id == "decoder-not-started"


def test_what_a_file_makes_the_decoder_say_cannot_steer_a_terminal(tmp_path, monkeypatch):
    fake = tmp_path / "fake"
    fake.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('\\x1b]0;owned\\x07' + 'x' * 5000)\n")
    fake.chmod(0o755)
    made = wav(tmp_path / "a.wav", babble(1))
    monkeypatch.setattr(sys, "executable", str(fake))

    (line,) = refusal(made, tmp_path / "a.f32").evidence

    assert line.isprintable()
    assert "owned" in line
    assert len(line) < 400


@linux
def test_memory_does_not_grow_with_the_length(tmp_path, monkeypatch):
    peaks: list[int] = []
    monkeypatch.setattr(decode_module.logs, "event", lambda _, **facts: peaks.append(facts["peak_mib"]))

    for seconds in (60, HOUR):
        decode(long_silent_wav(tmp_path / "a.wav", seconds), tmp_path / "a.f32", ROOMY)
        (tmp_path / "a.f32").unlink()

    assert peaks[1] <= peaks[0] * 1.1


@linux
def test_no_descriptor_and_no_thread_is_left_after_many_decodes(tmp_path):
    import threading

    made = wav(tmp_path / "a.wav", babble(1))

    def once() -> None:
        with contextlib.suppress(Problem):
            decode(made, tmp_path / "a.f32", ROOMY)
            decode(made, tmp_path, ROOMY)

    once()
    own = set(threading.enumerate())
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(3):
        once()

    for reader in set(threading.enumerate()) - own:  # of a pipe whose other side is gone: it ends, a moment later
        reader.join(10)
    after = len(os.listdir("/proc/self/fd")), threading.active_count()
    assert all(now <= then for now, then in zip(after, before, strict=True)), (before, after)
    shutil.rmtree(tmp_path)

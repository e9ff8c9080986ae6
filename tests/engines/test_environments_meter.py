"""What uv writes, drawn on a terminal or in plain lines, becomes a measure and the lines that stay."""

from __future__ import annotations

import errno
import itertools
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from yamabiko.engines.installer import Meter, Progress, blocks, run_uv, size_bytes

# As uv 0.13.9 drew it on a pseudo-terminal for a slow index, shortened.
DRAWN = (
    "Using Python 3.11.7 environment at: env\r\n\n⠋ Resolving dependencies...     \r\x1b[2K⠙ tiny==1.0    \r"
    "\x1b[2KResolved 2 packages in 4ms\r\n\n⠋ Preparing packages... (0/2)     \r"
    "\x1b[2K\x1b[1A⠙ Preparing packages... (0/2)   tiny    ------------------------------    36 B/736 B      "
    "big       ------------------------------ 1.50 MiB/5.72 MiB      \x1b[2A\r\x1b[2K\x1b[1B\r"
    "\x1b[2K⠙ (1/2)  big   -------------- 4.00 MiB/5.72 MiB\r"
    f"\x1b[2K{'⠙ Resolving dependencies...':<250}error: Failed to fetch: http://me:pw@h/simple/\r\n"
    "  cause: Connection refused (os error 111)\r\n"
).encode()

PLAIN = (
    b"Resolved 2 packages in 8ms\nDownloading big (5.7MiB)\nDownloading big (5.7MiB)\n Downloaded big\n"
    b"Prepared 2 packages in 2.02s\nInstalled 2 packages in 1ms\n + big==1.0\n"
)


def read(*blocks: bytes) -> tuple[list[Progress], tuple[str, ...]]:
    steps: list[Progress] = []
    meter = Meter(steps.append)
    for block in blocks:
        meter.read(block)
    return steps, meter.lines()


def test_bars_are_measured_and_only_words_are_kept_without_credentials():
    steps, lines = read(DRAWN)

    assert lines == (
        "Using Python 3.11.7 environment at: env",
        "Resolved 2 packages in 4ms",
        "error: Failed to fetch: http://****@h/simple/",
        "  cause: Connection refused (os error 111)",
    )
    total = 736 + round(5.72 * 1024**2)
    seen = [(step.done, step.total) for step in steps if step.total]
    assert seen[0] == (36 + round(1.5 * 1024**2), total)
    assert seen[-1] == (36 + 4 * 1024**2, total)
    assert steps[-1].what.en == "downloading big, tiny"


def test_plain_lines_are_measured_too_and_a_download_begun_anew_counts_once():
    steps, _ = read(PLAIN)

    size = round(5.7 * 1024**2)
    assert [(step.done, step.total) for step in steps] == [(0, 0), (0, size), (size, size), (size, size)]
    assert steps[-1].what.en == "putting the packages in place"


@given(st.lists(st.integers(0, len(DRAWN)), max_size=12))
@example(list(range(len(DRAWN))))
def test_it_does_not_matter_where_the_stream_is_cut(cuts):
    edges = [0, *sorted(cuts), len(DRAWN)]
    blocks = [DRAWN[a:b] for a, b in itertools.pairwise(edges)]

    assert read(*blocks)[1] == read(DRAWN)[1]


@given(st.binary(max_size=300))
def test_nothing_that_uv_might_write_stops_the_reading(noise):
    _, lines = read(noise)

    assert all(line == line.rstrip() for line in lines)


def test_sizes_are_read_as_uv_writes_them():
    assert [size_bytes(shown) for shown in ("736 B", "7.89 KiB", "5.7MiB", "1.2 GiB", "3 apples")] == [
        736,
        round(7.89 * 1024),
        round(5.7 * 1024**2),
        round(1.2 * 1024**3),
        0,
    ]


@pytest.mark.parametrize("drawn", ["⠙ Preparing packages... (0/1)", "tiny ------ 1 KiB/2 KiB"])
def test_an_error_that_is_written_behind_what_was_drawn_is_kept(drawn):
    _, lines = read(f"{drawn}\x1b[1A  ├─▶ Hash mismatch for `tiny==1.0`\n".encode())

    assert "Hash mismatch for `tiny==1.0`" in "\n".join(lines)


@pytest.mark.parametrize("drawn", [b"\r\x1b[2K", b"\x1b[2K\r", b"\r\n"])
def test_a_word_behind_which_a_bar_was_drawn_stays_with_what_it_says(drawn: bytes) -> None:
    """It writes `error:` and the rest at two times, and a bar may be drawn between them."""
    _, lines = read(b"error: ", drawn, b"Failed to fetch: http://index/tiny/\r\n", b"  cause: timed out\r\n")
    assert lines == ("error: Failed to fetch: http://index/tiny/", "  cause: timed out")


@pytest.mark.skipif(os.name == "nt", reason="uv writes to a pipe there")
def test_last_words_that_linux_overlooks_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine it says EIO now and then while the last words wait: an index was then “we do not know why”."""
    real = os.read
    overlooked: list[int] = []

    def read_as_linux_does(descriptor: int, count: int) -> bytes:
        if os.isatty(descriptor) and not overlooked:
            overlooked.append(descriptor)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, count)

    monkeypatch.setattr(os, "read", read_as_linux_does)
    end = run_uv(["no-such-command"], dict(os.environ))

    assert overlooked
    assert end.ending.name == "exit 2"
    assert "no-such-command" in end.text


def test_what_reading_really_fails_of_is_not_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, count: int) -> bytes:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    ours, theirs = os.pipe()
    monkeypatch.setattr(os, "read", refuse)
    with pytest.raises(OSError, match="Bad file descriptor"):
        list(blocks(ours))
    os.close(ours)
    os.close(theirs)

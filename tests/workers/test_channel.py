"""Whatever comes over the channel is a message, an end, a silence or nonsense: one of four, never mixed up."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import resource
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yamabiko.speech import Segment, Span, TranscribeOptions
from yamabiko.workers import channel as channels
from yamabiko.workers.channel import Channel, Ended, Nonsense, Silent
from yamabiko.workers.messages import Cancel, Piece, Raised, SegmentFound, SpeechProbabilities, Transcribe

SEGMENT = SegmentFound(1, 0, Segment(0.0, 1.5, "山彦 \udcff ‘x’\n"))


@pytest.fixture
def ends():
    """A Channel and the bare socket at its other end."""
    near, far = socket.socketpair()
    with near, far:
        yield Channel(near), far


@contextlib.contextmanager
def conversation():
    """As `ends`, for property tests, which want a fresh pair for each example."""
    near, far = socket.socketpair()
    with near, far:
        yield Channel(near), far


def frame(message, payload: bytes = b"") -> bytes:
    """What `send` puts on the wire."""
    with conversation() as (here, there):
        here.send(message, payload)
        return there.recv(1 << 20)


def test_a_message_arrives_as_it_was_sent(ends):
    here, far = ends
    there = Channel(far)
    sent = Transcribe(
        7,
        (Piece("/a b/録音.f32", Span(0, 5)), Piece("/c.f32", Span(5, 9))),
        TranscribeOptions(language="ja"),
    )

    there.send(sent)

    assert here.receive(5) == (sent, b"")


def test_a_line_can_be_read_in_a_terminal():
    head, rest = frame(SpeechProbabilities(3, 512), b"\x00\n\x01").split(b"\n", 1)

    assert json.loads(head) == {"type": "SpeechProbabilities", "payload": 3, "request": 3, "window_samples": 512}
    assert rest == b"\x00\n\x01"


def test_a_frame_cut_at_any_byte_arrives_whole():
    whole = frame(SEGMENT, b"\n{}\n\x00")
    for cut in range(len(whole) + 1):
        with conversation() as (here, far):
            far.sendall(whole[:cut])
            if cut < len(whole):
                with pytest.raises(Silent):
                    here.receive(0)  # what has come of the frame is kept
            far.sendall(whole[cut:])

            assert here.receive(5) == (SEGMENT, b"\n{}\n\x00"), f"cut at {cut}"


def test_frames_may_come_in_one_piece():
    with conversation() as (here, far):
        far.sendall(frame(Cancel(1)) + frame(SEGMENT, b"abc") + frame(Cancel(2)))

        assert [here.receive(5) for _ in range(3)] == [(Cancel(1), b""), (SEGMENT, b"abc"), (Cancel(2), b"")]


@pytest.mark.parametrize("cut", [0, 1, 30, -1])
def test_an_end_in_the_middle_of_a_frame_is_an_end(ends, cut):
    here, far = ends
    far.sendall(frame(SEGMENT, b"1234")[:cut])
    far.close()

    with pytest.raises(Ended):
        here.receive(5)


def test_what_was_said_before_the_end_is_still_heard(ends):
    here, far = ends
    far.sendall(frame(Cancel(4)))
    far.close()

    assert here.receive(5) == (Cancel(4), b"")
    with pytest.raises(Ended):
        here.receive(5)


def test_sending_to_who_is_gone_is_an_end(ends):
    here, far = ends
    far.close()

    with pytest.raises(Ended):
        here.send(Cancel(1))


def test_a_channel_that_we_closed_has_ended(ends):
    here, _ = ends
    here.close()

    with pytest.raises(Ended):
        here.receive(5)
    with pytest.raises(Ended):
        here.send(Cancel(1))


NONSENSE = {
    "no json": b"\x00garbage\n",
    "empty line": b"\n",
    "a list": b"[]\n",
    "a number": b"1\n",
    "null": b"null\n",
    "a string": b'"Cancel"\n',
    "no type": b'{"payload":0,"request":1}\n',
    "no payload": b'{"type":"Cancel","request":1}\n',
    "unknown type": b'{"type":"Explode","payload":0}\n',
    "type of another type": b'{"type":["Cancel"],"payload":0,"request":1}\n',
    "field missing": b'{"type":"Cancel","payload":0}\n',
    "field of another type": b'{"type":"Cancel","payload":0,"request":"1"}\n',
    "number too large": b'{"type":"Done","payload":0,"request":1,"evidence":[],"inference_s":1%s}\n' % (b"0" * 400),
    "number without end": b'{"type":"Cancel","payload":0,"request":%s}\n' % (b"9" * 5000),
    "payload negative": b'{"type":"Cancel","payload":-1,"request":1}\n',
    "payload huge": b'{"type":"Cancel","payload":67108865,"request":1}\n',
    "payload a fraction": b'{"type":"Cancel","payload":1.0,"request":1}\n',
    "payload a truth": b'{"type":"Cancel","payload":true,"request":1}\n',
    "payload null": b'{"type":"Cancel","payload":null,"request":1}\n',
    "nested without end": b"[" * 200_000 + b"\n",
    "half a utf-8": b'{"type":"Cancel\xe3\x81","payload":0,"request":1}\n',
    "utf-16": '{"type":"Cancel","payload":0,"request":1}\n'.encode("utf-16"),
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_called_nonsense_and_quoted(ends, said):
    here, far = ends
    writer = threading.Thread(target=far.sendall, args=(said + b"\n",))
    writer.start()

    with pytest.raises(Nonsense) as caught:
        here.receive(5)

    writer.join()
    assert repr(said.split(b"\n")[0][:20])[1:-1] in str(caught.value)
    assert len(str(caught.value)) < 2000


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_no_bytes_bring_anything_but_the_four(said):
    with conversation() as (here, far):
        far.sendall(said)
        far.close()
        with contextlib.suppress(Ended, Nonsense):
            while True:
                here.receive(5)


@settings(max_examples=200)
@given(data=st.data())
def test_a_frame_with_some_bytes_overwritten_brings_nothing_but_the_four(data):
    """What a stray native write leaves of a message."""
    said = bytearray(frame(Raised(1, "RuntimeError", "CUDA failed", ("a", "b")), b"12345678"))
    for _ in range(data.draw(st.integers(1, 4))):
        said[data.draw(st.integers(0, len(said) - 1))] = data.draw(st.integers(0, 255))
    with conversation() as (here, far):
        far.sendall(said)
        far.close()
        with contextlib.suppress(Ended, Nonsense):
            while True:
                here.receive(5)


def flood(far: socket.socket, block: bytes, times: int) -> threading.Thread:
    """Writes until it is done or nobody takes it any more."""

    def write() -> None:
        with contextlib.suppress(OSError):
            for _ in range(times):
                far.sendall(block)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_a_line_without_an_end_is_nonsense_before_it_fills_the_memory(ends):
    here, far = ends
    writer = flood(far, b"x" * 1_000_000, 1000)

    with pytest.raises(Nonsense, match="longer than 8388608 bytes"):
        here.receive(20)

    here.close()
    writer.join()
    assert len(here._received) < channels.LONGEST_LINE + 1_000_000


def test_a_long_line_below_the_limit_is_a_message(ends):
    """Eight thousand tokens of a segment, or a long list of chunks, are nothing unusual."""
    here, far = ends
    long = SegmentFound(1, 0, Segment(0.0, 1.0, "あ" * 1_000_000, tokens=tuple(range(100_000))))
    writer = threading.Thread(target=Channel(far).send, args=(long,))
    writer.start()

    assert here.receive(20) == (long, b"")
    writer.join()


def test_the_largest_payload_arrives(ends):
    here, far = ends
    payload = os.urandom(1 << 20) * 64
    writer = threading.Thread(target=Channel(far).send, args=(SpeechProbabilities(1, 512), payload))
    writer.start()

    message, got = here.receive(20)

    writer.join()
    assert message == SpeechProbabilities(1, 512)
    assert got == payload


def test_silence_is_told_from_an_end(ends):
    here, _ = ends

    with pytest.raises(Silent):
        here.receive(0.01)


def test_a_dribble_does_not_put_off_the_time_limit(ends):
    """A byte now and then, and never a message: as good as silence."""
    here, far = ends
    tired = threading.Event()

    def dribble() -> None:
        with contextlib.suppress(OSError):
            for _ in itertools.takewhile(lambda _: not tired.wait(0.02), range(500)):
                far.send(b"x")

    writer = threading.Thread(target=dribble)
    writer.start()
    try:
        with pytest.raises(Silent):
            here.receive(0.2)
        assert len(here._received) < 100
    finally:
        tired.set()
        writer.join()


def test_a_server_with_thousands_of_open_files_can_still_listen():
    """select() knows descriptors up to 1023 only."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip(f"at most {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        with conversation() as (here, far):
            assert far.fileno() > 1023
            with pytest.raises(Silent):
                here.receive(0.01)
            far.sendall(frame(Cancel(1)))
            assert here.receive(5) == (Cancel(1), b"")
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_many_threads_may_send_at_once(ends):
    here, far = ends
    there = Channel(far)
    threads = [
        threading.Thread(target=lambda n=n: [there.send(Cancel(n), bytes([n]) * 5000) for _ in range(50)])
        for n in range(8)
    ]
    for thread in threads:
        thread.start()

    got = [here.receive(20) for _ in range(400)]

    for thread in threads:
        thread.join()
    assert sorted(message.request for message, _ in got) == sorted(list(range(8)) * 50)
    assert all(payload == bytes([message.request]) * 5000 for message, payload in got)

"""Wyoming's own client against the real server: what Home Assistant sends, and what a stranger may."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import struct
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy
import pytest
from wyoming.asr import Transcribe
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.ping import Ping

from program import run_program, samples_of
from served import Served, begin, beside, end
from yamabiko.bundled import clips

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of audioop, which the package uses as long as Python has it
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.info import Describe, Info

EN = next(clip for clip in clips() if clip.language == "en")
JA = next(clip for clip in clips() if clip.language == "ja")
PATIENCE_S = 120
NOISE = numpy.random.default_rng(5)


def said_of_it(served: Served) -> str:
    """The line about Wyoming, behind the one about HTTP."""
    assert served.process.stderr is not None
    for _ in range(20):
        line = served.process.stderr.readline()
        if "tcp://" in line or not line:
            return line
    raise AssertionError("nothing was said of Wyoming")


def port_of(served: Served) -> int:
    found = re.search(r"tcp://127\.0\.0\.1:(\d+), for this machine alone", said_of_it(served))
    assert found
    return int(found[1])


@pytest.fixture(scope="module")
def plain(shared_home, silero_installed) -> Iterator[tuple[Served, int]]:
    """A scripted engine that says how much audio it got."""
    served = begin(beside(shared_home), "--engine", "scripted", "--wyoming-port", "0", "--max-upload-mb", "4")
    yield served, port_of(served)
    end(served)


@pytest.fixture(scope="module")
def real(ready_home) -> Iterator[tuple[Served, int]]:
    served = begin(beside(ready_home), "--wyoming-port", "0")
    yield served, port_of(served)
    end(served)


@pytest.fixture
def own(serve) -> Callable[..., tuple[Served, int]]:
    """A server to be broken: its engine follows a script."""

    def start(model: str = "", *options: str, **how: object) -> tuple[Served, int]:
        served = serve(model, "--wyoming-port", "0", *options, **how)
        return served, port_of(served)

    return start


# ---- a client ---------------------------------------------------------------------------------------------------------


class Client(AsyncTcpClient):
    async def say(self, *said: object) -> None:
        for one in said:
            await self.write_event(one if isinstance(one, Event) else one.event())  # type: ignore[attr-defined]

    async def hear(self, until: str = "transcript-stop") -> dict[str, Event]:
        """Events up to the one that is waited for, an error, or the end; of several of a kind, the last."""
        heard: dict[str, Event] = {}
        while (event := await asyncio.wait_for(self.read_event(), PATIENCE_S)) is not None:
            heard[event.type] = event
            if event.type in (until, "error"):
                break
        return heard

    async def transcribe(
        self, samples: bytes, rate: int = 16000, width: int = 2, channels: int = 1, **asked: object
    ) -> dict[str, Event]:
        await self.say(Transcribe(**asked))  # type: ignore[arg-type]
        await self.say(AudioStart(rate, width, channels))
        for at in range(0, len(samples), 2048):
            await self.say(AudioChunk(rate, width, channels, samples[at : at + 2048]))
        await self.say(AudioStop())
        return await self.hear()


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Client]:
    async with Client("127.0.0.1", port) as connected:
        yield connected


def once(port: int, samples: bytes, *form: int, **asked: object) -> dict[str, Event]:
    async def ask() -> dict[str, Event]:
        async with client(port) as connected:
            return await connected.transcribe(samples, *form, **asked)

    return asyncio.run(ask())


def sixteen_bit(samples: object) -> bytes:
    return (numpy.asarray(samples) * 32767).astype("<i2").tobytes()


def noise(seconds: float = 1.0) -> bytes:
    return sixteen_bit(NOISE.uniform(-0.1, 0.1, int(seconds * 16000)))


@pytest.fixture(scope="module")
def speech(tmp_path_factory) -> bytes:
    """Somebody speaks, so that the engine is asked: ours, 16 kHz, 16 bit."""
    return sixteen_bit(samples_of(EN, tmp_path_factory.mktemp("speech")))


def raw(port: int, *parts: bytes) -> tuple[str | None, bytes]:
    """What a stranger gets who sends bytes: the code of the error, and everything. Ends with the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        for part in parts:
            connection.sendall(part)
        got = b""
        while block := connection.recv(65536):
            got += block
    code = re.search(rb'"code": "([a-z-]+)"', got)
    return code and code[1].decode(), got


def first_word(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(b'{"type": "ping"}\n')
        return connection.recv(65536)


def still_there(port: int) -> None:
    async def ask() -> Event | None:
        async with client(port) as connected:
            await connected.say(Ping("still there?"))
            return await asyncio.wait_for(connected.read_event(), PATIENCE_S)

    answer = asyncio.run(ask())
    assert answer is not None
    assert (answer.type, answer.data["text"]) == ("pong", "still there?")


def nothing_left(served: Served) -> None:
    """No place in the queue, no descriptor of a connection or a recording, no folder."""
    held = Path(f"/proc/{served.process.pid}/fd")

    def free() -> bool:
        names = [os.readlink(one) for one in held.iterdir() if os.path.lexists(one)]
        return served.stats()["requests_at_work"] == 0 and not any("wyoming.wav" in name for name in names)

    served.wait_until(free, 30)
    work = served.home / "cache/work"
    served.wait_until(lambda: not list(work.glob(f"{served.process.pid}-upload-*")), 30)


# ---- what is asked of it ------------------------------------------------------------------------------------------------


def test_describe_names_the_models_as_home_assistant_reads_them(real) -> None:
    """It takes `asr[0]` and the languages of the installed models, within a second."""

    async def ask() -> Info:
        async with client(real[1]) as connected:
            await connected.say(Describe())
            return Info.from_event((await connected.hear("info"))["info"])

    program = asyncio.run(ask()).asr[0]
    own, *others = program.models
    assert (program.name, program.installed, program.supports_transcript_streaming) == ("yamabiko", True, True)
    assert (own.name, own.installed, own.attribution.name) == ("base", True, "Systran")
    assert {"en", "ja"} <= set(own.languages)
    assert {other.name: other.languages for other in others}["tiny.en"] == ["en"]
    assert not next(other for other in others if other.name == "large-v3").installed


def test_both_clips_in_one_connection_with_a_ping_between(real, tmp_path) -> None:
    async def ask() -> None:
        async with client(real[1]) as connected:
            en = await connected.transcribe(sixteen_bit(samples_of(EN, tmp_path)), language="en-US", name="base")
            assert "museum" in en["transcript"].data["text"]
            await connected.say(Ping("x"))
            assert "pong" in await connected.hear("pong")
            ja = await connected.transcribe(sixteen_bit(samples_of(JA, tmp_path)))
            assert "雨" in ja["transcript"].data["text"]
            assert ja["transcript"].data["language"] == "ja"
            assert ja["transcript-chunk"].data["text"].strip() == ja["transcript"].data["text"]
            assert {"transcript-start", "transcript-stop"} <= set(ja)
            receipt = ja["transcript"].data["yamabiko"]
            assert (receipt["used_device"], receipt["verdict"]) == ("cpu", "proved")

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("rate", "width", "channels"), [(22050, 2, 1), (44100, 3, 2), (48000, 4, 1), (16000, 1, 1), (8000, 2, 6)]
)
def test_samples_of_any_kind_are_heard(real, tmp_path, rate, width, channels) -> None:
    """8 bit are unsigned, as in a WAV file: so the package's own converter reads them since 1.10."""
    samples = samples_of(EN, tmp_path)
    places = numpy.arange(int(len(samples) * rate / 16000)) * 16000 / rate
    resampled = numpy.repeat(numpy.interp(places, numpy.arange(len(samples)), samples), channels)
    if width == 1:
        made = (resampled * 127 + 128).astype("u1").tobytes()
    else:
        whole = (resampled * 0.9 * (1 << 31)).astype("<i4").tobytes()
        made = numpy.frombuffer(whole, "u1").reshape(-1, 4)[:, 4 - width :].tobytes()
    assert "museum" in once(real[1], made, rate, width, channels, language="en")["transcript"].data["text"]


def test_names_and_terms_to_expect_are_taken(real, speech) -> None:
    wanted = Transcribe(language="en", transcript_names=["Muzeum"], transcript_terms=["Touer"])
    assert wanted.event().data["transcript_names"] == ["Muzeum"]
    heard = once(
        real[1],
        speech,
        language="en",
        transcript_names=["Muzeum"],
        transcript_terms=["Touer"],
    )
    assert heard["transcript"].data["text"]


def test_silence_is_an_empty_transcript(real) -> None:
    assert once(real[1], bytes(32000))["transcript"].data["text"] == ""


def test_no_sample_at_all_is_an_empty_transcript_as_upstream_s(plain) -> None:
    async def ask() -> None:
        async with client(plain[1]) as connected:
            for said in ([AudioStop()], [AudioStart(16000, 2, 1), AudioStop()]):
                await connected.say(*said)
                assert (await connected.hear())["transcript"].data["text"] == ""

    asyncio.run(ask())


def test_chunks_without_a_start_are_taken_by_their_own_word(plain) -> None:
    async def ask() -> dict[str, Event]:
        async with client(plain[1]) as connected:
            await connected.say(AudioChunk(16000, 2, 1, noise(2.0)), AudioStop())
            return await connected.hear()

    assert asyncio.run(ask())["transcript"].data["yamabiko"]["duration_s"] == 2.0


def test_a_second_start_begins_anew(plain) -> None:
    async def ask() -> dict[str, Event]:
        async with client(plain[1]) as connected:
            await connected.say(AudioStart(16000, 2, 1), AudioChunk(16000, 2, 1, noise(3.0)))
            return await connected.transcribe(noise(1.0))

    assert asyncio.run(ask())["transcript"].data["yamabiko"]["duration_s"] == 1.0


def test_events_that_nobody_knows_are_passed_over(plain) -> None:
    async def ask() -> dict[str, Event]:
        async with client(plain[1]) as connected:
            await connected.say(
                Event("select-program", {"name": "yamabiko"}), Event("run-satellite", {}, bytes(200_000))
            )
            return await connected.transcribe(noise())

    assert "transcript" in asyncio.run(ask())


def test_each_of_many_at_once_gets_its_own_answer(plain) -> None:
    sounds = [noise(0.5 + 0.05 * number) for number in range(12)]

    async def ask() -> list[dict[str, Event]]:
        async def one(sound: bytes) -> dict[str, Event]:
            async with client(plain[1]) as connected:
                return await connected.transcribe(sound, language="en")

        return await asyncio.gather(*(one(sound) for sound in sounds))

    told = [heard["transcript"].data["yamabiko"]["duration_s"] for heard in asyncio.run(ask())]
    assert told == pytest.approx([len(sound) / 32000 for sound in sounds], abs=0.001)


def test_who_sends_the_next_before_the_answer_gets_both_in_order(plain) -> None:
    async def ask() -> list[float]:
        async with client(plain[1]) as connected:
            for seconds in (1.0, 2.0):
                await connected.say(AudioStart(16000, 2, 1), AudioChunk(16000, 2, 1, noise(seconds)), AudioStop())
            return [(await connected.hear())["transcript"].data["yamabiko"]["duration_s"] for _ in range(2)]

    assert asyncio.run(ask()) == [1.0, 2.0]


# ---- what cannot be -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "asked", "code"),
    [
        ((0, 2, 1), {}, "parameter-invalid"),
        ((16000, 5, 1), {}, "parameter-invalid"),
        ((16000, 2, 1000), {}, "parameter-invalid"),
        ((16000, "2", 1), {}, "parameter-invalid"),
        ((10**30, 2, 1), {}, "parameter-invalid"),
        ((16000, 2, 1), {"language": "klingon"}, "parameter-invalid"),
        ((16000, 2, 1), {"language": 7}, "parameter-invalid"),
        ((16000, 2, 1), {"transcript_names": [["x"]]}, "parameter-invalid"),
        ((16000, 2, 1), {"name": "no-such"}, "model-unknown"),
    ],
)
def test_what_cannot_be_had_is_an_error_with_its_finding(plain, form, asked, code) -> None:
    said = "".join(line for line in [json.dumps({"type": "transcribe", "data": asked}) + "\n"])
    rate, width, channels = form
    start = json.dumps({"type": "audio-start", "data": {"rate": rate, "width": width, "channels": channels}}) + "\n"
    chunk = json.dumps(
        {"type": "audio-chunk", "data": {"rate": rate, "width": width, "channels": channels}, "payload_length": 8}
    )
    told, everything = raw(
        plain[1], said.encode(), start.encode(), chunk.encode() + b"\n" + bytes(8), b'{"type": "audio-stop"}\n'
    )
    assert told == code
    assert b'"text"' in everything
    still_there(plain[1])
    nothing_left(plain[0])


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b'POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n{"type": "describe"}\n',
        b"\n", b"\x00\xff" * 50 + b"\n", b"[]\n", b"{}\n", b"null\n", b'{"type": 7}\n', b'{"type": "ping", "data": []}\n'[:-4] + b'[1]}\n',
        b'{"type": "ping", "data_length": 99999999999}\n',
        b'{"type": "ping", "data_length": -1}\n',
        b'{"type": "audio-chunk", "payload_length": "all"}\n',
        b'{"type": "ping", "data_length": 2}\n[]',
        b"[" * 60_000 + b"\n",
        b"x" * 200_000,
        b'{"type": "' + b"y" * 1_000_000 + b'"}\n',
    ],
)  # fmt: skip
def test_rubbish_is_an_error_and_the_end_of_its_connection_alone(plain, said) -> None:
    """A web page that posts events here gets no further than its own first line."""
    told, everything = raw(plain[1], said)
    assert told == "event-malformed"
    assert b'"info"' not in everything
    still_there(plain[1])


def test_another_kind_of_samples_in_the_middle_is_refused(plain) -> None:
    async def ask() -> dict[str, Event]:
        async with client(plain[1]) as connected:
            await connected.say(AudioChunk(16000, 2, 1, noise()), AudioChunk(48000, 2, 1, noise()))
            return await connected.hear()

    assert asyncio.run(ask())["error"].data["code"] == "parameter-invalid"


def test_an_endless_stream_ends_at_the_limit_of_uploads(plain) -> None:
    """4 MiB here; chunk by chunk, and in one chunk that says it has 8 GiB. The client is still sending when it is told."""
    start = b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 1}}\n'
    form = b'"data": {"rate": 16000, "width": 2, "channels": 1}'
    many = (b'{"type": "audio-chunk", ' + form + b', "payload_length": 65536}\n' + bytes(65536)) * 80
    one = b'{"type": "audio-chunk", ' + form + b', "payload_length": 8589934592}\n' + bytes(5 << 20)
    for sent in (many, one):
        assert raw(plain[1], start, sent)[0] == "upload-too-large"
    nothing_left(plain[0])
    still_there(plain[1])


@pytest.mark.parametrize("moment", ["a line", "data", "samples", "between chunks"])
def test_a_client_that_vanishes_leaves_nothing(plain, moment) -> None:
    start = b'{"type": "audio-start", "data": {"rate": 16000, "width": 2, "channels": 1}}\n'
    chunk = b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 2, "channels": 1}, "payload_length": 1000}\n'
    last = {
        "a line": b'{"type": "audio-ch',
        "data": b'{"type": "ping", "data_length": 50}\n{"te',
        "samples": chunk + bytes(300),
        "between chunks": chunk + bytes(1000),
    }[moment]
    with socket.create_connection(("127.0.0.1", plain[1])) as connection:
        connection.sendall(start + last)
        plain[0].wait_until(lambda: plain[0].stats()["requests_at_work"] == 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # by a reset, not politely
    nothing_left(plain[0])
    still_there(plain[1])


def test_a_client_that_vanishes_while_it_is_transcribed_frees_the_worker(own, script, speech) -> None:
    stalls = script({"at": "chunk", "times": 1, "do": "stall"})
    served, port = own(stalls)

    async def leave() -> None:
        async with client(port) as connected:
            await connected.say(AudioStart(16000, 2, 1), AudioChunk(16000, 2, 1, speech), AudioStop())
            await connected.hear("transcript-start")
            await asyncio.to_thread(served.wait_until, Path(f"{stalls}.counts/0").exists)
            await connected.say(Ping("while it works"))
            assert "pong" in await connected.hear("pong")

    asyncio.run(leave())
    served.wait_until(lambda: served.stats()["requests_cancelled"] == 1, 10)
    nothing_left(served)
    assert "transcript" in once(port, speech)


# ---- what may happen behind it ------------------------------------------------------------------------------------------


def test_a_worker_that_dies_once_costs_nothing_but_time(own, script, speech) -> None:
    _, port = own(script({"at": "chunk", "times": 1, "do": "die", "signal": "SIGSEGV"}))
    told = once(port, speech)["transcript"].data["yamabiko"]
    assert [finding["id"] for finding in told["fallbacks"]] == ["worker-died-unexplained"]


def test_a_worker_that_always_dies_is_an_error_and_the_server_lives(own, script, speech) -> None:
    served, port = own(script({"at": "chunk", "do": "die", "signal": "SIGSEGV"}))
    for _ in range(2):
        heard = once(port, speech)
        assert heard["error"].data["code"] == "worker-died-unexplained"
        assert heard["error"].data["text"]
        assert "transcript" not in heard
    nothing_left(served)
    still_there(port)


def test_before_it_is_ready_it_describes_itself_and_transcribes_nothing(own, script, speech) -> None:
    served, port = own(script({"at": "load", "times": 1, "do": "stall"}), wait=False, YAMABIKO_WORKER_LOAD_S="4")

    async def ask() -> None:
        async with client(port) as connected:
            await connected.say(Describe())
            assert Info.from_event((await connected.hear("info"))["info"]).asr[0].models[0].installed
            assert (await connected.transcribe(speech))["error"].data["code"] == "server-not-ready"
            assert await connected.read_event() is None, "Home Assistant waits for a transcript, or for the end"

    asyncio.run(ask())
    served.wait_until(served.ready)
    assert "transcript" in once(port, speech)


def test_more_than_the_queue_takes_are_told_so(own, script, speech) -> None:
    served, port = own(script(), "--max-waiting", "1")

    async def ask() -> None:
        async with client(port) as first, client(port) as second:
            await first.say(AudioStart(16000, 2, 1), AudioChunk(16000, 2, 1, speech))
            while served.stats()["requests_at_work"] < 1:
                await asyncio.to_thread(served.wait_until, lambda: served.stats()["requests_at_work"] == 1)
            assert (await second.transcribe(speech))["error"].data["code"] == "server-busy"
            await first.say(AudioStop())
            assert "transcript" in await first.hear()

    asyncio.run(ask())


def test_connections_have_a_limit_and_give_it_back(own, script) -> None:
    """Four times as many as may wait; one more is told so, and gets in when another has left."""
    served, port = own(script(), "--max-waiting", "1")
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    for connection in held:
        connection.sendall(b'{"type": "ping"}\n')
        assert connection.recv(10)
    assert raw(port)[0] == "server-busy"
    for connection in held:
        connection.close()
    served.wait_until(lambda: b"pong" in first_word(port), 30)  # a moment after the last has left


def test_the_end_of_the_server_is_the_end_of_its_connections(own, script, speech) -> None:
    """Who waits for a transcript that will not come is told so, and so is who still speaks."""
    served, port = own(script({"at": "chunk", "times": 1, "do": "stall"}))

    async def ask() -> list[dict[str, Event]]:
        async with client(port) as at_work, client(port) as speaking, client(port) as idle:
            await at_work.say(AudioStart(16000, 2, 1), AudioChunk(16000, 2, 1, speech), AudioStop())
            await at_work.hear("transcript-start")
            await speaking.say(AudioStart(16000, 2, 1), AudioChunk(16000, 2, 1, speech), Ping("x"))
            await speaking.hear("pong")
            await idle.say(Ping("x"))
            await idle.hear("pong")
            served.process.send_signal(signal.SIGTERM)
            return list(await asyncio.gather(*(one.hear() for one in (at_work, speaking, idle))))

    for heard in asyncio.run(ask()):
        assert heard["error"].data["code"] == "server-not-ready"
    _, said = served.process.communicate(timeout=30)
    assert (served.process.returncode, "Traceback" in said) == (0, False)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


# ---- who may reach it ---------------------------------------------------------------------------------------------------


def test_other_machines_reach_it_only_where_its_own_address_says_so(silero_home) -> None:
    """A server that others reach, with a key, keeps Wyoming to this machine: the protocol has no keys."""
    served = begin(
        silero_home,
        "--engine",
        "scripted",
        "--host",
        "0.0.0.0",
        "--api-key",
        "secret",
        "--wyoming-port",
        "0",
        wait=False,
    )
    port_of(served)
    end(served)
    opened = begin(
        silero_home,
        "--engine",
        "scripted",
        "--wyoming-port",
        "0",
        "--wyoming-host",
        "0.0.0.0",
        "--wyoming-without-key",
        wait=False,
    )
    line = said_of_it(opened)
    assert "tcp://0.0.0.0:" in line
    assert "no keys" in line
    end(opened)


def test_an_address_without_a_port_and_a_port_that_is_taken_are_told(shared_home, silero_installed) -> None:
    bare = ("--wyoming-port", "0", "--wyoming-host", "0.0.0.0")
    refused = run_program("serve", "--engine", "scripted", *bare, home=shared_home)
    assert refused.code == 2
    assert "bind-without-key" in refused.err
    assert "--wyoming-without-key" in refused.err
    alone = run_program("serve", "--engine", "scripted", "--wyoming-host", "0.0.0.0", home=shared_home)
    assert alone.code == 2
    assert "--wyoming-port" in alone.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = run_program(
            "serve", "--engine", "scripted", "--port", "0", "--wyoming-port", str(port), home=shared_home
        )
    assert refused.code != 0
    assert "address-in-use" in refused.err
    assert f"--wyoming-port {port + 1}" in refused.err
    assert "listens" not in refused.err


def test_it_is_off_unless_asked_for(shared_home, silero_installed) -> None:
    served = begin(beside(shared_home), "--engine", "scripted", wait=False)
    assert "Wyoming" not in end(served)

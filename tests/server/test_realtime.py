"""Live captions: the official SDK and plain WebSockets against the real server."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy
import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from program import children_of
from served import Served, end
from yamabiko.audio.decode import decode
from yamabiko.bundled import Clip, clips
from yamabiko.settings import Settings

EN = next(clip for clip in clips() if clip.language == "en")
JA = next(clip for clip in clips() if clip.language == "ja")
TRANSCRIPTION = "conversation.item.input_audio_transcription"
OVER = (f"{TRANSCRIPTION}.completed", f"{TRANSCRIPTION}.failed")
WAIT_S = 120


@pytest.fixture(scope="session")
def pcm(tmp_path_factory) -> Callable[[Clip], bytes]:
    """`pcm(clip)`: 24 kHz PCM16 of a clip with a second of silence behind it, by linear interpolation."""

    def make(clip: Clip) -> bytes:
        path = tmp_path_factory.mktemp("clip") / "clip.f32"
        decode(clip.path, path, Settings())
        sound = numpy.concatenate((numpy.fromfile(path, "<f4"), numpy.zeros(16_000, "<f4")))
        at = numpy.arange(sound.size * 3 // 2) * 2 / 3
        return (numpy.interp(at, numpy.arange(sound.size), sound) * 32767).astype("<i2").tobytes()

    return make


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, kind: str, **more: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **more}))

    def hear(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.socket.recv(WAIT_S))
        return event

    def until(self, *kinds: str) -> list[dict[str, Any]]:
        events = [self.hear()]
        while events[-1]["type"] not in kinds:
            events.append(self.hear())
        return events

    def update(self, **sound: Any) -> dict[str, Any]:
        self.say("session.update", session={"type": "transcription", "audio": {"input": sound}})
        return self.until("session.updated", "error")[-1]

    def append(self, sound: bytes, size: int = 24_000) -> None:
        for at in range(0, len(sound), size):
            self.say("input_audio_buffer.append", audio=base64.b64encode(sound[at : at + size]).decode())


@contextmanager
def live(served: Served, query: str = "intent=transcription", **how: Any) -> Iterator[Client]:
    address = f"{served.url.replace('http', 'ws', 1)}/v1/realtime?{query}"
    with connect(address, proxy=None, **how) as socket:
        client = Client(socket)
        assert client.hear()["type"] in ("session.created", "transcription_session.created")
        yield client


def joined(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == f"{TRANSCRIPTION}.delta")


# ---- text -----------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:connect:DeprecationWarning")  # the SDK opens websockets the older way
@pytest.mark.parametrize(("clip", "word"), [(EN, "museum"), (JA, "雨")])
def test_the_sdk_reads_captions_of_real_speech(real, pcm, clip, word) -> None:
    with real.sdk.realtime.connect(model="gpt-4o-transcribe", extra_query={"intent": "transcription"}) as connection:
        transcription = {"model": "gpt-4o-transcribe", "language": clip.language}
        connection.session.update(
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "transcription": transcription,
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 700},
                        "noise_reduction": {"type": "near_field"},
                    }
                },
                "include": ["item.input_audio_transcription.logprobs"],
            }
        )
        sound = pcm(clip)
        for at in range(0, len(sound), 48_000):
            connection.input_audio_buffer.append(audio=base64.b64encode(sound[at : at + 48_000]).decode())
        events = []
        for event in connection:
            events.append(event)
            if event.type in OVER:
                break
    kinds = [event.type for event in events]
    assert kinds[:2] == ["session.created", "session.updated"]
    assert "yamabiko.notice" in kinds  # of noise_reduction, which it has not
    for kind in ("speech_started", "speech_stopped", "committed"):
        assert f"input_audio_buffer.{kind}" in kinds
    assert kinds.index("conversation.item.added") < kinds.index("conversation.item.done")
    done = events[-1]
    assert done.type == OVER[0]
    assert word in done.transcript
    assert done.usage.type == "duration"
    assert done.logprobs
    assert all(entry.logprob <= 0 and bytes(entry.bytes).decode() == entry.token for entry in done.logprobs)
    receipt = done.model_extra["yamabiko"]
    assert (receipt["used_device"], receipt["verdict"]) == ("cpu", "proved")
    deltas = "".join(event.delta for event in events if event.type == f"{TRANSCRIPTION}.delta")
    assert receipt["deltas_differ"] or deltas == done.transcript


def test_what_will_not_change_is_told_while_somebody_speaks(serve, script, pcm) -> None:
    served = serve(script(says="one two three four"))
    heard: list[dict[str, Any]] = []
    with live(served) as client:
        client.update(turn_detection={"type": "server_vad", "silence_duration_ms": 20_000})
        for at in itertools.count(0, 14_400):  # as a microphone does, 0.3 s at a time, over and over
            sound = pcm(EN)
            client.append(sound[at % len(sound) : at % len(sound) + 14_400])
            with contextlib.suppress(TimeoutError):
                heard.append(json.loads(client.socket.recv(0.3)))
            if joined(heard):
                break
        assert "input_audio_buffer.committed" not in [event["type"] for event in heard]
        assert joined(heard) == "one two three"
        client.say("input_audio_buffer.commit")
        heard += client.until(*OVER)
    assert joined(heard) == heard[-1]["transcript"] == "one two three four"
    assert heard[-1]["yamabiko"]["deltas_differ"] is False


def test_turns_come_in_their_order_and_point_at_the_one_before(plain, pcm) -> None:
    with live(plain) as client:
        client.append(pcm(EN) + pcm(JA))
        items = []
        while len(items) < 3:
            items.append(client.until(*OVER)[-1]["item_id"])
        assert len(set(items)) == 3


def test_the_client_ends_turns_where_detection_is_off(plain, pcm) -> None:
    with live(plain) as client:
        told = client.update(turn_detection=None)
        assert told["session"]["audio"]["input"]["turn_detection"] is None
        client.append(pcm(EN))
        client.say("input_audio_buffer.commit")
        events = client.until(*OVER)
        client.say("input_audio_buffer.commit", event_id="mine")
        empty = client.hear()
    assert [event["type"] for event in events[:3]] == [
        "input_audio_buffer.committed", "conversation.item.added", "conversation.item.done",
    ]  # fmt: skip
    assert joined(events) == events[-1]["transcript"] != ""
    assert events[-1]["usage"]["seconds"] == 9
    assert empty["error"]["code"] == "input_audio_buffer_commit_empty"
    assert empty["error"]["event_id"] == "mine"


def test_a_long_turn_is_settled_stretch_by_stretch(plain, pcm) -> None:
    with live(plain) as client:
        client.update(turn_detection=None)
        client.append(pcm(EN) * 8, 2_000_000)
        client.say("input_audio_buffer.commit")
        events = client.until(*OVER)
    deltas = [event for event in events if event["type"] == f"{TRANSCRIPTION}.delta"]
    assert len(deltas) >= 3
    assert joined(events) == events[-1]["transcript"]
    assert events[-1]["usage"]["seconds"] == 65


def test_nobody_speaking_is_no_text_and_the_timeout_is_told(plain) -> None:
    with live(plain) as client:
        client.update(turn_detection={"type": "server_vad", "idle_timeout_ms": 5000})
        client.append(bytes(48_000 * 6))
        events = client.until(*OVER)
    assert events[0]["type"] == "input_audio_buffer.timeout_triggered"
    assert 5000 <= events[0]["audio_end_ms"] - events[0]["audio_start_ms"] < 5100
    assert events[-1]["transcript"] == ""


def test_cleared_sound_never_becomes_text(plain, pcm) -> None:
    with live(plain) as client:
        client.update(turn_detection=None)
        client.append(pcm(EN))
        client.say("input_audio_buffer.clear")
        assert client.hear()["type"] == "input_audio_buffer.cleared"
        client.say("input_audio_buffer.commit")
        assert client.hear()["type"] == "error"


@pytest.mark.parametrize("name", ["audio/pcmu", "audio/pcma"])
def test_telephone_sound_is_heard(plain, pcm, name) -> None:
    wide = numpy.frombuffer(pcm(EN), "<i2").astype(int)
    narrow = wide[: wide.size // 3 * 3].reshape(-1, 3).mean(axis=1)
    with live(plain) as client:
        client.update(format={"type": name})
        client.append(_coded(narrow, name))
        done = client.until(*OVER)[-1]
    assert done["transcript"].startswith("[")


def _coded(sound: Any, name: str) -> bytes:
    """By the nearest value of the table that decodes it: slow and plain."""
    from yamabiko.server.realtime import sound as tables

    table = tables._ULAW if name == "audio/pcmu" else tables._ALAW
    order = numpy.argsort(table, kind="stable")
    at = numpy.clip(numpy.searchsorted(table[order], sound / 32768), 0, 255)
    return bytes(order[at].astype(numpy.uint8))


def test_the_older_names_of_the_api(plain, pcm) -> None:
    with live(plain, additional_headers={"OpenAI-Beta": "realtime=v1"}) as client:
        client.say(
            "transcription_session.update",
            session={"input_audio_format": "pcm16", "input_audio_transcription": {"model": "whisper-1"}},
        )
        told = client.hear()
        client.append(pcm(JA))
        kinds = [event["type"] for event in client.until(*OVER)]
    assert told["type"] == "transcription_session.updated"
    assert told["session"]["input_audio_format"] == "pcm16"
    assert "conversation.item.created" in kinds
    assert "conversation.item.added" not in kinds


# ---- clients that err -------------------------------------------------------------------------------------------------------


def test_what_a_client_gets_wrong_is_told_and_survived(plain, pcm) -> None:
    with live(plain) as client:
        for text in ("{", "[]", '"x"', "[" * 100_000, '{"type": 7}', '{"type": "response.create", "event_id": "r"}'):
            client.socket.send(text)
            error = client.hear()
            assert (error["type"], error["error"]["code"]) == ("error", "realtime-event-invalid")
        assert error["error"]["event_id"] == "r"
        client.socket.send(b"binary")
        assert client.hear()["type"] == "error"
        for audio in ("!!!", base64.b64encode(b"odd").decode(), 7, None):
            client.say("input_audio_buffer.append", audio=audio)
            assert client.hear()["error"]["code"] == "realtime-event-invalid"
        client.append(pcm(JA))
        assert client.until(*OVER)[-1]["type"] == OVER[0]


@pytest.mark.parametrize(
    ("sound", "param"),
    [
        ({"format": {"type": "audio/mp3"}}, "session.audio.input.format.type"),
        ({"format": {"type": "audio/pcm", "rate": 16000}}, "session.audio.input.format.rate"),
        ({"turn_detection": {"type": "server_vad", "threshold": 7}}, "session.audio.input.turn_detection.threshold"),
        ({"turn_detection": {"type": "magic"}}, "session.audio.input.turn_detection.type"),
        ({"transcription": {"language": "klingon"}}, "session.audio.input.transcription.language"),
        ({"transcription": {"model": "bse"}}, "session.audio.input.transcription.model"),
        ({"transcription": "x"}, "session.audio.input.transcription"),
    ],
)
def test_a_setting_that_cannot_be_had_changes_nothing(plain, sound, param) -> None:
    with live(plain) as client:
        error = client.update(**sound)
        assert (error["type"], error["error"]["param"]) == ("error", param)
        assert client.update()["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}


def test_semantic_detection_is_replaced_and_said(plain) -> None:
    with live(plain) as client:
        told = client.update(turn_detection={"type": "semantic_vad", "eagerness": "low"})
        assert told["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        assert client.hear()["finding"]["id"] == "realtime-setting-replaced"


def test_a_client_that_says_nothing_is_let_go(serve) -> None:
    served = serve("", YAMABIKO_LIVE_IDLE_S="1")
    with live(served) as client:
        assert client.hear()["error"]["code"] == "session-idle"
        with pytest.raises(ConnectionClosed) as closed:
            client.hear()
    assert closed.value.rcvd.code == 1000


# ---- workers and servers that fail ------------------------------------------------------------------------------------------


def test_a_worker_that_dies_costs_a_fallback_and_no_text(serve, script, pcm) -> None:
    served = serve(script({"at": "chunk", "times": 1, "do": "die", "signal": "SIGSEGV"}, says="here it is"))
    with live(served) as client:
        client.update(turn_detection=None)
        client.append(pcm(JA))
        client.say("input_audio_buffer.commit")
        done = client.until(*OVER)[-1]
    assert done["transcript"] == "here it is"
    assert done["yamabiko"]["fallbacks"]


def test_no_text_for_speech_fails_the_turn_and_not_the_session(serve, script, pcm) -> None:
    served = serve(script({"at": "chunk", "times": 2, "do": "silence"}, says="back again"))
    with live(served) as client:
        client.update(turn_detection=None)
        for kind in (OVER[1], OVER[0]):
            client.append(pcm(EN))
            client.say("input_audio_buffer.commit")
            over = client.until(*OVER)[-1]
            assert over["type"] == kind
            if kind == OVER[1]:
                assert over["error"]["code"] == "no-text-for-speech"
    assert over["transcript"] == "back again"


def test_a_machine_that_is_too_slow_is_told_with_its_factor(serve, script, pcm) -> None:
    served = serve(script({"at": "chunk", "do": "stall", "seconds": 9}, says="late"))
    with live(served) as client:
        client.update(turn_detection=None)
        client.append(pcm(JA))
        client.say("input_audio_buffer.commit")
        events = client.until(*OVER)
    notice = next(event["finding"] for event in events if event["type"] == "yamabiko.notice")
    assert notice["id"] == "captions-too-slow"
    assert any("a second of speech" in line for line in notice["evidence"])
    assert events[-1]["transcript"] == "late"


def test_a_client_that_vanishes_leaves_nothing(serve, script, pcm) -> None:
    served = serve(script({"at": "chunk", "times": 1, "do": "stall"}))
    before = _held(served)
    for _ in range(3):  # the worker of the first stands still when its client goes
        with live(served) as client:
            client.update(turn_detection=None)
            client.append(pcm(JA))
            client.say("input_audio_buffer.commit")
            client.until("conversation.item.done")
            client.socket.socket.shutdown(socket.SHUT_RDWR)  # no word of farewell
        served.wait_until(lambda: served.stats()["requests_at_work"] == 0, 20)
    most = (before[0], before[1], before[2] + _OF_ASYNCIO, before[3])
    served.wait_until(lambda: all(now <= then for now, then in zip(_held(served), most, strict=True)), 20)


_OF_ASYNCIO = 4 + (os.cpu_count() or 1)
"""Threads that its own pool starts as it likes, and keeps."""


def _held(served: Served) -> tuple[int, ...]:
    """Folders, descriptors, threads and child processes."""
    own = Path(f"/proc/{served.process.pid}")
    folders = list((served.home / "cache/work").glob(f"{served.process.pid}-*"))
    counted = (folders, list((own / "fd").iterdir()), list((own / "task").iterdir()), children_of(served.process.pid))
    return tuple(map(len, counted))


def test_sixteen_at_once_get_each_their_own(plain, pcm) -> None:
    sounds = [pcm(JA)[number * 4_800 :] for number in range(16)]
    texts: dict[int, str] = {}

    def caption(number: int) -> None:
        with live(plain) as client:
            client.update(turn_detection=None)
            client.append(sounds[number], 100_000)
            client.say("input_audio_buffer.commit")
            texts[number] = client.until(*OVER)[-1]["transcript"]

    threads = [threading.Thread(target=caption, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert len(texts) == len(set(texts.values())) == 16


def test_a_server_that_ends_says_so(serve, pcm) -> None:
    served = serve("")
    with live(served) as client:
        client.append(pcm(JA)[:48_000])
        served.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            client.until("nothing more")
    assert closed.value.rcvd.code == 1001
    end(served)


# ---- who may come in --------------------------------------------------------------------------------------------------------


def test_a_stranger_s_name_or_page_is_refused(plain) -> None:
    port = int(plain.url.rpartition(":")[2])
    with pytest.raises(InvalidStatus) as refused, live(plain, additional_headers={"Origin": "https://evil.example"}):
        pass
    assert refused.value.response.status_code == 403
    way = socket.create_connection(("127.0.0.1", port))
    with pytest.raises(InvalidStatus) as refused, connect("ws://evil.example/v1/realtime", sock=way):
        pass
    assert refused.value.response.status_code == 403


def test_keys_hold_for_sessions_and_short_lived_ones_open_them_alone(serve) -> None:
    served = serve("", "--api-key", "anna:one-secret", wait=False)
    with served.http as http:
        served.wait_until(lambda: http.get("/ready").status_code == 200)
        with pytest.raises(InvalidStatus) as refused, live(served):
            pass
        assert refused.value.response.status_code == 401
        with live(served, additional_headers={"Authorization": "Bearer one-secret"}):
            pass
        subprotocols = ["realtime", "openai-insecure-api-key.one-secret"]
        with live(served, subprotocols=subprotocols) as client:
            assert client.socket.subprotocol == "realtime"
        http.headers["authorization"] = "Bearer one-secret"
        sdk = openai.OpenAI(base_url=f"{served.url}/v1", api_key="one-secret", max_retries=0)
        session = {"type": "transcription", "audio": {"input": {"transcription": {"language": "ja"}}}}
        minted = sdk.realtime.client_secrets.create(session=session)
        sdk.close()
        assert minted.value.startswith("ek_")
        with live(served, subprotocols=["realtime", f"openai-insecure-api-key.{minted.value}"]) as client:
            assert client.update()["session"]["audio"]["input"]["transcription"]["language"] == "ja"
        with httpx.Client(base_url=served.url, trust_env=False) as other:
            answer = other.get("/v1/models", headers={"authorization": f"Bearer {minted.value}"})
        assert answer.status_code == 401
        old = http.post("/v1/realtime/transcription_sessions", json={"input_audio_format": "g711_ulaw"}).json()
        assert old["client_secret"]["value"].startswith("ek_")
        assert old["input_audio_format"] == "g711_ulaw"
        assert http.post("/v1/realtime/client_secrets", content=b"{").status_code == 400
        assert http.post("/v1/realtime/client_secrets", json={"session": {"type": "realtime"}}).status_code == 400


def test_more_sessions_than_there_are_places_are_told_to_come_again(serve) -> None:
    served = serve("", "--max-waiting", "2")
    with live(served):
        with pytest.raises(InvalidStatus) as refused, live(served):
            pass
        assert refused.value.response.status_code == 429
        assert int(refused.value.response.headers["retry-after"]) >= 1

"""Live captions where workers, clients and servers fail, and who may come in."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import httpx
import openai
import pytest
from live_client import EN, JA, OVER, live, pcm
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from program import children_of
from served import Served, end

# ---- workers and servers that fail ------------------------------------------------------------------------------------------


def test_a_worker_that_dies_costs_a_fallback_and_no_text(serve, script) -> None:
    served = serve(script({"at": "chunk", "times": 1, "do": "die", "signal": "SIGSEGV"}, says="here it is"))
    with live(served) as client:
        client.update(turn_detection=None)
        client.append(pcm(JA))
        client.say("input_audio_buffer.commit")
        done = client.until(*OVER)[-1]
    assert done["transcript"] == "here it is"
    assert done["yamabiko"]["fallbacks"]


def test_no_text_for_speech_fails_the_turn_and_not_the_session(serve, script) -> None:
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


def test_a_machine_that_is_too_slow_is_told_with_its_factor(serve, script) -> None:
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


def test_a_client_that_vanishes_leaves_nothing(serve, script) -> None:
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


def test_sixteen_at_once_get_each_their_own(plain) -> None:
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


def test_a_server_that_ends_says_so(serve) -> None:
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

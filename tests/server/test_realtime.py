"""Live captions: the official SDK and plain WebSockets against the real server."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from typing import Any

import numpy
import pytest
from live_client import EN, JA, OVER, TRANSCRIPTION, joined, live, pcm
from websockets.exceptions import ConnectionClosed

# ---- text -----------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:connect:DeprecationWarning")  # the SDK opens websockets the older way
@pytest.mark.parametrize(("clip", "word"), [(EN, "museum"), (JA, "雨")])
def test_the_sdk_reads_captions_of_real_speech(real, clip, word) -> None:
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


def test_what_will_not_change_is_told_while_somebody_speaks(serve, script) -> None:
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


def test_turns_come_in_their_order_and_point_at_the_one_before(plain) -> None:
    with live(plain) as client:
        client.append(pcm(EN) + pcm(JA))
        items = []
        while len(items) < 3:
            items.append(client.until(*OVER)[-1]["item_id"])
        assert len(set(items)) == 3


def test_the_client_ends_turns_where_detection_is_off(plain) -> None:
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


def test_a_long_turn_is_settled_stretch_by_stretch(plain) -> None:
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


def test_cleared_sound_never_becomes_text(plain) -> None:
    with live(plain) as client:
        client.update(turn_detection=None)
        client.append(pcm(EN))
        client.say("input_audio_buffer.clear")
        assert client.hear()["type"] == "input_audio_buffer.cleared"
        client.say("input_audio_buffer.commit")
        assert client.hear()["type"] == "error"


@pytest.mark.parametrize("name", ["audio/pcmu", "audio/pcma"])
def test_telephone_sound_is_heard(plain, name) -> None:
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


def test_the_older_names_of_the_api(plain) -> None:
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


def test_what_a_client_gets_wrong_is_told_and_survived(plain) -> None:
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

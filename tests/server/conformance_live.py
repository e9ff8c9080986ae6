"""What the rows about live captions send over a WebSocket, and what they make of the events, held against the SDK's types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from live_client import EN, OVER, TRANSCRIPTION, Client, joined, live, pcm
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from served import Served

_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


def _checked(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each event that OpenAI has a type for fits it."""
    for event in events:
        if not event["type"].startswith("yamabiko."):
            _EVENT.validate_python(event)
    return events


def _named(events: list[dict[str, Any]]) -> str:
    """Kinds of events in their order, each run of the same one once."""
    kinds = [event["type"].removeprefix("conversation.item.") for event in events]
    return ", ".join(f"`{kind}`" for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind)


def _refused(error: dict[str, Any]) -> str:
    _checked([error])
    told = error["error"]
    return f"`error` `{told['code']}`" + (f", param `{told['param']}`" if told["param"] else "")


def sets(**sound: Any) -> Callable[[Served], str]:
    """A setting that holds from then on, as the answer shows it; and notices about it."""

    def ask(served: Served) -> str:
        with live(served) as client:
            answer = client.update(**sound)
            notices = []
            client.say("input_audio_buffer.clear")  # whatever was to be said of the setting comes before its answer
            for event in client.until("input_audio_buffer.cleared")[:-1]:
                notices.append(event["finding"]["id"])
        if answer["type"] == "error":
            return _refused(answer)
        _checked([answer])
        for name, asked in sound.items():
            held = answer["session"]["audio"]["input"][name]
            if not notices:
                assert held == asked or asked.items() <= held.items(), (held, asked)
        return "`session.updated`" + "".join(f", notice `{notice}`" for notice in notices)

    return ask


def included(served: Served) -> str:
    with live(served) as client:
        wanted = ["item.input_audio_transcription.logprobs"]
        client.say("session.update", session={"type": "transcription", "include": wanted})
        [answer] = _checked(client.until("session.updated", "error"))
        assert answer["session"]["include"] == wanted
        client.update(turn_detection=None)
        client.append(pcm(EN))
        client.say("input_audio_buffer.commit")
        done = _checked(client.until(*OVER))[-1]
    assert all(entry["logprob"] <= 0 for entry in done["logprobs"])
    return f"{len(done['logprobs'])} entries, each with its bytes" if done["logprobs"] else "none"


def committed(served: Served) -> str:
    with live(served) as client:
        client.update(turn_detection=None)
        client.append(pcm(EN))
        client.say("input_audio_buffer.commit")
        events = _checked(client.until(*OVER))
    assert joined(events) == events[-1]["transcript"] != ""
    return _named([event for event in events if not event["type"].startswith("yamabiko.")])


def detected(served: Served) -> str:
    with live(served) as client:
        client.append(pcm(EN) + bytes(48_000))
        events = _checked(client.until(*OVER))
    wanted = ("input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed")
    of_this_turn = [event for event in events if event.get("item_id") == events[-1]["item_id"]]
    return _named([event for event in of_this_turn if event["type"] in (*wanted, f"{TRANSCRIPTION}.completed")])


def says(kind: str, **more: Any) -> Callable[[Served], str]:
    """One event, and the first that answers it."""

    def ask(served: Served) -> str:
        with live(served) as client:
            return _first(client, kind, **more)

    return ask


def _first(client: Client, kind: str, **more: Any) -> str:
    client.say(kind, **more)
    answer = client.hear()
    return _refused(answer) if answer["type"] == "error" else _named(_checked([answer]))


def connected(served: Served) -> str:
    with live(served):
        return "`session.created`"


def secret(served: Served) -> str:
    answer = served.sdk.realtime.client_secrets.create(session={"type": "transcription"})
    assert answer.value.startswith("ek_")
    assert answer.expires_at > 0
    return "`value`, `expires_at`, `session`"

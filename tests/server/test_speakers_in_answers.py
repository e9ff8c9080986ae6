"""The answer and the events of a transcript whose speakers were told apart, in OpenAI's own types."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from openai.types.audio import TranscriptionDiarized, TranscriptionTextDoneEvent
from openai.types.audio.transcription_text_segment_event import TranscriptionTextSegmentEvent

from yamabiko.findings import Problem
from yamabiko.scheduling.setup import Wish
from yamabiko.server import answers
from yamabiko.server.forms import Form
from yamabiko.server.transcription_form import Asked, read
from yamabiko.speech import Receipt, Segment, Transcript, Turn

RECEIPT = Receipt("scripted", "1", "cpu", "base", None, "cpu", "auto", "cpu", "int8", "proved")
SPOKEN = Transcript(
    source="talk.wav",
    duration_s=4.2,
    task="transcribe",
    language="en",
    language_probability=0.9,
    segments=(Segment(0.0, 2.0, " How are you?", speaker="A"), Segment(2.0, 4.0, " Fine.", speaker="Mary")),
    receipt=RECEIPT,
    turns=(Turn(0.0, 2.0, "A"), Turn(2.0, 4.0, "Mary")),
)
SAID = [("seg_001", "A", "How are you?"), ("seg_002", "Mary", "Fine.")]


@pytest.fixture
def asked() -> Asked:
    return read(Form({"response_format": ["diarized_json"]}), Wish("scripted"))


def test_the_whole_answer_is_openais(asked: Asked) -> None:
    body, media = answers.body(SPOKEN, asked)
    found = TranscriptionDiarized.model_validate_json(body, strict=True)
    assert media == "application/json"
    assert [(one.id, one.speaker, one.text) for one in found.segments] == SAID


def test_a_stream_tells_who_said_what_before_its_end(asked: Asked) -> None:
    """While it goes on nobody knows yet: deltas have text alone."""
    told: list[dict[str, Any]] = [
        json.loads(line.removeprefix("data: "))
        for line in (answers.Stretches(asked).tell(SPOKEN.segments) + answers.done(SPOKEN, asked)).splitlines()
        if line
    ]
    assert [one["type"] for one in told] == [
        "transcript.text.delta",
        "transcript.text.segment",
        "transcript.text.segment",
        "transcript.text.done",
    ]
    segments = [TranscriptionTextSegmentEvent.model_validate(one, strict=True) for one in told[1:3]]
    assert [(one.id, one.speaker, one.text) for one in segments] == SAID
    # Not strictly: its usage has seconds of sound, where the model that OpenAI streams counts tokens.
    assert TranscriptionTextDoneEvent.construct(**told[-1]).text == "How are you? Fine."


def test_without_speakers_no_name_is_made_up(asked: Asked) -> None:
    with pytest.raises(Problem, match="speakers-not-told-apart"):
        answers.body(replace(SPOKEN, turns=None), asked)

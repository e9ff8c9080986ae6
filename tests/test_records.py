"""Records travel as JSON and come back the same; what is not a record is refused, always in the same way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yamabiko.findings import Finding
from yamabiko.records import Malformed, from_plain, to_plain
from yamabiko.speech import Evidence, Receipt, Segment, Span, TranscribeOptions, Transcript
from yamabiko.workers.messages import BY_NAME

SHAPES = [*BY_NAME.values(), Transcript, Receipt, Finding]

# Lone surrogates too: a file name that is not UTF-8 reaches us with them.
text = st.text(st.characters(exclude_categories=()), max_size=20)
floats = st.floats(allow_nan=False)  # nan is not equal to itself
st.register_type_strategy(str, text)
st.register_type_strategy(float, floats)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_a_record_survives_the_way_through_json(shape, data):
    record = data.draw(st.from_type(shape))

    assert from_plain(shape, json.loads(json.dumps(to_plain(record)))) == record


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@settings(max_examples=25)
@given(value=json_values)
def test_any_json_value_is_read_or_refused_as_malformed(shape, value):
    try:
        record = from_plain(shape, value)
    except Malformed:
        return
    assert isinstance(record, shape)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@settings(max_examples=40)
@given(data=st.data())
def test_one_wrong_value_anywhere_is_read_or_refused_as_malformed(shape, data):
    """A worker whose memory is overwritten says almost the right thing."""
    plain = to_plain(data.draw(st.from_type(shape)))
    _replace_one(plain, data)

    try:
        record = from_plain(shape, plain)
    except Malformed:
        return
    assert isinstance(record, shape)


def _replace_one(plain: Any, data: st.DataObject) -> None:
    while isinstance(plain, dict | list) and plain:
        place = data.draw(st.sampled_from(sorted(plain) if isinstance(plain, dict) else range(len(plain))))
        if not isinstance(plain[place], dict | list) or not plain[place] or data.draw(st.booleans()):
            plain[place] = data.draw(json_values)
            return
        plain = plain[place]


@pytest.mark.parametrize(
    ("shape", "plain", "said"),
    [
        (Span, {"start_sample": 0}, "end_sample"),
        (Span, {"start_sample": True, "end_sample": 2}, "Span.start_sample"),
        (Span, {"start_sample": 0.5, "end_sample": 2}, "Span.start_sample"),
        (Span, {"start_sample": "0", "end_sample": 2}, "Span.start_sample"),
        (Span, [0, 2], "Span: expected an object"),
        (Span, None, "Span: expected an object"),
        (Evidence, {"kind": "hearsay", "says": None, "value": ""}, "Evidence.kind"),
        (Evidence, {"kind": ["speed"], "says": None, "value": ""}, "Evidence.kind"),
        (Segment, {"start_s": 0, "end_s": 10**400, "text": ""}, "Segment.end_s"),
        (Segment, {"start_s": 0, "end_s": 1, "text": "", "words": {}}, "Segment.words: expected a list"),
        (Segment, {"start_s": 0, "end_s": 1, "text": "", "tokens": [1, None]}, "Segment.tokens[1]"),
        (Segment, {"start_s": None, "end_s": 1, "text": ""}, "Segment.start_s"),
        (TranscribeOptions, {"task": "sing"}, "TranscribeOptions.task"),
    ],
)
def test_the_place_of_what_is_wrong_is_named(shape, plain, said):
    with pytest.raises(Malformed) as caught:
        from_plain(shape, plain)

    assert said in str(caught.value)


def test_an_older_reader_understands_a_newer_writer():
    assert from_plain(Span, {"start_sample": 1, "end_sample": 2, "channel": "left"}) == Span(1, 2)


def test_what_is_missing_takes_its_default():
    assert from_plain(TranscribeOptions, {"language": "ja"}) == TranscribeOptions(language="ja")


def test_a_whole_number_will_do_for_a_float():
    segment = from_plain(Segment, {"start_s": 0, "end_s": 1, "text": ""})

    assert isinstance(segment.end_s, float)


@dataclass(frozen=True)
class Kept:
    path: Path
    counts: dict[str, int]
    pair: tuple[int, str]


def test_paths_objects_and_pairs_travel_too():
    kept = Kept(Path("/a b/録音.wav"), {"出": 1}, (2, "x"))

    assert from_plain(Kept, json.loads(json.dumps(to_plain(kept)))) == kept
    with pytest.raises(Malformed):
        from_plain(Kept, {**to_plain(kept), "pair": [2]})
    with pytest.raises(Malformed):
        from_plain(Kept, {**to_plain(kept), "counts": [1]})


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", Span])
def test_what_has_no_place_in_json_is_refused_when_written(value):
    with pytest.raises(TypeError, match="no place in a record"):
        to_plain(value)

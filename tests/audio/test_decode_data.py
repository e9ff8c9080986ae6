"""Every row of the nasty recordings does what its manifest expects, as far as decoding is concerned."""

import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from decode_material import ROOMY, alike, refusal, samples

from yamabiko.audio.decode import decode
from yamabiko.findings import Problem

DATA = Path(os.environ.get("YAMABIKO_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data") / "nasty"
MANIFEST = DATA / "manifest.jsonl"
ROWS = [json.loads(line) for line in MANIFEST.read_text("utf-8").splitlines()] if MANIFEST.is_file() else []
JFK_S = 11.0


@cache
def reference() -> np.ndarray:
    """The same recording as plain 8 kHz PCM, read without any decoder."""
    return np.frombuffer((DATA / "jfk_8000_pcm_s16le_1ch.wav").read_bytes()[-2 * 88_000 :], "<i2") / 32768


def test_the_data_is_there():
    if not ROWS:
        pytest.skip(f"no recordings at {DATA}; set YAMABIKO_TEST_DATA")


def source_can_be_decoded(source: Path, target: Path) -> bool:
    try:
        decode(source, target, ROOMY)
    except Problem:
        return False
    return True


@pytest.mark.parametrize("row", ROWS, ids=[row["audio"].replace(" ", "_") for row in ROWS])
def test_a_nasty_recording_does_what_its_row_expects(tmp_path, row, nursery):
    source, target, expect = DATA / row["audio"], tmp_path / "a.f32", row["expect"]
    if expect.startswith("4xx"):
        finding = refusal(source, target)
        assert refusal(source, target, start=nursery.start) == finding
        assert finding.area == "input"
        assert finding.id.startswith("input-")
        assert finding.evidence
        if "no audio stream" in expect:
            assert finding.id == "input-no-audio-stream"
        if "playlist" in row["audio"]:
            assert finding.id == "input-playlist"
        return

    if "or 4xx" in expect and not source_can_be_decoded(source, target):
        assert refusal(source, target).id.startswith("input-")
        return

    decoded = decode(source, target, ROOMY)
    found = samples(decoded)
    if "2h" not in row["audio"]:  # forked, a decoder is the same one
        assert replace(decode(source, tmp_path / "b", ROOMY, None, nursery.start), path=target) == decoded
        assert (tmp_path / "b").read_bytes() == target.read_bytes()
    if row["text"]:
        assert decoded.duration_s == pytest.approx(JFK_S, abs=0.1)
        assert alike(found, reference(), 8000) > (0.8 if "clipped" in row["audio"] else 0.93)
        assert "audio-partial" not in [notice.id for notice in decoded.notices]
    if "partial" in expect:
        assert "audio-partial" in [notice.id for notice in decoded.notices]
        assert 0 < decoded.duration_s < JFK_S
    if "2h" in row["audio"]:
        assert decoded.duration_s == pytest.approx(7200, abs=0.1)
        assert not found.any()

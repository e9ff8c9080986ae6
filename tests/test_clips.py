"""The bundled clips are what their data file says, and fit for showing two subtitles each."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from pathlib import Path

import av
import numpy as np
import pytest

from yamabiko import bundled
from yamabiko.bundled import Clip, clips
from yamabiko.findings import Problem

RATE = 16_000
BY_NAME = pytest.mark.parametrize("clip", clips(), ids=lambda clip: clip.path.name)


def samples(clip: Clip) -> np.ndarray:
    with av.open(str(clip.path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("flac", RATE, 1)
        assert stream.codec_context.format.name == "s16"
        return np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(stream)])


def longest_silence_s(audio: np.ndarray) -> float:
    """Silence inside the clip: between the first and the last 20 ms block above -50 dBFS."""
    blocks = audio[: len(audio) // 320 * 320].reshape(-1, 320) / 32768
    loud = np.flatnonzero(np.sqrt(np.mean(np.square(blocks), axis=1)) > 10 ** (-50 / 20))
    return float(np.diff(loud).max() - 1) * 320 / RATE


def test_there_is_one_clip_in_english_and_one_in_japanese():
    assert [clip.language for clip in clips()] == ["en", "ja"]


@BY_NAME
def test_a_clip_is_as_long_and_as_loud_as_promised(clip):
    audio = samples(clip)

    level_dbfs = 20 * np.log10(np.sqrt(np.mean(np.square(audio / 32768))))

    assert len(audio) / RATE == pytest.approx(clip.seconds, abs=0.001)
    assert 6 <= clip.seconds <= 9
    assert -23 < level_dbfs < -19
    assert np.abs(audio).max() < 32000, "a clipped sample"
    assert clip.path.stat().st_size < 200_000


@BY_NAME
def test_the_two_sentences_are_apart_so_that_subtitles_have_two_cues(clip):
    assert 0.6 < longest_silence_s(samples(clip)) < 1.5
    assert sum(clip.text.count(stop) for stop in ".。") == 2


@BY_NAME
def test_a_clip_is_the_one_that_the_data_file_describes(clip):
    """A clip swapped or re-encoded with loss would make every check that stands on it lie."""
    entries = {
        entry["file"]: entry for entry in tomllib.loads(clip.path.with_name("clips.toml").read_text("utf-8"))["clip"]
    }

    digest = hashlib.sha256(samples(clip).astype("<i2").tobytes()).hexdigest()

    assert digest == entries[clip.path.name]["samples_sha256"]
    assert entries[clip.path.name]["licence"] == "MIT"


def test_the_readme_of_the_clips_says_what_is_said_in_them():
    readme = clips()[0].path.with_name("README.md").read_text("utf-8")

    for clip in clips():
        assert f"| {clip.path.name} |" in readme
        assert clip.text in readme


@pytest.mark.parametrize("lost", ["museum_en.flac", "clips.toml"])
def test_an_installation_that_lost_its_clips_says_so(tmp_path: Path, monkeypatch, lost):
    damaged = tmp_path / "clips"
    shutil.copytree(clips()[0].path.parent, damaged)
    (damaged / lost).unlink()
    monkeypatch.setattr(bundled, "_FOLDER", damaged)

    with pytest.raises(Problem) as caught:
        clips()

    assert caught.value.finding.id == "bundled-clips-damaged"
    assert lost in caught.value.finding.evidence[0]
    assert caught.value.finding.remedies


def test_a_data_file_that_is_not_toml_is_a_finding_too(tmp_path: Path, monkeypatch):
    (tmp_path / "clips.toml").write_bytes(b"\xff\xfe broken")
    monkeypatch.setattr(bundled, "_FOLDER", tmp_path)

    with pytest.raises(Problem) as caught:
        clips()

    assert caught.value.finding.id == "bundled-clips-damaged"

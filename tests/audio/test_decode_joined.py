"""Files put end to end, as `cat` does it, and what stands after a WAV's end: what is told is what is true."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from decode_material import ROOMY, babble, encode, ids, wav
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.audio.decode import Decoded, decode
from yamabiko.audio.decode_riff import beyond
from yamabiko.findings import Finding
from yamabiko.i18n import Text


def decoded(source: Path) -> Decoded:
    return decode(source, source.with_name("out.f32"), ROOMY)


def notice(found: Decoded, id_: str) -> Finding:
    (one,) = [notice for notice in found.notices if notice.id == id_]
    return one


def joined(target: Path, *parts: bytes) -> Path:
    target.write_bytes(b"".join(parts))
    return target


def recording(folder: Path, seconds: float, name: str = "part.wav") -> bytes:
    return wav(folder / name, babble(seconds)).read_bytes()


# ---- MP3 ------------------------------------------------------------------------------------------------------------


def joined_mp3(folder: Path) -> Path:
    """As LAME and ffmpeg write them: each file has its ID3 tag in front."""
    one = encode(folder / "one.mp3", babble(5, 16_000)[np.newaxis], 16_000, "libmp3lame").read_bytes()
    assert one.startswith(b"ID3")
    frames = one.index(b"\xff\xf3")  # MPEG-2 layer III: of this file, its Xing frame comes first
    length = struct.unpack(">H", one[frames + 2 : frames + 4])[0]
    assert length
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x05" + bytes(133)
    plain = tag + one[one.index(b"\xff\xf3", frames + 4) :]  # without the Xing frame: no length in the header
    return joined(folder / "twice.mp3", plain, plain)


def test_two_mp3_files_end_to_end_are_not_said_to_miss_anything(tmp_path: Path) -> None:
    """All of the sound is there; the decoder stumbled over the tag in the middle."""
    found = decoded(joined_mp3(tmp_path))

    assert found.duration_s == pytest.approx(10, abs=0.4)
    told = notice(found, "audio-partial")
    assert told.cause == Text(
        f"One place in “twice.mp3” could not be decoded. {found.duration_s:.1f} s of sound were read; "
        "whether any is missing is not known.",
        f"「twice.mp3」にデコードできない箇所が 1 か所ありました。読み取れた音声は {found.duration_s:.1f} 秒です。"
        "失われた音声があるかどうかは不明です。",
    )
    assert told.evidence[-1] == "decoder: 1 error"
    assert any("concat" in (remedy.command or "") for remedy in told.remedies)


def test_where_the_header_shows_what_is_missing_it_is_said(tmp_path: Path) -> None:
    """A FLAC whose header knows 20 s, with 1 s of it overwritten: a part of the file, and not its rest."""
    rotten = bytearray(encode_flac(tmp_path / "a.flac", 20))
    middle, width = len(rotten) // 2, len(rotten) // 20
    rotten[middle : middle + width] = bytes(width)

    found = decoded(joined(tmp_path / "a.flac", bytes(rotten)))

    told = notice(found, "audio-partial")
    assert told.cause.en.startswith("Some places in “a.flac” could not be decoded. ")
    missing_s = float(told.cause.en.rpartition(" about ")[2].split()[0])
    read_s = float(told.cause.en.rpartition(" s of sound")[0].rpartition(" ")[2])
    assert 0.5 < missing_s < 3
    assert read_s + missing_s == pytest.approx(20, abs=0.2)
    assert f"約 {missing_s:.1f} 秒が欠けています" in told.cause.ja


def encode_flac(path: Path, seconds: float) -> bytes:
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("flac", rate=16_000, layout="mono")
        whole = (babble(seconds) * 32767).astype(np.int16)[np.newaxis]
        for start in range(0, whole.shape[1], 4096):
            block = np.ascontiguousarray(whole[:, start : start + 4096])
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path.read_bytes()


# ---- WAV ------------------------------------------------------------------------------------------------------------


def test_wav_files_end_to_end_are_told(tmp_path: Path) -> None:
    """The header tells of the first, FFmpeg stops there: two thirds of what was meant would be gone without a word."""
    made = joined(tmp_path / "b.wav", recording(tmp_path, 2), recording(tmp_path, 3), recording(tmp_path, 1))

    found = decoded(made)

    assert found.duration_s == 2
    assert ids(found) == ["audio-beyond-header"]
    told = notice(found, "audio-beyond-header")
    assert "is 3 recordings put end to end" in told.cause.en
    assert "2.0 s were read, the 4.0 s after it were not" in told.cause.en
    assert "3 本の録音" in told.cause.ja
    assert "続く 4.0 秒は読み取っていません" in told.cause.ja
    assert told.remedies


def test_sound_after_an_end_that_was_never_corrected_is_told(tmp_path: Path) -> None:
    """A recorder that died: the header is of an earlier moment, what came later has none of its own."""
    sound = babble(30)
    made = wav(tmp_path / "a.wav", sound, claimed_bytes=10 * 32_000)

    found = decoded(made)

    assert found.duration_s == 10
    told = notice(found, "audio-beyond-header")
    assert "goes on after the end that its header claims: 10.0 s were read" in told.cause.en
    assert "the 0.6 MiB of data after them were not" in told.cause.en


LIST = b"LIST" + struct.pack("<I", 400_004) + b"INFO" + bytes(400_000)
ID3 = b"ID3\x04\x00\x00\x00\x1f\x00\x00" + np.random.default_rng(1).bytes(500_000)  # with a picture


@pytest.mark.parametrize("tail", [b"", b"\0", LIST, ID3, bytes(1_000_000), np.random.default_rng(1).bytes(3000)])
def test_tags_and_padding_after_the_end_are_nothing_to_tell(tmp_path: Path, tail: bytes) -> None:
    assert ids(decoded(joined(tmp_path / "a.wav", recording(tmp_path, 2), tail))) == []


@pytest.mark.parametrize("claimed", [0, 0xFFFFFFFF])
def test_a_streams_header_names_no_length_and_all_of_it_is_read(tmp_path: Path, claimed: int) -> None:
    made = wav(tmp_path / "a.wav", babble(30), claimed_bytes=claimed)

    found = decoded(made)

    assert found.duration_s == 30
    assert ids(found) == []


def test_chunks_after_the_sound_that_the_header_counts_are_nothing_to_tell(tmp_path: Path) -> None:
    made = counted(tmp_path, LIST)

    assert ids(decoded(joined(tmp_path / "a.wav", made))) == []


@pytest.mark.parametrize("between", [b"\0", LIST, LIST[:-1] + b"\0\0"])
def test_what_stands_between_two_recordings_hides_neither(tmp_path: Path, between: bytes) -> None:
    """The odd byte that makes a chunk even, and the chunks that programs write behind the sound."""
    made = joined(tmp_path / "b.wav", counted(tmp_path, between), recording(tmp_path, 3))

    told = notice(decoded(made), "audio-beyond-header")

    assert "is 2 recordings put end to end" in told.cause.en
    assert "the 3.0 s after it were not" in told.cause.en


def counted(folder: Path, chunks: bytes) -> bytes:
    """A recording with `chunks` behind its sound, of which the header knows."""
    made = bytearray(recording(folder, 2)) + chunks
    made[4:8] = struct.pack("<I", len(made) - 8)
    return bytes(made)


_PIECES = st.sampled_from(
    [b"RIFF", b"WAVE", b"fmt ", b"data", b"LIST", b"ID3", b"\0" * 4, b"\xff" * 4, b"\x10\0\0\0", b"\0"]
)


@given(st.lists(st.one_of(_PIECES, st.binary(max_size=8)), max_size=60))
def test_whatever_a_header_says_the_look_ends_and_leaves_the_file_at_its_beginning(parts: list[bytes]) -> None:
    content = b"RIFF\x10\0\0\0WAVE" + b"".join(parts)
    file = io.BytesIO(content)

    found = beyond(file)

    assert file.tell() == 0
    assert found is None or 0 < found.size_bytes < len(content)

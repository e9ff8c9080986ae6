"""Good, odd and damaged recordings, made here, through the real decoder process."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from decode_material import ROOMY, alike, babble, encode, envelope, ids, refusal, samples, wav

from yamabiko.audio.decode import decode
from yamabiko.settings import Settings


@pytest.mark.parametrize(
    ("kind", "rate"),
    [
        ("<i2", 7350),
        ("<i2", 16_000),
        ("<i4", 44_100),
        ("<f4", 48_000),
        ("<f4", 192_000),
        ("<f8", 8000),
        ("<i8", 22_050),
    ],
)
def test_integers_and_floats_at_any_rate(tmp_path, kind, rate):
    sound = babble(3, rate)
    decoded = decode(wav(tmp_path / "a.wav", sound, rate, kind), tmp_path / "a.f32", ROOMY)

    assert decoded.duration_s == pytest.approx(3, abs=0.01)
    assert decoded.source_sample_rate == rate
    assert decoded.notices == ()
    assert alike(samples(decoded), sound, rate) > 0.97


def test_16_khz_passes_bit_for_bit(tmp_path):
    sound = babble(2)

    decoded = decode(wav(tmp_path / "a.wav", sound, kind="<f4"), tmp_path / "a.f32", ROOMY)

    assert np.array_equal(samples(decoded), sound)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.mp3", "libmp3lame", 44_100),
        ("a.ogg", "libopus", 48_000),
        ("a.webm", "libopus", 48_000),
        ("a.m4a", "aac", 48_000),
        ("a.mkv", "ac3", 48_000),
        ("a.flac", "flac", 16_000),
        ("a.ts", "aac", 48_000),
        ("a.mp4", "aac", 44_100),
    ],
)
def test_containers_and_codecs(tmp_path, name, codec, rate):
    sound = np.stack([babble(4, rate)] * 2)
    made = tmp_path / name
    if codec == "flac":
        wav(tmp_path / "b.wav", sound, rate)
        with av.open(str(tmp_path / "b.wav")) as given, av.open(str(made), "w") as out:
            stream = out.add_stream("flac", rate=rate, layout="stereo")
            for frame in given.decode(audio=0):
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    else:
        encode(made, sound, rate, codec, "stereo", picture=name.endswith(("mp4", "mkv")))

    decoded = decode(made, tmp_path / "a.f32", ROOMY)

    assert decoded.duration_s == pytest.approx(4, abs=0.1)
    assert decoded.source_channels == 2
    assert "audio-partial" not in ids(decoded)
    assert alike(samples(decoded), sound[0], rate) > 0.9


def test_the_ending_of_the_name_does_not_matter(tmp_path):
    made = wav(tmp_path / "a.wav", babble(1)).rename(tmp_path / "レポート #1.mp3")

    assert decode(made, tmp_path / "a.f32", ROOMY).container == "wav"


def test_a_name_that_is_not_text_is_no_obstacle(tmp_path):
    """Files from old Windows archives carry Shift-JIS names on Linux."""
    name = tmp_path / b"\x89\xb9\x90\xba.wav".decode("utf-8", "surrogateescape")
    try:
        wav(name, babble(1))
    except (OSError, UnicodeError):
        pytest.skip("this file system takes names in UTF-8 only")

    assert decode(name, tmp_path / "a.f32", ROOMY).samples == 16_000


def test_opposite_phase_stereo_is_not_silence(tmp_path):
    sound = babble(3, 44_100)

    decoded = decode(wav(tmp_path / "a.wav", np.stack([sound, -sound]), 44_100), tmp_path / "a.f32", ROOMY)

    assert alike(samples(decoded), sound, 44_100) > 0.97
    assert envelope(samples(decoded)).max() == pytest.approx(envelope(sound, 44_100).max(), rel=0.2)


def test_a_recording_without_samples_is_empty_not_wrong(tmp_path):
    made = tmp_path / "a.flac"
    with av.open(str(made), "w") as out:
        stream = out.add_stream("flac", rate=16_000, layout="mono")
        out.mux(stream.encode(None))

    decoded = decode(made, tmp_path / "a.f32", ROOMY)
    assert decoded.samples == 0
    assert decoded.path.read_bytes() == b""


def test_nan_and_infinity_become_silence_with_a_notice(tmp_path):
    """One NaN would spread through the resampler's filter and through the whole model."""
    sound = babble(2, 44_100).astype(np.float64)
    sound[1000], sound[2000], sound[3000] = np.nan, np.inf, -np.inf

    decoded = decode(wav(tmp_path / "a.wav", sound, 44_100, "<f4"), tmp_path / "a.f32", ROOMY)

    assert ids(decoded) == ["audio-not-finite"]
    assert "3 values" in decoded.notices[0].evidence[0]
    assert alike(samples(decoded), np.nan_to_num(sound, posinf=0, neginf=0), 44_100) > 0.97


def test_floats_on_the_scale_of_integers_come_back_to_full_scale(tmp_path):
    """What a float array saved without dividing by 32768 looks like."""
    sound = babble(2)

    decoded = decode(wav(tmp_path / "a.wav", sound * 32768, kind="<f4"), tmp_path / "a.f32", ROOMY)

    assert ids(decoded) == ["audio-scaled"]
    assert np.allclose(samples(decoded), sound, atol=1e-4)


def test_a_huge_finite_float_breaks_nothing(tmp_path):
    sound = babble(2, 44_100)
    sound[5000] = 3e38

    decoded = decode(wav(tmp_path / "a.wav", np.stack([sound, -sound]), 44_100, "<f4"), tmp_path / "a.f32", ROOMY)

    samples(decoded)


def test_a_header_that_claims_more_than_there_is(tmp_path):
    sound = babble(2)

    decoded = decode(wav(tmp_path / "a.wav", sound, claimed_bytes=4_000_000_000), tmp_path / "a.f32", ROOMY)

    assert decoded.samples == len(sound)


def test_a_recording_that_breaks_off_gives_what_was_there_and_a_notice(tmp_path):
    sound = babble(10, 44_100)
    whole = encode(tmp_path / "whole.mp3", sound[np.newaxis], 44_100, "libmp3lame").read_bytes()
    (tmp_path / "a.mp3").write_bytes(whole[: len(whole) // 2])

    decoded = decode(tmp_path / "a.mp3", tmp_path / "a.f32", ROOMY)

    assert 4 < decoded.duration_s < 6
    assert ids(decoded) == ["audio-partial"]
    assert decoded.notices[0].evidence
    assert alike(samples(decoded), sound, 44_100) > 0.9


def test_rot_in_the_middle_costs_the_middle_alone_and_no_time_is_lost(tmp_path):
    """What follows the damage keeps its place on the clock: subtitles stay in step."""
    sound = babble(40, 44_100)
    made = encode(tmp_path / "a.mka", sound[np.newaxis], 44_100, "aac")
    rotten = bytearray(made.read_bytes())
    middle, width = len(rotten) // 2, len(rotten) // 20
    rotten[middle : middle + width] = np.random.default_rng(1).bytes(width)
    made.write_bytes(rotten)

    decoded = decode(made, tmp_path / "a.f32", ROOMY)

    found = samples(decoded)
    assert "audio-partial" in ids(decoded)
    assert decoded.duration_s == pytest.approx(40, abs=0.3)
    assert alike(found[: 10 * 16_000], sound[: 10 * 44_100], 44_100) > 0.9
    assert alike(found[30 * 16_000 :], sound[30 * 44_100 :], 44_100) > 0.9


def test_pauses_that_were_not_recorded_are_kept_as_silence(tmp_path):
    """Telephony and browsers send nothing while nobody speaks: the file's clock jumps."""
    sound = babble(2, 48_000)
    made = tmp_path / "a.mka"
    with av.open(str(made), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for index in range(100):
            block = (sound[np.newaxis, index * 960 : (index + 1) * 960] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, index * 960 + (5 * 48_000 if index >= 50 else 0)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

    decoded = decode(made, tmp_path / "a.f32", ROOMY)

    found = samples(decoded)
    assert decoded.duration_s == pytest.approx(7, abs=0.01)
    assert ids(decoded) == ["audio-gaps"]
    assert np.abs(found[17_000 : 5 * 16_000]).max() < 1e-3
    assert alike(found[6 * 16_000 :], sound[48_000:], 48_000) > 0.95


def test_sound_that_ends_before_the_picture_is_not_called_damaged(tmp_path):
    made = tmp_path / "a.mkv"
    with av.open(str(made), "w") as out:
        video = out.add_stream("mpeg4", rate=5)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        stream = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        block = (babble(1)[np.newaxis] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        out.mux(stream.encode(frame))
        for index in range(30):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            picture.pts = index
            out.mux(video.encode(picture))
        out.mux(video.encode(None))

    decoded = decode(made, tmp_path / "a.f32", ROOMY)

    assert decoded.duration_s == pytest.approx(1, abs=0.01)
    assert decoded.notices == ()


def test_sound_that_starts_after_the_picture_keeps_its_place(tmp_path):
    made = tmp_path / "a.mkv"
    sound = babble(2, 48_000)
    with av.open(str(made), "w") as out:
        video = out.add_stream("mpeg4", rate=5)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        stream = out.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for index in range(25):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            picture.pts = index
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray((sound[np.newaxis] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, 3 * 48_000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))

    decoded = decode(made, tmp_path / "a.f32", ROOMY)

    assert decoded.duration_s == pytest.approx(5, abs=0.01)
    assert alike(samples(decoded)[3 * 16_000 :], sound, 48_000) > 0.95


def test_two_sound_tracks_the_choice_is_said(tmp_path):
    made = tmp_path / "a.mka"
    with av.open(str(made), "w") as out:
        streams = [out.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(2)]
        for seed, stream in enumerate(streams):
            block = (babble(2, seed=seed + 1)[np.newaxis] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 0
            out.mux(stream.encode(frame))

    decoded = decode(made, tmp_path / "a.f32", ROOMY)

    assert decoded.stream_index == 0
    assert ids(decoded) == ["audio-several-streams"]


def test_a_video_without_sound_says_so(tmp_path):
    made = tmp_path / "a.mp4"
    with av.open(str(made), "w") as out:
        video = out.add_stream("mpeg4", rate=5)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for index in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            picture.pts = index
            out.mux(video.encode(picture))
        out.mux(video.encode(None))

    finding = refusal(made, tmp_path / "a.f32")

    assert finding.id == "input-no-audio-stream"
    assert "stream 0: video" in finding.evidence[0]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("text.wav", b"this is no recording at all\n" * 9, "input-not-audio"),
        ("page.mp3", b"<html><body>404 Not Found</body></html>", "input-not-audio"),
        ("noise.wav", np.random.default_rng(1).bytes(50_000), "input-not-audio"),
        ("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(500), "input-not-audio"),
        ("header.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", "input-not-audio"),
        ("empty.wav", b"", "input-empty"),
    ],
)
def test_what_is_no_recording_is_refused_with_the_decoders_line(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)

    finding = refusal(tmp_path / name, tmp_path / "a.f32")

    assert finding.id == expected
    assert finding.area == "input"
    assert finding.evidence
    assert name in finding.cause.en


@pytest.mark.parametrize(("rate", "channels"), [(4_000_000_000, 1), (0, 1), (16_000, 0), (1, 1), (16_000, 1000)])
def test_absurd_claims_are_refused(tmp_path, rate, channels):
    made = bytearray(wav(tmp_path / "a.wav", babble(1)).read_bytes())
    made[22:24], made[24:28] = channels.to_bytes(2, "little"), rate.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(made)

    assert refusal(tmp_path / "a.wav", tmp_path / "a.f32").id == "input-not-audio"


def test_progress_is_told_in_seconds_decoded(tmp_path):
    seen: list[float] = []

    decode(wav(tmp_path / "a.wav", babble(20)), tmp_path / "a.f32", ROOMY, seen.append)

    assert seen
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= 20


def test_a_recording_longer_than_accepted_is_refused(tmp_path):
    made = wav(tmp_path / "a.wav", babble(20))

    finding = refusal(made, tmp_path / "a.f32", Settings(longest_audio_s=5, free_disk_bytes=0))

    assert finding.id == "input-too-long"
    assert decode(made, tmp_path / "a.f32", Settings(longest_audio_s=20, free_disk_bytes=0)).duration_s == 20


def test_the_parent_never_loads_ffmpeg(tmp_path):
    wav(tmp_path / "a.wav", babble(1))
    program = (
        "import sys; from pathlib import Path; from yamabiko.audio.decode import decode; "
        "from yamabiko.settings import Settings; "
        "d = decode(Path(sys.argv[1]), Path(sys.argv[2]), Settings(free_disk_bytes=0)); "
        "print(d.samples, sorted({'av', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(tmp_path / "a.wav"), str(tmp_path / "a.f32")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "16000 []"


def test_the_target_folder_is_made(tmp_path):
    target: Path = tmp_path / "new" / "folder" / "a.f32"

    assert decode(wav(tmp_path / "a.wav", babble(1)), target, ROOMY).path == target

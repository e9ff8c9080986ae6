"""Files made to make us read, open or hang on something else."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import pytest
from decode_material import ROOMY, alike, babble, ids, refusal, samples, wav

from yamabiko.audio import decode_stream, decode_walls
from yamabiko.audio.decode import decode

LISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n",
    "list.m3u": "#EXTM3U\n{secret}\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{secret}'\n",
    "list.txt": "ffconcat version 1.0\nfile '{secret}'\n",
    "list.pls": "[playlist]\nFile1={secret}\nNumberOfEntries=1\n",
    "list.xspf": '<?xml version="1.0"?><playlist><trackList><track><location>{secret}</location></track></trackList></playlist>',
    "list.asx": '<asx version="3.0"><entry><ref href="{secret}"/></entry></asx>',
    "list.mpd": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="audio/wav"><Representation id="1" bandwidth="9">'
    "<BaseURL>{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "session.sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n",
}


@pytest.fixture
def secret(tmp_path):
    """A real recording that the lists name; its access time tells whether anybody read it."""
    path = wav(tmp_path / "secret.wav", babble(9))
    os.utime(path, ns=(10**9, path.stat().st_mtime_ns))
    return path


def was_read(path: Path) -> bool:
    return path.stat().st_atime_ns != 10**9


def test_the_canary_sings(secret):
    """If this file system keeps no access times, the tests below prove less, and say so."""
    secret.read_bytes()
    if not was_read(secret):
        pytest.skip("no access times here (noatime)")


@pytest.mark.parametrize("disguise", ["", ".mp3"])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_refused_and_what_it_names_is_not_read(tmp_path, secret, name, disguise):
    made = tmp_path / (name + disguise)
    made.write_text(LISTS[name].format(secret=secret))

    finding = refusal(made, tmp_path / "a.f32")

    assert finding.id == "input-playlist"
    assert not was_read(secret)


@pytest.mark.parametrize("name", ["list.m3u8", "list.ffconcat", "list.mpd"])
def test_without_our_look_at_the_first_bytes_the_decoder_still_refuses(tmp_path, secret, name, monkeypatch):
    """The second wall: FFmpeg may not use a demuxer that opens files."""
    monkeypatch.setattr(decode_stream, "refuse_playlist", lambda _: None)
    made = tmp_path / name
    made.write_text(LISTS[name].format(secret=secret))

    with made.open("rb", buffering=0) as file, pytest.raises(decode_walls.Refused):
        decode_stream.decode(file, made.suffix, lambda _: None)

    assert not was_read(secret)


def test_a_demuxer_that_opens_files_is_refused_the_file(tmp_path, secret, monkeypatch):
    """The third wall: with every demuxer allowed, opening is refused by our own callback."""
    monkeypatch.setattr(decode_stream, "refuse_playlist", lambda _: None)
    monkeypatch.setattr(decode_stream, "allowed_formats", lambda: ",".join(sorted(av.formats_available)))
    made = tmp_path / "list.m3u8"
    made.write_text(LISTS["list.m3u8"].format(secret=secret))
    heard: list[int] = []

    with made.open("rb", buffering=0) as file, pytest.raises(decode_walls.Refused):
        decode_stream.decode(file, ".m3u8", lambda block: heard.append(len(block)))

    assert not heard
    assert not was_read(secret)


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits there")
def test_the_decoder_process_can_open_nothing(tmp_path):
    """The last wall is the kernel's: no file, no socket, no program, whatever native code is made to do."""
    program = f"""
import os, socket
from pathlib import Path
from yamabiko.audio import decode_child
decode_child._limit(decode_child.Job(Path("a"), Path("b"), Path("c"), 1 << 30, 60, 60, 0))
for what in (lambda: os.open({str(tmp_path)!r}, os.O_RDONLY), socket.socket, os.pipe, lambda: os.open("new", os.O_CREAT)):
    try:
        what()
    except OSError as error:
        print(error.errno)
"""
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [str(24)] * 4  # EMFILE


def test_a_recording_that_is_no_list_is_not_taken_for_one(tmp_path):
    """Raw audio may begin with any bytes; a container is known by its own."""
    made = wav(tmp_path / "playlist.m3u8", babble(2))

    assert alike(samples(decode(made, tmp_path / "a.f32", ROOMY)), babble(2)) > 0.99


def test_a_video_with_subtitles_and_attachments_needs_no_other_file(tmp_path):
    made = tmp_path / "a.mkv"
    with av.open(str(made), "w") as out:
        sound = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        out.add_attachment("font.ttf", "application/x-truetype-font", bytes(2000))
        frame = av.AudioFrame.from_ndarray((babble(1)[None] * 32767).astype("<i2"), format="s16", layout="mono")
        frame.sample_rate = 16_000
        out.mux(sound.encode(frame))

    decoded = decode(made, tmp_path / "a.f32", ROOMY)

    assert decoded.samples == 16_000
    assert ids(decoded) == []


def test_a_video_with_a_track_of_subtitles_is_decoded(tmp_path):
    """PyAV imports its part for subtitles when it meets some: the child, which may open no file any more, must have it."""
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n", "utf-8")
    made = tmp_path / "a.mkv"
    with av.open(str(tmp_path / "a.srt")) as text, av.open(str(made), "w") as out:
        sound = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        titles = out.add_stream_from_template(text.streams[0])
        frame = av.AudioFrame.from_ndarray((babble(1)[None] * 32767).astype("<i2"), format="s16", layout="mono")
        frame.sample_rate = 16_000
        out.mux(sound.encode(frame))
        for packet in text.demux():
            if packet.dts is not None:
                packet.stream = titles
                out.mux(packet)

    decoded = decode(made, tmp_path / "a.f32", ROOMY)

    assert decoded.samples == 16_000
    assert ids(decoded) == []


def test_a_missing_file(tmp_path):
    assert refusal(tmp_path / "none.wav", tmp_path / "a.f32").id == "input-missing"
    assert refusal(wav(tmp_path / "a.wav", babble(1)) / "below.wav", tmp_path / "a.f32").id == "input-missing"


def test_a_folder(tmp_path):
    finding = refusal(tmp_path, tmp_path / "a.f32")

    assert finding.id == "input-not-a-file"
    assert "folder" in finding.evidence[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "a.wav")

    assert refusal(tmp_path / "a.wav", tmp_path / "a.f32").id == "input-not-a-file"


def test_a_socket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's name may have 108 bytes
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("s")
        assert refusal(Path("s"), tmp_path / "a.f32").id == "input-not-a-file"


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero on this system")
def test_a_link_to_an_endless_device(tmp_path):
    (tmp_path / "a.wav").symlink_to("/dev/zero")

    assert refusal(tmp_path / "a.wav", tmp_path / "a.f32").id == "input-not-a-file"


def test_a_link_to_a_recording_is_followed(tmp_path):
    (tmp_path / "link.wav").symlink_to(wav(tmp_path / "a.wav", babble(1)))

    assert decode(tmp_path / "link.wav", tmp_path / "a.f32", ROOMY).samples == 16_000


def test_a_name_with_a_nul(tmp_path):
    assert refusal(tmp_path / "a\0.wav", tmp_path / "a.f32").id == "input-unreadable"


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no POSIX users on this system")
def test_a_file_we_may_not_read(tmp_path):
    made = wav(tmp_path / "a.wav", babble(1))
    made.chmod(0)
    root = os.geteuid() == 0
    if root:  # root reads everything: be somebody else meanwhile
        ours = [folder for folder in tmp_path.parents if folder.is_relative_to(tempfile.gettempdir())]
        for folder in (tmp_path, *ours[:-1]):
            folder.chmod(0o777)
        os.seteuid(65534)
    try:
        finding = refusal(made, tmp_path / "a.f32")
    finally:
        if root:
            os.seteuid(0)

    assert finding.id == "input-unreadable"
    assert "Permission denied" in finding.evidence[0]

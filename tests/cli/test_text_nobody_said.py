"""The guard in the program as a user starts it: invented text is out of the transcript, in the receipt, and told."""

from __future__ import annotations

import json
import wave
from collections.abc import Sequence
from pathlib import Path

import pytest

from program import noise_file, run_program

PHRASE = "ご視聴ありがとうございました"


def silence_file(path: Path, seconds: float = 2.0) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * int(seconds * 16_000)))
    return path


def transcribed(recording: Path, says: str | list[str], *more: str, cues: Sequence[dict] = ()) -> tuple[dict, str]:
    script = recording.with_name("script.json")
    script.write_text(json.dumps({"says": says, "cues": cues}), "utf-8")
    result = run_program(
        recording, "--engine", "scripted", "--model", script, "--vad_filter", "False", "-f", "json", *more,
        home=recording.parent,
    )  # fmt: skip
    assert result.code == 0, result.err
    return json.loads(recording.with_suffix(".json").read_text("utf-8")), result.err


def test_a_phrase_over_silence_is_left_out_and_shown(tmp_path: Path) -> None:
    written, told = transcribed(silence_file(tmp_path / "talk.wav"), PHRASE)

    assert (written["text"], written["segments"]) == ("", [])
    (dropped,) = written["yamabiko"]["dropped"]
    assert (dropped["text"], dropped["start_s"]) == (PHRASE, 0.0)
    assert dropped["reason"].startswith("stock phrase: ")
    assert "invented-text-dropped" in told
    assert PHRASE in told
    assert "--no-guard" in told


def test_where_nothing_looked_for_speech_an_empty_answer_is_told_and_has_no_language(tmp_path: Path) -> None:
    written, told = transcribed(noise_file(tmp_path / "talk.wav", 2.0), [])

    assert (written["text"], written["language"]) == ("", None)
    assert [one["id"] for one in written["yamabiko"]["notices"]] == ["text-from-script", "no-speech"]
    assert "scripted found no words in this recording" in told


def test_the_guard_can_be_switched_off_for_a_run_and_for_good(tmp_path: Path) -> None:
    recording = silence_file(tmp_path / "talk.wav")
    written, told = transcribed(recording, PHRASE, "--no-guard")
    assert (written["text"], written["yamabiko"]["dropped"]) == (PHRASE, [])
    assert "invented-text-dropped" not in told

    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config" / "config.toml").write_text("[whisper]\nguard = false\n", "utf-8")
    assert transcribed(recording, PHRASE, "--overwrite")[0]["text"] == PHRASE
    assert transcribed(recording, PHRASE, "--overwrite", "--guard")[0]["text"] == ""


def test_the_same_phrase_over_a_sound_stays(tmp_path: Path) -> None:
    """Somebody may say it, and an engine without scores gives no second sign."""
    written, _ = transcribed(noise_file(tmp_path / "talk.wav", 2.0), PHRASE)

    assert (written["text"], written["yamabiko"]["dropped"]) == (PHRASE, [])


LOOP = "会議の予定を" + "確認します。" * 20
OTHER = "それから来週の出張について相談したいことが二つありますのでお時間をください。"


def asked_again(tmp_path: Path, answer: str) -> tuple[dict, str]:
    cue = {"at": "chunk", "skip": 1, "do": "say", "text": answer}
    return transcribed(noise_file(tmp_path / "talk.wav", 20.0), LOOP, cues=[cue])


def test_of_a_loop_the_first_copy_stays_and_what_is_heard_in_its_place(tmp_path: Path) -> None:
    """A phrase over and over is asked again in pieces; other speech there, and enough of it, is the second sign."""
    written, told = asked_again(tmp_path, OTHER)

    assert written["text"] == "会議の予定を確認します。" + OTHER * 2
    (dropped,) = written["yamabiko"]["dropped"]
    assert (dropped["text"], dropped["reason"].split(":")[0]) == ("確認します。" * 19, "repeated")
    assert "invented-text-dropped" in told


@pytest.mark.parametrize(
    ("answer", "notice"),
    [("確認します。", False), ("確認します。" * 8, False), ("", True), ("はい、", True), ("改めて行く。" * 9, True)],
    ids=["once", "again", "nothing", "too little", "another loop"],
)
def test_a_phrase_over_and_over_stays_whatever_else_is_heard_in_its_place(
    answer: str, notice: bool, tmp_path: Path
) -> None:
    """Who really repeats himself is written once, or not at all, when a decoder is asked again: that proves nothing."""
    written, told = asked_again(tmp_path, answer)

    assert (written["text"], written["yamabiko"]["dropped"]) == (LOOP, [])
    assert ("repeated-text-kept" in told) is notice


def test_without_the_guard_nothing_is_asked_again(tmp_path: Path) -> None:
    cue = {"at": "chunk", "skip": 1, "do": "die", "signal": "SIGKILL"}
    written, _ = transcribed(noise_file(tmp_path / "talk.wav", 20.0), LOOP, "--no-guard", cues=[cue])

    assert written["text"] == LOOP

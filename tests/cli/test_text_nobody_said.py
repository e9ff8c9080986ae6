"""The guard in the program as a user starts it: invented text is out of the transcript, in the receipt, and told."""

from __future__ import annotations

import json
import wave
from pathlib import Path

from program import noise_file, run_program

PHRASE = "ご視聴ありがとうございました"


def silence_file(path: Path, seconds: float = 2.0) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * int(seconds * 16_000)))
    return path


def transcribed(recording: Path, says: str, *more: str) -> tuple[dict, str]:
    script = recording.with_name("script.json")
    script.write_text(json.dumps({"says": says}), "utf-8")
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


def test_of_a_loop_the_first_copy_stays(tmp_path: Path) -> None:
    written, _ = transcribed(noise_file(tmp_path / "talk.wav", 20.0), "会議の予定を" + "確認します。" * 20)

    assert written["text"] == "会議の予定を確認します。"
    assert written["yamabiko"]["dropped"][0]["text"] == "確認します。" * 19

"""The scorer counts as others count: published numbers come out, and its two sides are held against each other."""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("YAMABIKO_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
sys.path.insert(0, str(REPOSITORY / "scripts"))

pytest.importorskip("whisper_normalizer", reason="the extra `score` is not installed")
import error_rate  # noqa: E402
import score_data  # noqa: E402

ENGLISH = error_rate.MEASURES["wer[whisper-english]"]
BASIC = error_rate.MEASURES["wer[whisper-basic]"]
JAPANESE = error_rate.MEASURES["cer[ja-basic]"]


@pytest.mark.parametrize(
    ("engine", "published"),
    [("whisper-base", 28.5942), ("whisper-small", 15.0776), ("reazonspeech-nemo-v2", 9.0714)],
)
def test_published_japanese_error_rates_come_out_to_four_decimals(engine, published):
    """4,483 utterances of Common Voice 8 each; numbers published with kotoba-whisper's evaluation."""
    golden = DATA / "score_golden" / f"{engine}.common_voice_8_0.csv.gz"
    if not golden.is_file():
        pytest.skip(f"no {golden}")
    with gzip.open(golden, "rt", encoding="utf-8", newline="") as lines:
        pairs = [(row["reference_raw"], row["prediction_raw"]) for row in csv.DictReader(lines)]

    scored = error_rate.rate(JAPANESE, pairs)

    assert scored.samples == 4483
    assert round(scored.percent, 4) == published


@pytest.mark.parametrize(
    ("measure", "reference", "said", "errors", "units"),
    [
        (ENGLISH, "IN EIGHTEEN THIRTEEN", "in 1813.", 0, 2),
        (BASIC, "IN EIGHTEEN THIRTEEN", "in 1813.", 2, 3),
        (ENGLISH, "Mister Brown isn't here", "Mr. Brown is not here!", 0, 5),
        (JAPANESE, "10時に、晴れる。", "１０時に 晴れる", 0, 7),
        (JAPANESE, "がっこう", "かっこう", 1, 4),  # the voicing mark is part of the letter
        (JAPANESE, "スーパー", "スパ", 2, 4),  # and so is the long vowel
    ],
)
def test_only_what_was_heard_wrongly_counts(measure, reference, said, errors, units):
    scored = error_rate.rate(measure, [(reference, said)])

    assert (scored.errors, scored.units) == (errors, units)


def test_a_rate_is_of_the_whole_set_and_not_a_mean_of_files():
    scored = error_rate.rate(JAPANESE, [("あ", ""), ("あいうえおかきくけ", "あいうえおかきくけ")])

    assert scored.percent == pytest.approx(10.0)
    assert (scored.deletions, scored.substitutions, scored.insertions) == (1, 0, 0)


@given(st.lists(st.tuples(st.text("あいうabc 。、"), st.text("あいうabc 。、")), max_size=5))
def test_counts_add_up_whatever_is_compared(pairs):
    scored = error_rate.rate(JAPANESE, pairs)

    assert scored.errors == scored.substitutions + scored.deletions + scored.insertions
    assert scored.errors <= sum(max(len(JAPANESE.units(a)), len(JAPANESE.units(b))) for a, b in pairs)
    assert error_rate.rate(JAPANESE, [(a, a) for a, _ in pairs]).errors == 0


# ---- the two sides, with programs in the places of both ---------------------------------------------------------------

CLI = """
import json, sys
from pathlib import Path
said = json.loads(Path(__file__).with_name("said.json").read_text("utf-8"))
out = Path(sys.argv[sys.argv.index("--output_dir") + 1])
files = [Path(a) for a in sys.argv[1 : sys.argv.index("--model")]]
for file in files:
    if said.get(file.name) is not None:
        timings = {"total_s": 2.0, "load_s": 1.0, "queue_s": 0.5}
        text = json.dumps({"text": said[file.name], "yamabiko": {"timings": timings}})
        (out / f"{file.stem}.json").write_text(text, "utf-8")
sys.exit(7 if any(said.get(file.name) is None for file in files) else 0)
"""
PLAIN_MODULES = {
    "ctranslate2.py": "__version__ = '4'",
    "faster_whisper.py": """
        import json
        from pathlib import Path
        from types import SimpleNamespace
        __version__ = "1"
        class WhisperModel:
            def __init__(self, model, **options):
                self.said = json.loads((Path(model) / "plain.json").read_text("utf-8"))
            def transcribe(self, audio, language, beam_size, vad_filter):
                assert (beam_size, vad_filter) == (5, False)
                return iter([SimpleNamespace(text=" " + self.said[Path(audio).name])]), SimpleNamespace(duration=1.0)
    """,
}


@pytest.fixture
def compare(tmp_path: Path, monkeypatch, capsys):
    """Score two English files of which each side says what it is told to; gives exit status, output and numbers."""
    for name, source in PLAIN_MODULES.items():
        (tmp_path / name).write_text(textwrap.dedent(source))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "cli.py").write_text(CLI)
    (tmp_path / "en").mkdir()
    rows = [
        {"audio": "a.wav", "text": "ONE BLACK CAT", "language": "en", "duration": 2.0},
        {"audio": "b.wav", "text": "GOOD MORNING", "language": "en", "duration": 2.0},
        {"audio": "c.wav", "text": None, "language": "en", "duration": 2.0},
        {"audio": "d.wav", "text": "a prompt", "verbatim": False, "language": "en", "duration": 2.0},
    ]
    (tmp_path / "en" / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")

    def run(ours: dict[str, str | None], plain: dict[str, str], *options: str):
        (tmp_path / "said.json").write_text(json.dumps(ours))
        (tmp_path / "plain.json").write_text(json.dumps(plain))
        status = score_data.main(
            [str(tmp_path), "--command", f"{sys.executable} {tmp_path / 'cli.py'}", "--plain_python", sys.executable,
             "--plain_model", str(tmp_path), "--json", str(tmp_path / "result.json"), *options]
        )  # fmt: skip
        result = tmp_path / "result.json"
        return status, capsys.readouterr(), json.loads(result.read_text("utf-8")) if result.exists() else None

    return run


RIGHT = {"a.wav": "One black cat.", "b.wav": "Good morning."}
WRONG = {"a.wav": "One black hat.", "b.wav": "Good morning."}


def test_both_sides_stand_beside_each_other_with_counts(compare):
    status, printed, result = compare(RIGHT, WRONG)

    assert status == 0
    assert "en: 2 samples scored, 2 skipped" in printed.out
    sides = result["sets"]["en"]["sides"]
    assert sides["ours"]["measures"]["wer[whisper-english]"]["errors"] == 0
    assert sides["plain"]["measures"]["wer[whisper-english]"]["percent"] == pytest.approx(20.0)
    assert sides["ours"]["work_s"] == pytest.approx(1.0), "loading and waiting for the worker are not counted"
    assert result["versions"]["faster-whisper"] == "1"


def test_ours_worse_than_plain_ends_with_1_and_shows_where(compare):
    status, printed, _ = compare(WRONG, RIGHT)

    assert status == 1
    assert "WORSE on en" in printed.out
    assert "One black hat." in printed.out
    assert "b.wav" not in printed.out, "what was right is no news"


def test_a_tolerance_is_in_errors_a_set(compare):
    assert compare(WRONG, RIGHT, "--tolerance", "1")[0] == 0


def test_a_file_that_failed_counts_as_lost_words_and_fails_the_run(compare):
    """A failure must not improve the rate by leaving the set."""
    status, printed, result = compare({"a.wav": "One black cat."}, WRONG, "--tolerance", "99")

    assert status == 1
    assert "1 files failed" in printed.out
    ours = result["sets"]["en"]["sides"]["ours"]
    assert ours["measures"]["wer[whisper-english]"]["deletions"] == 2


def test_a_command_that_answers_nothing_is_not_a_score_of_100_percent(compare):
    status, printed, result = compare({}, RIGHT)

    assert status == 2
    assert "answered nothing" in printed.err
    assert result is None


def test_a_plain_run_that_ends_early_is_reported_with_its_last_words(compare):
    status, printed, _ = compare(RIGHT, {"a.wav": "One black cat."})

    assert status == 2
    assert "KeyError: 'b.wav'" in printed.err


def test_no_recordings_is_said(tmp_path: Path, capsys):
    assert score_data.main([str(tmp_path)]) == 2
    assert "no recordings" in capsys.readouterr().out

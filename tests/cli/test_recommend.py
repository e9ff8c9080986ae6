"""`yamabiko engines recommend`, as people and programs read it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from program import run_program
from yamabiko.cli import screen
from yamabiko.diagnosis.facts.records import Cpu, Facts, Memory, Nvidia, NvidiaGpu, System
from yamabiko.engines.choices import measurements
from yamabiko.records import to_plain

GPU = NvidiaGpu("NVIDIA GeForce RTX 3060", "8.6", 12 * 2**30, 11 * 2**30)


def report(folder: Path, *gpus: NvidiaGpu, memory: int = 16 * 2**30) -> Path:
    """What `yamabiko doctor --save` writes of another machine."""
    facts = Facts(System("Linux"), cpu=Cpu(usable=8), memory=Memory(memory, memory), nvidia=Nvidia(gpus=gpus))
    (folder / "report.json").write_text(json.dumps(to_plain(facts)))
    return folder / "report.json"


def test_a_way_is_named_with_its_reason_and_its_command(tmp_path: Path) -> None:
    result = run_program("engines", "recommend", "--language", "ja", "--facts", report(tmp_path, GPU), home=tmp_path)
    assert result.code == 0, result.err
    assert "Recommended for “ja”: parakeet, model parakeet-tdt_ctc-0.6b-ja-nemo" in result.out
    assert "7.1 % wrong on Common Voice 8 (NVIDIA), with which no figure of the other models" in result.out
    assert "yamabiko FILE --engine parakeet --model parakeet-tdt_ctc-0.6b-ja-nemo --device cuda" in result.out
    assert "never run by us on a GPU" in result.out
    assert "RTX 3060" in result.err


def test_each_figure_of_the_table_says_of_which_test_it_is(tmp_path: Path) -> None:
    line = ("engines", "recommend", "--facts", report(tmp_path, memory=4 * 2**30), "--all")
    out = run_program(*line, "-l", "ja", home=tmp_path).out
    told = json.loads(run_program(*line, "-l", "ja", "--json", home=tmp_path).out)["options"]
    legend = next(line for line in out.splitlines() if line.startswith("Tests behind “wrong”: "))
    letters = {test: mark for mark, test in re.findall(r"\b([a-z]) = (.+?\))", legend)}
    assert len(letters) > 2
    assert legend.endswith("Only figures with one letter compare.")
    for one in told:
        if one["score"]:
            shown = f"{one['score']['percent']:g} % {letters[one['score']['test']]} "
            assert any(
                row.startswith(one["engine"]) and one["model"] in row and shown in row for row in out.splitlines()
            )

    english = run_program(*line, "-l", "en", home=tmp_path).out
    assert "\nTests behind “wrong”: Open ASR Leaderboard.\n" in english


def test_other_engines_stand_beside_with_what_they_are_good_for(tmp_path: Path) -> None:
    result = run_program("engines", "recommend", "-l", "ja", "--facts", report(tmp_path, GPU), home=tmp_path)
    beside = result.out.partition("Also possible:")[2]
    assert "kotoba-whisper" in beside or "large-v3" in beside
    for engine in ("whisperx", "transformers", "openai-whisper"):
        assert f"  {engine} " in beside, result.out
    assert "long recordings" in beside
    assert "--batch-size" in result.out
    every = run_program("engines", "recommend", "-l", "ja", "--facts", report(tmp_path, GPU), "--all", home=tmp_path)
    assert every.out.count("\nwhisperx ") > 1


def test_it_speaks_japanese(tmp_path: Path) -> None:
    result = run_program(
        "engines", "recommend", "-l", "ja", "--all", "--facts", report(tmp_path), home=tmp_path, YAMABIKO_LANG="ja"
    )
    assert result.code == 0, result.err
    assert "「ja」の推奨" in result.out
    assert "会話やテレビ音声に弱い" in result.out


@pytest.mark.parametrize("language", ["en", "English", "japanese"])
def test_this_machine_is_looked_at_where_no_report_is_named(tmp_path: Path, language: str) -> None:
    result = run_program("engines", "recommend", "--language", language, "--json", home=tmp_path)
    assert result.code == 0, result.err
    told = json.loads(result.out)
    assert told["machine"]["cores"] >= 1
    assert told["options"][0]["against"] is None
    assert told["options"][0]["batch_size"] >= 1
    assert all(one["date"] for one in told["measured"]["engines"])


def test_where_nothing_fits_it_says_so_and_ends_in_1(tmp_path: Path) -> None:
    tiny = report(tmp_path, memory=100 * 2**20)
    result = run_program("engines", "recommend", "--language", "ja", "--facts", tiny, home=tmp_path)
    assert result.code == 1
    assert "Nothing that we know fits this machine." in result.out
    assert "GB are free" in result.out


RADEON = Path(__file__).parents[1] / "diagnosis" / "seeds" / "radeon-gfx906" / "facts.json"


def test_a_gpu_of_amd_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    result = run_program("engines", "recommend", "-l", "ja", "--facts", RADEON, home=tmp_path)
    assert result.code == 0, result.err
    known, _, on_amd = result.out.partition("On AMD's GPU (vega20 gfx906)")
    assert "parakeet" in known
    assert "yamabiko engines install whisper.cpp --profile vulkan" in on_amd
    assert "yamabiko engines install parakeet --profile rocm" in on_amd
    assert "never made or run by us" in on_amd
    assert "CTranslate2's builds for ROCm" in on_amd, "why faster-whisper has none"
    told = json.loads(
        run_program("engines", "recommend", "-l", "ja", "--facts", RADEON, "--json", home=tmp_path).out
    )  # fmt: skip
    assert told["machine"]["others"] == [{"maker": "amd", "name": "vega20 gfx906"}]
    assert told["machine"]["memory_bytes"] is None
    assert told["on_request"]


@pytest.mark.parametrize(("system", "pci", "profile"), [("darwin", (), "metal"), ("linux", ("0x1002",), "rocm")])
def test_a_gpu_that_has_no_driver_of_ours_is_known_by_its_marks(
    tmp_path: Path, system: str, pci: tuple[str, ...], profile: str
) -> None:
    seen = Facts(System(system), cpu=Cpu(usable=8), memory=Memory(2**34, 2**34), pci_vendors=pci)
    (tmp_path / "report.json").write_text(json.dumps(to_plain(seen)))
    result = run_program("engines", "recommend", "-l", "en", "--facts", tmp_path / "report.json", home=tmp_path)
    assert f"yamabiko engines install whisper.cpp --profile {profile}" in result.out


def test_memory_that_is_not_known_is_no_memory_of_0(tmp_path: Path) -> None:
    result = run_program("engines", "recommend", "-l", "ja", "--facts", RADEON, home=tmp_path)
    assert "memory not known" in result.err
    assert "memory not known, so left out" in result.out
    assert "GB are free" not in result.out


def test_weights_that_nobody_here_ran_a_long_load_and_bytes_to_fetch_are_told(tmp_path: Path) -> None:
    result = run_program("engines", "recommend", "-l", "ja", "--facts", report(tmp_path), home=tmp_path)
    block, _, table = result.out.partition("Best first: ")
    assert "real weights never run by us" in block
    assert re.search(r"loading took \d+ s when it was measured", block), block
    assert "the model must be fetched: 2.32 GiB, from the hub" in block
    size = next(one.environment_bytes for one in measurements().of("parakeet"))
    assert f"the engine's environment must be fetched: ~{screen.size(size)} on the disk" in block
    assert "yamabiko engines install parakeet --profile cpu" in block
    assert f"2.32 GiB + ~{screen.size(size)}" in table
    lines = {tuple(line.split()[:2]): line for line in table.splitlines()}
    assert " random " in lines["parakeet", "parakeet-tdt_ctc-0.6b-ja-nemo"]
    assert "yes" in lines["faster-whisper", "base"]
    assert "never" in lines["faster-whisper", "small"]
    assert "~465.4 MiB" in lines["faster-whisper", "small"]


def test_where_there_are_no_figures_none_are_called_published(tmp_path: Path) -> None:
    result = run_program("engines", "recommend", "-l", "ko", "--facts", report(tmp_path), home=tmp_path)
    assert "no figure of it for this language is known to us" in result.out
    assert "real weights never run by us here" in result.out
    assert "published" not in result.out.partition("Best first: ")[0]
    assert "published figures" not in result.err


def test_what_is_recommended_stands_in_the_table(tmp_path: Path) -> None:
    """Also where it is a way that stands aside elsewhere."""
    small = report(tmp_path, memory=4 * 2**30)
    result = run_program("engines", "recommend", "-l", "ja", "--facts", small, home=tmp_path)
    assert "Recommended for “ja”: onnx-asr, model parakeet-tdt_ctc-0.6b-ja-onnx, int8 on cpu" in result.out
    lines = {tuple(line.split()[:2]): line for line in result.out.partition("Best first: ")[2].splitlines()}
    assert " ~" in lines["onnx-asr", "parakeet-tdt_ctc-0.6b-ja-onnx"], "estimated"


def test_the_table_says_by_what_it_is_ordered(tmp_path: Path) -> None:
    result = run_program("engines", "recommend", "-l", "ja", "--facts", report(tmp_path), home=tmp_path)
    assert "what is not known to lose conversation" in result.out
    read = run_program(
        "engines", "recommend", "-l", "ja", "--facts", report(tmp_path), "--read-speech", home=tmp_path
    )  # fmt: skip
    assert "Best first: " in read.out
    assert "lose conversation" not in read.out.partition("Best first: ")[2].splitlines()[0]


def test_a_language_that_there_is_not(tmp_path: Path) -> None:
    result = run_program("engines", "recommend", "--language", "klingon", home=tmp_path)
    assert result.code == 2
    assert "language-unknown" in result.err


def test_the_precision_is_that_of_the_weights_where_the_model_decides(tmp_path: Path) -> None:
    result = run_program("engines", "recommend", "--language", "ja", "--all", home=tmp_path, COLUMNS="200")
    rows = [line.split() for line in result.out.splitlines() if line.startswith("whisper.cpp")]
    shown = {row[1]: f"{row[2]} {row[3]}" for row in rows}
    assert shown["ggml-base"] == "cpu, float16"
    assert shown["ggml-large-v3-turbo-q5_0"] == "cpu, q5_0"


@pytest.mark.parametrize("mode", [(), ("--read-speech",)])
@pytest.mark.parametrize("language", ["ja", "en", "de", "ko"])
@pytest.mark.parametrize("memory", [2**30, 4 * 2**30, 16 * 2**30])
def test_the_reason_holds_in_the_table(tmp_path: Path, language: str, mode: tuple[str, ...], memory: int) -> None:
    """Every figure that it names, and what it says of the others: by the rows below it."""
    line = ("engines", "recommend", "-l", language, *mode, "--facts", report(tmp_path, memory=memory))
    told = json.loads(run_program(*line, "--json", home=tmp_path).out)["options"]
    out = run_program(*line, home=tmp_path).out
    usable = [one for one in told if one["against"] is None]
    best = usable[0]

    reason = next(line for line in out.splitlines() if "we place it first of" in line)
    assert best["why"]["en"] in reason
    assert "the least errors" not in reason
    assert "largest model of" not in reason
    assert ("loses conversation and television, and so does all" in reason) == (
        bool(best["read_speech_only"]) and not mode
    )
    figure = re.search(r"; ([\d.]+) % wrong on (.+?), (the least of the (\d+) models|with which no|where only)", reason)
    if best["score"] is None:
        assert figure is None
        assert "no figure of it for this language is known to us" in reason
        return
    assert figure is not None, reason
    assert (float(figure[1]), figure[2]) == (best["score"]["percent"], best["score"]["test"])
    same = {
        one["family"]: one["score"]["percent"]
        for one in reversed(usable)
        if one["score"] and one["score"]["test"] == figure[2]
    }
    if figure[4]:
        assert int(figure[4]) == len(same) > 1
        assert best["score"]["percent"] == min(same.values())
    elif figure[3] == "with which no":
        assert set(same) == {best["family"]}
    else:
        assert any(percent < best["score"]["percent"] for percent in same.values())


def test_what_is_here_is_not_to_be_fetched(tmp_path: Path) -> None:
    """Neither a model nor an environment that is here; of an environment that we never made the size is not known."""
    from yamabiko.cli import to_fetch
    from yamabiko.engines import models

    entry = models.find_entry("base", "ctranslate2-whisper")
    lacking = models.ModelState(entry, None)
    here = to_fetch.EnvironmentNeeded("faster-whisper", "cpu", True, 2**30)
    away = to_fetch.EnvironmentNeeded("faster-whisper", "cpu", False, 2**30)
    unknown = to_fetch.EnvironmentNeeded("faster-whisper", "cuda12", False, None)
    size = screen.size(entry.size_bytes)
    assert to_fetch.Needed(lacking, here).cell == size
    assert to_fetch.Needed(lacking, away).cell == f"{size} + ~1.00 GiB"
    assert to_fetch.Needed(lacking, unknown).cell == f"{size} + ?"
    there = models.ModelState(entry, None, unchecked=True)
    assert to_fetch.Needed(there, away).cell == "+ ~1.00 GiB"
    assert to_fetch.Needed(there, here).cell == ""
    assert [line.en for line in to_fetch.Needed(there, here).lines()] == []

"""`yamabiko engines recommend`, as people and programs read it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from program import run_program
from yamabiko.diagnosis.facts.records import Cpu, Facts, Memory, Nvidia, NvidiaGpu, System
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
    assert "7.1 % on Common Voice 8 (NVIDIA)" in result.out
    assert "yamabiko FILE --engine parakeet --model parakeet-tdt_ctc-0.6b-ja-nemo --device cuda" in result.out
    assert "never run by us on a GPU" in result.out
    assert "RTX 3060" in result.err


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
    lines = {tuple(line.split()[:2]): line for line in table.splitlines()}
    assert " random " in lines["parakeet", "parakeet-tdt_ctc-0.6b-ja-nemo"]
    assert "yes" in lines["faster-whisper", "base"]
    assert "never" in lines["faster-whisper", "small"]
    assert "~465.4 MiB" in lines["faster-whisper", "small"]


def test_where_there_are_no_figures_none_are_called_published(tmp_path: Path) -> None:
    result = run_program("engines", "recommend", "-l", "ko", "--facts", report(tmp_path), home=tmp_path)
    assert "no figures for this language are known to us" in result.out
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
    assert "what keeps conversation" in result.out
    read = run_program(
        "engines", "recommend", "-l", "ja", "--facts", report(tmp_path), "--read-speech", home=tmp_path
    )  # fmt: skip
    assert "Best first: " in read.out
    assert "what keeps conversation" not in read.out


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

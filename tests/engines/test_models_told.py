"""What `yamabiko models` and a model of one's own are told, against a hub on the loopback interface."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from models_loopback import FILES, REPO, at_desk, on_hub, sha256

from program import run_program
from yamabiko.engines import models
from yamabiko.findings import Problem
from yamabiko.settings import Settings


def test_pull_of_what_nobody_pinned_shows_its_hashes(tmp_path: Path) -> None:
    """Whoever knows them from elsewhere can hold them against these."""
    with at_desk(tmp_path) as desk:
        on_hub(desk.hub, FILES, "main")
        on_hub(desk.hub, FILES)
        variables = {**desk.environ, "HF_HOME": str(tmp_path / "no-hf")}
        fetched = run_program("models", "pull", REPO, home=tmp_path, **variables)
        checked = run_program("models", "verify", REPO, home=tmp_path, **variables)
    assert (fetched.code, checked.code) == (0, 0), fetched.err + checked.err
    for name, content in FILES.items():
        for told in (fetched.err, checked.err):
            assert f"sha256 {sha256(content)}  {name}" in told


@pytest.mark.parametrize("verb", ["pull", "path", "verify", "remove"])
def test_a_slip_in_a_name_is_told_as_what_is_to_be_typed_here(tmp_path: Path, verb: str) -> None:
    result = run_program("models", verb, "TINNY", home=tmp_path)
    assert result.code == 2
    proposed = re.findall(rf"yamabiko models {verb} (\S+)", result.err)
    assert proposed[0] == "tiny"
    assert len(set(proposed)) == len(proposed), "each once"
    assert "--model" not in result.err


@pytest.mark.parametrize("name", ["ggml-base.bin", "base.pt"])
def test_a_file_that_lies_here_is_meant_and_not_the_model_that_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(b"weights")
    (tmp_path / "base").mkdir()
    monkeypatch.chdir(tmp_path)
    format_ = models.find_entry(name).format
    found = models.locate(name, format=format_, settings=Settings(home=tmp_path / "home"))
    assert (found and found.path, found and found.origin) == (Path(name), "path")
    assert models.locate("base", format="ctranslate2-whisper", settings=Settings(home=tmp_path / "home")) is None


def test_of_a_file_nothing_is_told_of_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "private.txt").write_text("x")
    (tmp_path / "talk.flac").write_bytes(b"fLaC")
    with pytest.raises(Problem) as raised:
        models.locate(str(tmp_path / "talk.flac"), format="ctranslate2-whisper", settings=Settings(home=tmp_path))
    told = raised.value.finding
    assert told.id == "model-incomplete"
    assert "private" not in f"{told.cause} {told.evidence}"
    assert "a folder with config.json, model.bin" in told.cause.en


def test_an_address_of_the_hub_is_told_as_the_id_that_it_holds(tmp_path: Path) -> None:
    given = "https://huggingface.co/Systran/faster-whisper-base"
    result = run_program("models", "pull", given, home=tmp_path)
    assert result.code == 2, result.err
    assert "yamabiko models pull Systran/faster-whisper-base" in result.err

"""`yamabiko models`: real files in real caches, in the real program."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from program import Result, run_program
from yamabiko.engines.models import find_entry, store

BASE_REVISION = "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66"
NO_SOURCE = {
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_CONFIG_FILE": "/dev/null",
}
"""Whatever is fetched, comes from nowhere."""


def parsed(result: Result) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(result.out)
    return value


def the_model(home: Path) -> Path:
    (model,) = home.glob("cache/models/silero-onnx/*/*.onnx")
    return model


def hugging_face_copy(shared_home: Path, cache: Path) -> Path:
    """Whisper base where Hugging Face's libraries keep it: the same bytes, under their names."""
    snapshot = cache / "hub/models--Systran--faster-whisper-base/snapshots" / BASE_REVISION
    snapshot.mkdir(parents=True)
    (ours,) = shared_home.glob("cache/models/ctranslate2-whisper/base-*")
    for file in ours.iterdir():
        if not file.name.startswith("."):
            (snapshot / file.name).symlink_to(file)
    return snapshot


# ---- list -----------------------------------------------------------------------------------------------------------


def test_list_says_of_every_model_whether_it_is_here_and_pinned(silero_home: Path) -> None:
    result = run_program("models", "list", home=silero_home, HF_HOME=str(silero_home / "no-hf"))
    lines = {line.split()[0]: line for line in result.out.splitlines()}
    assert result.code == 0
    assert "our cache" in lines["silero-vad-v6"]
    assert "not here" in lines["base"]
    assert lines["base"].rstrip().endswith(" pinned")
    assert "unpinned" in lines["large-v3"]
    assert lines["ggml-base"].rstrip().endswith(" pinned by others' word"), "we never had its bytes"


def test_list_as_json_is_the_record_in_either_language(silero_home: Path) -> None:
    """Records keep what they are; only people's words change with the language."""
    english, japanese = (
        run_program("models", "list", "--json", home=silero_home, YAMABIKO_LANG=lang) for lang in ("en", "ja")
    )
    assert english.out == japanese.out
    models = {model["name"]: model for model in parsed(english)["models"]}
    assert models["silero-vad-v6"]["local"]["origin"] == "our cache"
    assert models["base"]["revision"] == BASE_REVISION
    assert (models["base"]["pinned_by"], models["ggml-base"]["pinned_by"]) == ("us", "others")
    assert "mudler/LocalAI gallery/index.yaml" in models["ggml-base"]["pinned_from"]
    assert (models["large-v3"]["pinned_by"], models["large-v3"]["pinned_from"]) == (None, "")
    assert models["base"]["size_bytes"] == sum(file["size"] for file in models["base"]["files"])


def test_list_in_japanese(tmp_path: Path) -> None:
    result = run_program("models", "list", home=tmp_path, YAMABIKO_LANG="ja", HF_HOME=str(tmp_path / "no-hf"))
    assert result.out.startswith("モデル")
    assert "なし" in result.out
    assert "公開情報のハッシュで固定" in result.out


def test_list_shows_a_damaged_copy_as_damaged(silero_home: Path) -> None:
    os.truncate(the_model(silero_home), 1000)
    result = run_program("models", "list", home=silero_home)
    line = next(line for line in result.out.splitlines() if line.startswith("silero-vad-v6"))
    assert "here, damaged" in line
    assert "cut short" in line


# ---- pull, path -----------------------------------------------------------------------------------------------------


def test_pull_ends_by_saying_where_the_model_is_and_what_its_hashes_are_worth(tmp_path: Path) -> None:
    result = run_program("models", "pull", "silero-vad-v6", home=tmp_path)
    path = Path(result.out.strip())
    assert result.code == 0, result.err
    assert path.is_file()
    assert path.is_relative_to(tmp_path)
    assert "sha256 as pinned in the catalogue (the package index)" in result.err


def test_pull_of_what_is_here_asks_nobody(silero_home: Path) -> None:
    result = run_program("models", "pull", "silero-vad-v6", home=silero_home, **NO_SOURCE)
    assert result.code == 0, result.err
    assert "already here" in result.err
    assert result.out == f"{the_model(silero_home)}\n"


def test_a_copy_with_hashes_that_we_never_computed_is_not_called_pinned_by_us(tmp_path: Path) -> None:
    """No test has the true bytes: a file of the right size, noted as hashed before, is what stands for them."""
    entry = find_entry("ggml-tiny")
    (file,) = entry.files
    assert file.size
    assert file.sha256
    folder = tmp_path / "cache/models/ggml-whisper" / f"ggml-tiny-{entry.revision[:8]}"
    folder.mkdir(parents=True)
    (folder / file.name).touch()
    os.truncate(folder / file.name, file.size)
    seen = store.Seen(file.name, file.size, (folder / file.name).stat().st_mtime_ns, file.sha256)
    store.write_stamp(folder / store.STAMP, store.Stamp(entry.name, entry.revision, "hub", (seen,)))
    result = run_program("models", "pull", "ggml-tiny", home=tmp_path, **NO_SOURCE)
    assert result.code == 0, result.err
    assert "sha256 as pinned in the catalogue by others' word (our cache)" in result.err


def test_pull_that_no_source_serves_says_what_each_of_them_said(tmp_path: Path) -> None:
    result = run_program("models", "pull", "base", home=tmp_path, HF_HOME=str(tmp_path / "no-hf"), **NO_SOURCE)
    assert (result.code, result.out) == (4, "")
    assert "model-unavailable" in result.err
    assert result.err.count("127.0.0.1:9") >= 2
    assert "models pull /path/to" not in result.err, "an example: nothing to be fetched from there"


def test_path_prints_the_path_and_nothing_else(silero_home: Path) -> None:
    result = run_program("models", "path", "silero-vad-v6", home=silero_home)
    assert (result.code, result.out, result.err) == (0, f"{the_model(silero_home)}\n", "")


def test_path_of_a_model_that_is_not_here_prints_no_path(tmp_path: Path) -> None:
    result = run_program("models", "path", "base", home=tmp_path, HF_HOME=str(tmp_path / "no-hf"))
    assert (result.code, result.out) == (4, "")
    assert "model-not-here" in result.err
    assert "yamabiko models pull base" in result.err


def test_path_says_why_a_copy_does_not_count(silero_home: Path) -> None:
    os.truncate(the_model(silero_home), 1000)
    result = run_program("models", "path", "silero-vad-v6", home=silero_home)
    assert result.code == 4
    assert "expected 1245151 bytes, found 1000" in result.err


def test_other_bytes_of_the_same_size_are_the_cause_and_not_that_there_is_none(
    silero_home: Path, replace_file: Callable[[Path, bytes], None]
) -> None:
    model = the_model(silero_home)
    replace_file(model, bytes(model.stat().st_size))
    path = run_program("models", "path", "silero-vad-v6", home=silero_home, **NO_SOURCE)
    verified = run_program("engines", "verify", "silero-vad", home=silero_home, **NO_SOURCE)
    pulled = run_program("models", "pull", "silero-vad-v6", home=silero_home, **NO_SOURCE)
    for result in (path, verified):
        assert result.code == 4
        assert "model-wrong-hash" in result.err
    for result in (path, verified, pulled):
        assert f"{model}: wrong bytes: expected sha256" in result.err
    assert "damaged, so fetched again" in pulled.err


@pytest.mark.parametrize("verb", ["pull", "path", "verify", "remove"])
def test_a_name_we_do_not_know_is_answered_with_the_nearest(verb: str, tmp_path: Path) -> None:
    result = run_program("models", verb, "larg-v3", home=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert "model-unknown" in result.err
    assert "“large-v3”" in result.err


def test_a_name_we_do_not_know_in_japanese(tmp_path: Path) -> None:
    result = run_program("models", "path", "larg-v3", home=tmp_path, YAMABIKO_LANG="ja")
    assert "「larg-v3」という名前のモデルはありません" in result.err


def test_a_format_we_do_not_know_names_those_there_are(tmp_path: Path) -> None:
    result = run_program("models", "pull", "someone/model", "--format", "gguf", home=tmp_path, **NO_SOURCE)
    assert result.code == 2
    assert "ctranslate2-whisper" in result.err


# ---- verify ---------------------------------------------------------------------------------------------------------


def test_verify_without_a_name_hashes_what_is_here(silero_home: Path) -> None:
    result = run_program("models", "verify", home=silero_home, HF_HOME=str(silero_home / "no-hf"))
    assert result.code == 0
    assert result.out.startswith("✓ silero-vad-v6: 1 file,")
    assert len(result.out.splitlines()) == 1


def test_verify_names_the_file_that_was_cut_short_and_pull_mends_it(silero_home: Path) -> None:
    model = the_model(silero_home)
    os.truncate(model, 1000)
    cut = run_program("models", "verify", home=silero_home, HF_HOME=str(silero_home / "no-hf"))
    assert cut.code == 4
    assert cut.out.startswith("✗ silero-vad-v6")
    assert f"{model}: cut short or replaced: expected 1245151 bytes, found 1000" in cut.err
    assert "yamabiko models pull silero-vad-v6" in cut.err

    assert run_program("models", "pull", "silero-vad-v6", home=silero_home).code == 0
    assert run_program("models", "verify", "silero-vad-v6", home=silero_home).code == 0


def test_verify_finds_other_bytes_behind_the_same_size_and_time(silero_home: Path) -> None:
    model = the_model(silero_home)
    before = model.stat()
    model.write_bytes(bytes(before.st_size))
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = run_program("models", "verify", "silero-vad-v6", "--json", home=silero_home)
    (checked,) = parsed(result)["models"]
    assert result.code == 4
    assert checked["ok"] is False
    assert checked["finding"]["id"] == "model-wrong-hash"
    assert str(model) in checked["finding"]["evidence"][0]


def test_verify_of_a_folder_of_the_users(silero_home: Path) -> None:
    """A file with a known model's bytes is recognised; it has no name here, only a path."""
    result = run_program("models", "verify", the_model(silero_home), home=silero_home)
    assert result.code == 0
    assert "as pinned" in result.out


@pytest.mark.parametrize("verb", ["verify", "pull", "path"])
def test_a_file_of_another_engines_names_its_format(verb: str, tmp_path: Path) -> None:
    """A path says nothing of it, and the words of `transcribe` (`--engine`) are none of these commands'."""
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "own.bin").write_bytes(b"lmgg" + bytes(100))
    wrong = run_program("models", verb, "g/own.bin", home=tmp_path)
    assert wrong.code == 4
    assert f"   yamabiko models {verb} g/own.bin --format ggml-whisper\n" in wrong.err
    assert f"   yamabiko models {verb} base\n" in wrong.err
    assert "--engine" not in wrong.err
    followed = run_program("models", verb, "g/own.bin", "--format", "ggml-whisper", home=tmp_path)
    assert followed.code == 0, followed.err


def test_verify_of_an_altered_file_names_the_engine_that_may_use_it_all_the_same(tmp_path: Path) -> None:
    [file] = find_entry("ggml-tiny").files
    assert file.size
    (tmp_path / "own.bin").touch()
    os.truncate(tmp_path / "own.bin", file.size)
    result = run_program("models", "verify", "own.bin", "--format", "ggml-whisper", home=tmp_path)
    assert result.code == 4
    assert "model-differs-from-known" in result.err
    assert "   --engine whisper.cpp --model own.bin --trust-model\n" in result.err
    assert "   yamabiko models verify ggml-tiny" in result.err


def test_verify_where_there_is_nothing_says_so(tmp_path: Path) -> None:
    result = run_program("models", "verify", home=tmp_path, HF_HOME=str(tmp_path / "no-hf"))
    assert (result.code, result.out) == (0, "")
    assert "no model on this machine" in result.err


def test_verify_of_what_was_asked_wrongly_is_json_too(tmp_path: Path) -> None:
    result = run_program("models", "verify", "larg-v3", "--json", home=tmp_path)
    assert result.code == 2
    assert parsed(result)["finding"]["id"] == "model-unknown"


# ---- remove ---------------------------------------------------------------------------------------------------------


def test_remove_takes_our_copy_and_says_when_there_is_none(silero_home: Path) -> None:
    first = run_program("models", "remove", "silero-vad-v6", home=silero_home)
    assert first.code == 0
    assert "removed silero-vad-v6 from our cache" in first.err
    assert not list(silero_home.glob("cache/models/silero-onnx/*/*.onnx"))
    second = run_program("models", "remove", "silero-vad-v6", home=silero_home)
    assert second.code == 0
    assert "was not in our cache" in second.err


def test_remove_never_touches_the_hugging_face_cache(
    shared_home: Path, faster_whisper_installed: Result, tmp_path: Path
) -> None:
    snapshot = hugging_face_copy(shared_home, tmp_path / "hf")
    home, cache = tmp_path / "home", {"HF_HOME": str(tmp_path / "hf")}
    home.mkdir()
    found = run_program("models", "path", "base", home=home, **cache)
    assert found.out == f"{snapshot}\n", found.err
    refused = run_program("models", "remove", "base", home=home, **cache)
    assert refused.code == 2
    assert "model-not-ours" in refused.err
    assert str(snapshot) in refused.err
    assert sorted(path.name for path in snapshot.iterdir())[0] == "config.json"


def test_remove_never_touches_a_path(silero_home: Path) -> None:
    model = the_model(silero_home)
    result = run_program("models", "remove", model, home=silero_home)
    assert result.code == 2
    assert "model-not-ours" in result.err
    assert model.exists()

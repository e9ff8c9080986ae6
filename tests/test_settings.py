"""Settings come from the environment, whole or with a Finding that names the culprit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, strategies

from yamabiko.findings import Problem
from yamabiko.settings import Settings, read

NUMBERS = [f for f in dataclasses.fields(Settings) if f.name != "home"]


def test_an_empty_environment_gives_the_defaults():
    assert read({}) == Settings()


@pytest.mark.parametrize("f", NUMBERS, ids=lambda f: f.name)
def test_every_number_can_be_set(f):
    settings = read({f"YAMABIKO_{f.name.upper()}": "12"})

    assert getattr(settings, f.name) == 12


@pytest.mark.parametrize("f", NUMBERS, ids=lambda f: f.name)
def test_every_number_has_a_help_in_both_languages(f):
    assert f.metadata["help"].en
    assert f.metadata["help"].ja


def test_an_empty_value_counts_as_not_set():
    assert read({"YAMABIKO_WORKER_LOAD_S": "", "YAMABIKO_HOME": ""}) == Settings()


@pytest.mark.parametrize("name", ["WORKER_LOAD_S", "WORKER_MEMORY_BYTES"])
@pytest.mark.parametrize("value", ["soon", "-1", "nan", "-inf", "0x10", "1 GB", "一"])
def test_what_is_no_number_is_refused_by_name(name, value):
    with pytest.raises(Problem) as caught:
        read({f"YAMABIKO_{name}": value})

    assert caught.value.finding.id == "setting-invalid"
    assert caught.value.finding.evidence == (f"environment: YAMABIKO_{name}={value}",)


def test_an_endless_number_of_bytes_is_refused_by_name():
    with pytest.raises(Problem):
        read({"YAMABIKO_WORKER_MEMORY_BYTES": "inf"})


@given(strategies.text(max_size=12))
def test_no_text_brings_more_than_a_finding(value):
    try:
        settings = read({"YAMABIKO_WORKER_MEMORY_BYTES": value, "YAMABIKO_WORKER_STOP_S": value})
    except Problem:
        return
    assert settings.worker_memory_bytes >= 0


def test_bytes_are_whole_numbers_and_may_be_written_short():
    assert read({"YAMABIKO_WORKER_MEMORY_BYTES": "3e8"}).worker_memory_bytes == 300_000_000


def test_home_moves_everything_to_one_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = read({"YAMABIKO_HOME": "kept here"})

    home = tmp_path / "kept here"
    assert settings.home == home
    assert {settings.data_dir, settings.cache_dir, settings.state_dir} == {
        home / "data",
        home / "cache",
        home / "state",
    }
    assert settings.work_dir == home / "cache" / "work"


def test_a_tilde_is_the_users_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert read({"YAMABIKO_HOME": "~/echo"}).home == Path(tmp_path, "echo")

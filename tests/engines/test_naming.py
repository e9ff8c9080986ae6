"""Remedies that name a model, typed as they stand."""

from __future__ import annotations

import pytest

from yamabiko.engines import catalog
from yamabiko.engines.models import problems
from yamabiko.engines.naming import named_for, option
from yamabiko.findings import Problem
from yamabiko.i18n import Text
from yamabiko.scheduling.setup import Wish, prepare
from yamabiko.settings import Settings


@pytest.mark.parametrize(
    ("engine", "typed"),
    [
        ("faster-whisper", "--model"),
        ("whisper.cpp", "--engine whisper.cpp --model"),
        ("wav2vec2-aligner", "--align"),
        ("campplus", "--speaker-model"),
        ("pyannote", "--speaker-engine pyannote --speaker-model"),
    ],
)
def test_each_engine_has_its_own_way_to_name_a_model(engine: str, typed: str) -> None:
    card = catalog.card(engine)
    assert option(card) == typed
    with pytest.raises(Problem) as raised, named_for(card):
        raise Problem(problems.unknown("x", ["near"], ["near"]))

    assert raised.value.finding.remedies[0].command == f"{typed} near"


def test_a_model_that_is_told_by_its_engine_already_stays(tmp_path) -> None:
    with pytest.raises(Problem) as raised, named_for(catalog.card("reazonspeech")):
        raise Problem(problems.no_speech_model(tmp_path, "it is BERT"))

    assert any((r.command or "").count("--engine") == 1 for r in raised.value.finding.remedies)


def test_the_model_that_is_proposed_is_one_of_this_engine_s(tmp_path) -> None:
    complaints = [Text("model.bin is missing", "model.bin がありません")]
    with pytest.raises(Problem) as raised, named_for(catalog.card("whisper.cpp")):
        raise Problem(problems.incomplete(tmp_path, complaints, [], "ggml-whisper"))

    proposed = f"--engine whisper.cpp --model {catalog.card('whisper.cpp').default_model}"
    assert proposed in [remedy.command for remedy in raised.value.finding.remedies]


def test_a_misspelt_aligner_costs_no_environment(tmp_path) -> None:
    told: list[str] = []
    with pytest.raises(Problem) as raised:
        prepare(Wish("wav2vec2-aligner", "align-jp"), Settings(home=tmp_path), lambda what, *_: told.append(what.en))

    assert raised.value.finding.id == "model-unknown"
    assert told == []
    assert any("--align align-ja" in (remedy.command or "") for remedy in raised.value.finding.remedies)

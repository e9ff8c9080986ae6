"""What is said of a fix: only what was tried in the environment that it made, and only what was compared there."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from casebook import facts, platform
from program import environment
from yamabiko import settings as all_settings
from yamabiko.diagnosis import fixes
from yamabiko.diagnosis.articles import article
from yamabiko.diagnosis.checkup import Checkup
from yamabiko.diagnosis.facts.records import Rung
from yamabiko.diagnosis.fixes import Applied
from yamabiko.engines import catalog
from yamabiko.engines.environment_finding import folder_of
from yamabiko.settings import Settings
from yamabiko.transcription.treatment import Treatment, judge, undo
from yamabiko.transcription.visit import Visit

BROKEN = article("engine-environment-broken").finding(("onnxruntime: not whole",))
MADE_ANEW = Treatment(BROKEN, article("engine-environment-broken").fix, "silero-vad", "cpu")  # type: ignore[arg-type]
OTHERS = {"faster-whisper-cpu-0123456789ab": ("good morning",)}


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    return replace(all_settings.current(), home=tmp_path)


def visited(*rungs: Rung, found=(), texts=None) -> Visit:
    return Visit(Checkup(facts(platform("cpu-only-linux")), tuple(found), rungs), texts or {})


def made(place: Settings) -> str:
    card = catalog.card("silero-vad")
    return folder_of(card, place, card.profiles[0]).name


def test_an_environment_that_nobody_tried_is_not_kept(place: Settings) -> None:
    """Another yamabiko had set it aside meanwhile: no probe ran, and no finding is no proof."""
    before = visited(Rung(made(place), "whole", False, "x", BROKEN.id), found=[BROKEN])
    kept, why = judge(MADE_ANEW, before, visited(Rung("another", "load", True)), place)

    assert not kept
    assert why.en == f"nothing was tried in the new environment: {made(place)}"


def test_a_new_environment_that_does_not_pass_is_not_kept(place: Settings) -> None:
    known = article("probe-failed-unexplained").finding(("another: kernel cpu",))
    before = visited(Rung(made(place), "whole", False, "x", BROKEN.id), found=[BROKEN, known])
    after = visited(Rung(made(place), "load", True), Rung(made(place), "kernel cpu", False, "x"), found=[known])
    kept, why = judge(MADE_ANEW, before, after, place)

    assert (kept, "does not pass" in why.en, "kernel cpu" in why.en) == (False, True, True)


def test_a_model_that_was_never_here_is_no_fault_of_the_new_environment(place: Settings) -> None:
    """While the environment was broken nobody could see that its model is missing too; the finding stays, and is shown."""
    absent = article("model-not-here").finding(("folder: not there",))
    before = visited(Rung(made(place), "whole", False, "x", BROKEN.id), found=[BROKEN])
    after = visited(
        Rung(made(place), "load", True), Rung(made(place), "speech", False, absent.id, absent.id), found=[absent]
    )

    assert [str(one) for one in judge(MADE_ANEW, before, after, place)] == [
        "True",
        "it is gone, and the new environment loads; there was no text to compare with",
    ]


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        (("load", "speech cpu/float32 (proved)"), "it is gone, and the speech in known recordings is found"),
        (
            ("load", "kernel cpu/float32"),
            "it is gone, and the new environment loads; there was no text to compare with",
        ),
    ],
)
def test_another_environments_text_is_no_proof_of_the_new_one(place: Settings, tried, said: str) -> None:
    before = visited(Rung(made(place), "whole", False, "x", BROKEN.id), found=[BROKEN], texts=OTHERS)
    after = visited(*(Rung(made(place), what, True) for what in tried), texts=OTHERS)

    assert [str(one) for one in judge(MADE_ANEW, before, after, place)] == ["True", said]


def test_a_text_that_was_compared_is_said_to_be(place: Settings) -> None:
    both = {**OTHERS, made(place): ("good morning",)}
    tried = (Rung(made(place), "load", True), Rung(made(place), "speech cpu/float32 (proved)", True))
    same = judge(MADE_ANEW, visited(*tried, found=[BROKEN], texts=both), visited(*tried, texts=both), place)
    first = judge(MADE_ANEW, visited(found=[BROKEN], texts=OTHERS), visited(*tried, texts=both), place)

    assert same[1].en == "it is gone, and the text is the same"
    assert first[1].en == "it is gone, and the recordings whose text we know give it"


# ---- one at a time --------------------------------------------------------------------------------------------------

UNDOING = """
from yamabiko import settings
from yamabiko.transcription.treatment import undo
print("ready", flush=True)
input()
print(*(one.finding for one in undo(settings.current())))
"""


def test_of_two_that_undo_at_once_one_takes_it_back(place: Settings) -> None:
    fixes.keep(place, fixes.begin(place, Applied("x", (("OMP_NUM_THREADS", "1"),))))
    with fixes.turn(place):
        both = [
            subprocess.Popen(
                [sys.executable, "-c", UNDOING],
                env=environment(place.home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(2)
        ]  # fmt: skip
        for one in both:
            assert one.stdout is not None
            assert one.stdin is not None
            assert one.stdout.readline() == "ready\n"
            one.stdin.write("\n")
            one.stdin.flush()
        assert [one.finding for one in fixes.read(place)] == ["x"], "they wait"
    said = sorted(one.communicate(timeout=60)[0].strip() for one in both)

    assert said == ["", "x"]
    assert undo(place) == ()


def test_who_waits_is_told(place: Settings) -> None:
    told = threading.Event()

    def other() -> None:
        with fixes.turn(place, told.set):
            pass

    with fixes.turn(place):
        waiting = threading.Thread(target=other)
        waiting.start()
        assert told.wait(60)
    waiting.join(60)
    assert not waiting.is_alive()

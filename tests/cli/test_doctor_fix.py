"""`doctor --fix`: shows, asks, tries, keeps what helps and nothing else; `--undo` leaves everything as it was."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from program import COMMAND, environment, run_program
from yamabiko import settings as all_settings
from yamabiko.diagnosis import fixes
from yamabiko.diagnosis.articles import Fix
from yamabiko.diagnosis.facts.gather import gather
from yamabiko.diagnosis.facts.records import Facts
from yamabiko.diagnosis.fixes import Applied
from yamabiko.engines import catalog
from yamabiko.engines.environment_finding import folder_of
from yamabiko.findings import Problem
from yamabiko.settings import Settings
from yamabiko.transcription.treatment import Treatment, plan, treat, undo
from yamabiko.transcription.visit import Visit, visit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the files of Linux")


@pytest.fixture
def broken(silero_home: Path) -> Path:
    """A home whose one engine lacks a module in the middle of it."""
    [site] = silero_home.glob("data/engines/silero-vad-*/lib/python3*/site-packages")
    (site / "onnxruntime/capi/onnxruntime_validation.py").unlink()
    return silero_home


def engines(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "data/engines").iterdir() if not path.name.endswith(".lock"))


def test_what_is_broken_is_mended_kept_and_can_be_taken_back(broken: Path) -> None:
    sick = run_program("doctor", "--engine", "silero-vad", home=broken)
    assert sick.code == 1
    assert "engine-environment-broken" in sick.out
    assert "yamabiko engines repair silero-vad" in sick.out
    assert sick.out.count("onnxruntime_validation.py") == 1, sick.out
    mended = run_program("doctor", "--fix", "--yes", "--engine", "silero-vad", home=broken)
    assert mended.code == 0, mended.out + mended.err
    assert "kept: it is gone, and the speech in known recordings is found" in mended.out
    assert run_program("doctor", "--engine", "silero-vad", home=broken).code == 0
    assert run_program("doctor", "--fix", "--engine", "silero-vad", home=broken).out == "Nothing is wrong here.\n"
    taken_back = run_program("doctor", "--undo", home=broken)
    assert taken_back.code == 0
    assert run_program("doctor", "--engine", "silero-vad", home=broken).code == 1
    assert len([name for name in engines(broken) if not name.startswith(".")]) == 1
    assert run_program("doctor", "--undo", home=broken).out.startswith("There is nothing")


def test_nobody_is_asked_where_nobody_can_answer(broken: Path) -> None:
    before = engines(broken)
    result = run_program("doctor", "--fix", "--engine", "silero-vad", home=broken)
    assert result.code == 2
    assert "not-asked" in result.err
    assert "make the environment of silero-vad (cpu) anew" in result.out
    assert engines(broken) == before
    assert not (broken / "state/fixes.json").exists()


def test_a_person_who_says_no_has_nothing_changed(broken: Path) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, b"n\n")
    done = subprocess.run(
        [*COMMAND, "doctor", "--fix", "--engine", "silero-vad"],
        stdin=theirs, capture_output=True, env=environment(broken), cwd=broken, check=False, timeout=120,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 1, done.stderr
    assert b"Nothing was changed." in done.stdout
    assert not (broken / "state/fixes.json").exists()


def test_a_fix_that_cannot_be_made_leaves_the_old_environment(broken: Path) -> None:
    before = engines(broken)
    index = "http://127.0.0.1:9/simple"
    nowhere = {"UV_INDEX_URL": index, "PIP_INDEX_URL": index, "UV_CACHE_DIR": str(broken / "uv"),
               "PIP_CONFIG_FILE": os.devnull, "UV_HTTP_RETRIES": "0"}  # fmt: skip
    result = run_program("doctor", "--fix", "--yes", "--engine", "silero-vad", home=broken, **nowhere)
    assert result.code == 1, result.out
    assert "taken back" in result.out
    assert "--undo" not in result.out, "nothing was kept that could be taken back"
    assert engines(broken) == before
    assert json.loads((broken / "state/fixes.json").read_text())["applied"] == []


DYING = """
import os, sys
from pathlib import Path
from yamabiko import settings
from yamabiko.diagnosis import fixes
from yamabiko.diagnosis.fixes import Applied
from yamabiko.engines import catalog, environments

place = settings.current()
change = fixes.begin(place, Applied("engine-environment-broken", (), "silero-vad", "cpu"))

def write_down(aside):
    fixes.amend(place, change, aside=str(aside))
    if sys.argv[1] == "before the rename":
        os.kill(os.getpid(), 9)

environments.set_aside(catalog.card("silero-vad"), place, "cpu", write_down)
if sys.argv[1] == "amid the new one":
    (place.data_dir / "engines/.building@silero-vad-cpu@x/environment").mkdir(parents=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("moment", ["before the rename", "after the rename", "amid the new one"])
def test_a_fix_that_is_killed_while_it_sets_the_old_environment_aside_can_be_undone(silero_home: Path, moment) -> None:
    before = engines(silero_home)
    killed = subprocess.run([sys.executable, "-c", DYING, moment], env=environment(silero_home), check=False)
    assert killed.returncode == -9
    seen = run_program("doctor", "--quick", "--engine", "silero-vad", home=silero_home)
    gone = moment != "before the rename"
    assert (seen.code, "fix-interrupted" in seen.out, "yamabiko doctor --undo" in seen.out) == (int(gone), gone, gone)

    undone = run_program("doctor", "--undo", home=silero_home)

    assert undone.code == 0, undone.err
    assert engines(silero_home) == before
    assert json.loads((silero_home / "state/fixes.json").read_text())["applied"] == []


WHOLE_AND_NOT_JUDGED = """
import os, shutil, sys
from pathlib import Path
from yamabiko import settings
from yamabiko.diagnosis import fixes
from yamabiko.diagnosis.fixes import Applied
from yamabiko.engines import catalog, environments

place = settings.current()
change = fixes.begin(place, Applied("engine-environment-broken", (), "silero-vad", "cpu"))
write_down = lambda aside: fixes.amend(place, change, aside=str(aside))
aside = environments.set_aside(catalog.card("silero-vad"), place, "cpu", write_down)
shutil.copytree(aside, aside.parent.parent / aside.name, symlinks=True)
for name in sys.argv[1:]:
    [file] = aside.parent.parent.glob(f"{aside.name}/lib/python3*/site-packages/{name}")
    file.unlink()
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("lacks", [(), ("onnxruntime/__init__.py",)])
def test_a_fix_that_was_killed_before_it_was_judged_is_gone_on_with(silero_home: Path, lacks: tuple[str, ...]) -> None:
    """The new environment is whole: it is tried and kept. It is not: the old one is put back."""
    run = [sys.executable, "-c", WHOLE_AND_NOT_JUDGED, *lacks]
    assert subprocess.run(run, env=environment(silero_home), check=False).returncode == -9
    seen = run_program("doctor", "--quick", "--engine", "silero-vad", home=silero_home)
    assert "yamabiko doctor --fix" in seen.out
    unasked = run_program("doctor", "--fix", "--json", "--engine", "silero-vad", home=silero_home)
    assert [one["finding"] for one in json.loads(unasked.out)["planned"]] == ["fix-interrupted"]

    gone_on = run_program("doctor", "--fix", "--yes", "--engine", "silero-vad", home=silero_home)

    assert gone_on.code == 0, gone_on.out + gone_on.err
    kept = json.loads((silero_home / "state/fixes.json").read_text())["applied"]
    if lacks:
        assert "taken back: the new environment is not whole" in gone_on.out
        assert kept == []
    else:
        assert "kept: the new environment passes" in gone_on.out
        assert [one["state"] for one in kept] == ["kept"]
    after = run_program("doctor", "--quick", "--engine", "silero-vad", home=silero_home)
    assert "fix-interrupted" not in after.out
    assert after.code == 0, after.out


def test_what_another_engine_lacks_is_not_this_ones(tmp_path: Path) -> None:
    """Asked about an engine that is not here, the doctor says so and judges, and plans, no other."""
    place = replace(all_settings.current(), home=tmp_path)
    card = catalog.card("faster-whisper")
    other = folder_of(card, place, card.profiles[0])
    other.mkdir(parents=True)
    assert "engine-environment-broken" in run_program("doctor", "--quick", home=tmp_path).out

    quick = run_program("doctor", "--quick", "--engine", "silero-vad", home=tmp_path)
    fixing = run_program("doctor", "--fix", "--yes", "--engine", "silero-vad", home=tmp_path)

    assert (quick.code, fixing.code) == (0, 0), quick.out + fixing.out
    for said in (quick.out, fixing.out):
        assert "faster-whisper" not in said
        assert "silero-vad” (cpu) is not installed" in said
    assert "yamabiko engines install silero-vad" in quick.out
    assert list(other.iterdir()) == []


# ---- variables, on a machine that shows an NVIDIA GPU in its files alone ---------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    return replace(all_settings.current(), home=tmp_path / "home")


@pytest.fixture
def look(tmp_path: Path, place: Settings) -> Callable[[], Facts]:
    root = tmp_path / "root"
    for name in ("dev/nvidia0", "dev/nvidiactl", "proc/driver/nvidia/version"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu\n")
    return lambda: gather(place, root=root, environ={"CUDA_VISIBLE_DEVICES": "", "PATH": os.environ["PATH"]})


def seen(look: Callable[[], Facts], place: Settings) -> Visit:
    return visit(look(), place)


def test_a_variable_is_taken_from_the_workers_and_comes_back(look: Callable[[], Facts], place: Settings) -> None:
    before = seen(look, place)
    [treatment] = [one for one in plan(before, place) if one.finding.id == "cuda-visible-devices-empty"]
    outcome = treat(treatment, before, place, look, lambda *_: None)
    assert outcome.kept, outcome.why
    assert outcome.why.en == "it is gone; there was no text to compare with"
    assert ("CUDA_VISIBLE_DEVICES", None) in fixes.variables(place)
    assert "cuda-visible-devices-empty" not in [f.id for f in outcome.after.checkup.findings]
    assert plan(outcome.after, place) == ()
    assert [one.finding for one in undo(place)] == ["cuda-visible-devices-empty"]
    assert fixes.variables(place) == ()


def test_what_does_not_help_is_not_kept(look: Callable[[], Facts], place: Settings) -> None:
    before = seen(look, place)
    finding = next(f for f in before.checkup.findings if f.id == "cuda-visible-devices-empty")
    useless = Treatment(finding, Fix(variables={"OMP_NUM_THREADS": "1"}))
    outcome = treat(useless, before, place, look, lambda *_: None)
    assert not outcome.kept
    assert "still there" in outcome.why.en
    assert fixes.read(place) == ()


def test_a_changed_text_is_not_kept_where_no_accuracy_was_to_be_lost(
    look: Callable[[], Facts], place: Settings
) -> None:
    before = seen(look, place)
    heard = Visit(before.checkup, {"somewhere": ("what was heard before",)})
    finding = next(f for f in before.checkup.findings if f.id == "cuda-visible-devices-empty")
    honest = Treatment(finding, Fix(unset=("CUDA_VISIBLE_DEVICES",)))
    frank = Treatment(finding, Fix(unset=("CUDA_VISIBLE_DEVICES",), costs="accuracy"))
    outcome = treat(honest, heard, place, look, lambda *_: None)
    assert (outcome.kept, "text changed" in outcome.why.en) == (False, True)
    assert treat(frank, heard, place, look, lambda *_: None).kept


def test_a_trial_that_dies_leaves_nothing_in_force(place: Settings) -> None:
    change = fixes.begin(place, Applied("x", (("OMP_NUM_THREADS", "1"),)))
    assert fixes.variables(place) == (("OMP_NUM_THREADS", "1"),)
    fixes.amend(place, change, state="tried")
    plain = json.loads(fixes.journal(place).read_text())
    plain["applied"][0]["pid"] = 1  # somebody else's, who is gone
    fixes.journal(place).write_text(json.dumps(plain))
    assert fixes.variables(place) == ()
    assert [one.finding for one in undo(place)] == ["x"]


def test_ctrl_c_in_a_trial_takes_it_back(look: Callable[[], Facts], place: Settings) -> None:
    before = seen(look, place)
    [treatment] = [one for one in plan(before, place) if one.finding.id == "cuda-visible-devices-empty"]

    def interrupted() -> Facts:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        treat(treatment, before, place, interrupted, lambda *_: None)
    assert fixes.read(place) == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"applied": [{"finding": 3}]}', '{"applied": {}}'])
def test_a_damaged_journal_has_nothing_in_force(text: str, place: Settings) -> None:
    fixes.journal(place).parent.mkdir(parents=True)
    fixes.journal(place).write_text(text)
    assert fixes.variables(place) == ()


@pytest.mark.parametrize("text", ["", '{"applied": [', "\0\1garbage"])
def test_a_journal_that_cannot_be_read_is_no_journal_of_nothing(text: str, place: Settings) -> None:
    """An environment of a kept fix lies aside: it is named, with what puts it back, and nothing is written over."""
    card = catalog.card("silero-vad")
    now = folder_of(card, place, card.profiles[0])
    before = now.parent / ".aside@silero-vad-cpu@x" / now.name
    for folder, whose in ((now, "new"), (before, "old")):
        folder.mkdir(parents=True)
        (folder / "whose").write_text(whose)
    fixes.journal(place).parent.mkdir(parents=True)
    fixes.journal(place).write_text(text)

    undone = run_program("doctor", "--undo", home=place.home)
    fixing = run_program("doctor", "--fix", "--yes", home=place.home)
    quick = run_program("doctor", "--quick", "--json", home=place.home)

    assert (undone.code, fixing.code, quick.code) == (2, 2, 1)
    for said in (undone.err, fixing.err):
        assert "fixes-unreadable" in said
        assert str(before) in said
    [told] = [one for one in json.loads(quick.out)["findings"] if one["id"] == "fixes-unreadable"]
    assert fixes.journal(place).read_text() == text
    subprocess.run(["sh", "-e", "-c", told["remedies"][0]["command"]], check=True)
    assert (now / "whose").read_text() == "old"
    assert run_program("doctor", "--undo", home=place.home).out.startswith("There is nothing")


def test_nothing_is_changed_where_nothing_can_be_written_down(place: Settings) -> None:
    place.state_dir.parent.mkdir(parents=True)
    place.state_dir.write_text("a file in the way")
    with pytest.raises(Problem) as raised:
        fixes.begin(place, Applied("x"))
    assert raised.value.finding.id == "state-not-writable"


DYING_AMID_A_TRIAL = """
import os
from yamabiko import settings
from yamabiko.diagnosis import fixes
fixes.begin(settings.current(), fixes.Applied("cuda-visible-devices-empty", (("CUDA_VISIBLE_DEVICES", None),)))
os.kill(os.getpid(), 9)
"""


def test_a_fix_that_was_killed_amid_its_trial_is_planned_again(look: Callable[[], Facts], place: Settings) -> None:
    surroundings = environment(place.home)
    assert subprocess.run([sys.executable, "-c", DYING_AMID_A_TRIAL], env=surroundings, check=False).returncode == -9
    assert [one.state for one in fixes.read(place)] == ["tried"]

    before = seen(look, place)
    [treatment] = [one for one in plan(before, place) if one.finding.id == "cuda-visible-devices-empty"]

    assert treat(treatment, before, place, look, lambda *_: None).kept
    assert [one.state for one in fixes.read(place)] == ["kept"]


def test_another_process_of_the_same_number_is_not_the_one_that_tried(place: Settings) -> None:
    """In a container the first program always has the same number."""
    fixes.begin(place, Applied("x", (("OMP_NUM_THREADS", "1"),)))
    plain = json.loads(fixes.journal(place).read_text())
    plain["applied"][0]["when"] = "2020-01-01T00:00:00+00:00"
    fixes.journal(place).write_text(json.dumps(plain))
    assert fixes.variables(place) == ()
    assert fixes.in_force(place) == ()


def test_making_an_environment_anew_has_one_price(broken: Path) -> None:
    told = json.loads(run_program("doctor", "--fix", "--json", "--engine", "silero-vad", home=broken).out)
    assert [one["costs"] for one in told["planned"]] == ["effort"]
    assert told["finding"]["id"] == "not-asked"
    assert told["tried"] == []
    assert not (broken / "state/fixes.json").exists()

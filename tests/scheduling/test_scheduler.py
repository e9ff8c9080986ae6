"""
The fault table, and what a run promises: whatever becomes of its workers, the text is that of an undisturbed run.

Every worker here is a real process. No script has a GPU, but a ladder may have a rung of that name.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy
import pytest

from yamabiko.findings import Finding, Problem
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.scheduler import Conduct, Run
from yamabiko.settings import Settings
from yamabiko.speech import TranscribeOptions

GPU, CPU = "float16", "float32"  # the precisions of the two rungs tell which of them answered


@dataclass
class Course:
    """One run to its end, and all that a user would have seen of it."""

    run: Run
    answered: list[str] = field(default_factory=list)
    notices: list[Finding] = field(default_factory=list)
    problem: Finding | None = None

    @property
    def fallbacks(self) -> list[str]:
        return [finding.id for finding in self.run.fallbacks]

    @property
    def rung(self) -> str:
        assert self.run.ready is not None
        return self.run.ready.loaded.compute_type


def course_of(pool: Pool, outfit: Outfit, recording, wanted=(0, 1, 2), **conduct: Any) -> Course:
    audio, chunks = recording
    notices: list[Finding] = []
    course = Course(Run(pool, outfit, Conduct(**conduct), notices.append), notices=notices)
    try:
        for answer in course.run.answers(audio, chunks, wanted, TranscribeOptions()):
            course.answered.append(f"{answer.chunk}: {' '.join(segment.text for segment in answer.segments)}")
    except Problem as problem:
        course.problem = problem.finding
    return course


@pytest.fixture(scope="session")
def undisturbed(recording) -> list[str]:
    """What the five chunks say, worked out from the samples: the script's text is their length and checksum."""
    samples = numpy.fromfile(recording[0], "<f4")
    return [
        f"{index}: [{span.duration_s:.2f} s, {zlib.crc32(samples[span.start_sample : span.end_sample].tobytes()):08x}]"
        for index, span in enumerate(recording[1])
    ]


# ---- the table ------------------------------------------------------------------------------------------------------

FAULTS = {
    "died": ({"do": "die", "signal": "SIGSEGV"}, "worker-died-unexplained"),
    "stalled": ({"do": "stall"}, "worker-silent"),
    "raised": ({"do": "raise"}, "engine-raised"),
    "nonsense": ({"do": "nonsense"}, "worker-nonsense"),
}
MOMENTS = {  # the cue, and how many chunks are answered before it
    "loading": ({"at": "load"}, 0),
    "first chunk": ({"at": "chunk"}, 0),
    "middle chunk": ({"at": "chunk", "skip": 1}, 1),
    "last chunk": ({"at": "chunk", "skip": 2}, 2),
}


@pytest.fixture(params=FAULTS)
def fault(request):
    return FAULTS[request.param]


@pytest.fixture(params=MOMENTS)
def moment(request):
    return MOMENTS[request.param]


@pytest.fixture
def hasty(fault, no_children_left):
    """A pool whose limits are short where something stalls."""
    limits = dict.fromkeys(("worker_load_s", "worker_first_answer_s", "worker_silence_s"), 0.5)
    with Pool(Settings(**(limits if fault[0]["do"] == "stall" else {}))) as pool:
        yield pool


def test_a_fault_that_comes_once_costs_a_notice_and_no_text(
    hasty, outfit, script, recording, undisturbed, fault, moment
):
    course = course_of(hasty, outfit(script(fault[0] | moment[0] | {"times": 1})), recording)

    assert course.problem is None
    assert course.answered == undisturbed[:3]
    assert course.fallbacks == [fault[1]]
    assert course.rung == GPU  # the same rung, in a fresh worker
    assert "fresh worker on cuda/float16" in course.run.fallbacks[0].we_did.en
    assert course.run.fallbacks[0] in course.notices


def test_a_fault_that_stays_on_the_gpu_is_left_behind_there(
    hasty, outfit, script, recording, undisturbed, fault, moment
):
    course = course_of(hasty, outfit(script(fault[0] | moment[0] | {"device": "cuda"})), recording)

    assert course.problem is None
    assert course.answered == undisturbed[:3]
    assert course.fallbacks == [fault[1]] * 2  # once more on the GPU, then down
    assert course.rung == CPU
    assert course.run.used_device == "cpu"
    assert "went on with cpu/float32" in course.run.fallbacks[1].we_did.en
    assert [finding.id for finding in course.notices if finding.id != "gpu-not-used"] == course.fallbacks


def test_a_fault_that_stays_everywhere_ends_the_run_and_keeps_what_was_answered(
    hasty, outfit, script, recording, undisturbed, fault, moment
):
    course = course_of(hasty, outfit(script(fault[0] | moment[0])), recording)

    assert course.answered == undisturbed[: moment[1]]
    assert course.problem.id == fault[1]
    assert course.problem.severity == "error"
    assert [line for line in course.problem.evidence if line.startswith("before: ")] != []


# ---- causes that are known ------------------------------------------------------------------------------------------

OUT_OF_MEMORY = "CUDA failed with error out of memory"
NO_DRIVER = "CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"
DRIVER = "driver-none-or-container-without-runtime"
NO_LIBRARY = "Library libcublas.so.12 is not found or cannot be loaded"
NO_MODEL = "File model.bin is incomplete: failed to read a buffer of size 4 at position 0"


@pytest.mark.parametrize(
    ("message", "finding"),
    [
        (OUT_OF_MEMORY, "cuda-oom"),
        (NO_LIBRARY, "ct2-libcublas12-missing-under-cuda13"),
    ],
)
@pytest.mark.parametrize("at", ["load", "chunk"])
def test_a_known_cause_is_not_tried_twice(
    pool_beside_a_gpu, outfit, script, recording, undisturbed, message, finding, at
):
    model = script({"at": at, "device": "cuda", "do": "raise", "message": message})

    course = course_of(pool_beside_a_gpu, outfit(model), recording)

    assert course.answered == undisturbed[:3]
    assert course.fallbacks == [finding]
    assert course.rung == CPU


@pytest.mark.parametrize("at", ["load", "chunk"])
def test_a_missing_driver_is_not_tried_twice(pool, outfit, script, recording, undisturbed, at):
    model = script({"at": at, "device": "cuda", "do": "raise", "message": NO_DRIVER})

    course = course_of(pool, outfit(model), recording)

    assert course.answered == undisturbed[:3]
    assert course.fallbacks == [DRIVER]
    assert course.rung == CPU


def test_the_next_file_starts_where_this_one_ended(pool_beside_a_gpu, outfit, script, recording, undisturbed):
    """A rung that failed for a known reason is benched: no second load of a model that does not fit."""
    model = script({"at": "load", "device": "cuda", "do": "raise", "message": OUT_OF_MEMORY})
    course_of(pool_beside_a_gpu, outfit(model), recording)

    second = course_of(pool_beside_a_gpu, outfit(model), recording)

    assert second.answered == undisturbed[:3]
    assert second.fallbacks == []
    assert second.rung == CPU


def test_a_rung_that_failed_for_no_known_reason_is_tried_again_for_the_next_file(pool, outfit, script, recording):
    model = script({"at": "load", "device": "cuda", "times": 2, "do": "die", "signal": "SIGSEGV"})
    assert course_of(pool, outfit(model), recording).rung == CPU

    assert course_of(pool, outfit(model), recording).rung == GPU


def test_a_broken_environment_for_the_gpu_leaves_the_one_for_the_cpu(pool, outfit, recording, undisturbed, tmp_path):
    environments = outfit().environments
    gone = replace(environments["cuda"], python=tmp_path / "gone" / "python")

    course = course_of(pool, outfit(environments={"cuda": gone, "cpu": environments["cpu"]}), recording)

    assert course.answered == undisturbed[:3]
    assert course.fallbacks == ["engine-environment-broken"]
    assert course.rung == CPU


@pytest.mark.parametrize("at", ["load", "chunk"])
def test_a_broken_model_is_not_tried_on_every_rung(pool, outfit, script, recording, at):
    course = course_of(pool, outfit(script({"at": at, "do": "raise", "message": NO_MODEL})), recording)

    assert course.problem.id == "model-broken"
    assert course.fallbacks == []


def test_memory_that_runs_out_on_every_rung_ends_in_its_cause(no_children_left, outfit, script, recording, undisturbed):
    with Pool(Settings(worker_memory_bytes=300_000_000)) as small:
        course = course_of(small, outfit(script({"at": "chunk", "skip": 1, "do": "exhaust_memory"})), recording)

    assert course.answered == undisturbed[:1]
    assert course.problem.id == "worker-out-of-memory"


# ---- nothing twice, nothing lost ------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize("at", ["chunk", "answered"])
def test_a_death_in_the_middle_of_a_batch_neither_doubles_nor_drops_a_word(
    pool, outfit, script, recording, undisturbed, batch_size, at
):
    """`answered`: its text had come, its end had not."""
    model = script({"at": at, "skip": 2, "times": 1, "do": "die", "signal": "SIGKILL"})

    course = course_of(pool, outfit(model), recording, wanted=range(5), batch_size=batch_size)

    assert course.answered == undisturbed
    assert len(course.fallbacks) == 1


def test_only_the_chunks_that_are_wanted_are_asked_for(pool, outfit, recording, undisturbed):
    """The others came from an interrupted run."""
    course = course_of(pool, outfit(), recording, wanted=(1, 3), batch_size=2)

    assert course.answered == [undisturbed[1], undisturbed[3]]


def test_a_chunk_without_text_is_answered_too(pool, outfit, script, recording):
    course = course_of(pool, outfit(script({"at": "chunk", "skip": 1, "times": 1, "do": "silence"})), recording)

    assert [text.split(":")[0] for text in course.answered] == ["0", "1", "2"]
    assert course.answered[1] == "1: "
    assert course.fallbacks == []


def test_each_answer_gives_back_the_right_to_be_tried_again(pool, outfit, script, recording, undisturbed):
    """Three unexplained deaths, each after an answer: no reason to leave the rung."""
    deaths = [{"at": "chunk", "skip": skip, "times": 1, "do": "die", "signal": "SIGSEGV"} for skip in (1, 2, 3)]

    course = course_of(pool, outfit(script(*deaths)), recording, wanted=range(5))

    assert course.answered == undisturbed
    assert course.rung == GPU
    assert course.fallbacks == ["worker-died-unexplained"] * 3


def test_a_detected_language_is_an_answer_too(pool, outfit, script, recording, undisturbed):
    """A death before it and one after it are each the first of their kind."""
    once = {"times": 1, "do": "die", "signal": "SIGSEGV"}
    audio, chunks = recording
    run = Run(pool, outfit(script({"at": "language", **once}, {"at": "chunk", **once})), Conduct())

    assert run.detect_language(audio, chunks[0]).language == "en"
    answers = list(run.answers(audio, chunks, (0, 1), TranscribeOptions()))

    assert [answer.segments[0].text for answer in answers] == [text[3:] for text in undisturbed[:2]]
    assert run.ready.loaded.compute_type == GPU


@pytest.mark.parametrize(("how", "finding"), [({"do": "die", "signal": "SIGSEGV"}, "worker-died-unexplained"),
                                              ({"do": "raise", "message": NO_DRIVER}, DRIVER)])  # fmt: skip
def test_a_failure_behind_the_last_answer_loses_nothing_and_proves_nothing(
    pool, outfit, script, recording, undisturbed, how, finding
):
    """All was said, so there is nothing to try again and nothing to give up; where it ran can no longer be asked."""
    model = script({"at": "evidence"} | how, claims="cuda")

    course = course_of(pool, outfit(model), recording, wanted=(0,), may_fall=False)

    assert course.answered == undisturbed[:1]
    assert (course.problem, course.fallbacks) == (None, [])
    assert [(notice.id, notice.severity) for notice in course.notices] == [(finding, "warning")]
    assert course.run.ruling.verdict == "not proved"
    assert course.run.used_device == "cuda:0"  # as claimed, and no more than that


def test_who_stops_listening_leaves_no_half_read_answer(pool, outfit, recording, undisturbed):
    audio, chunks = recording
    answers = Run(pool, outfit(), Conduct(batch_size=5)).answers(audio, chunks, range(5), TranscribeOptions())
    next(answers)
    answers.close()

    assert course_of(pool, outfit(), recording).answered == undisturbed[:3]


def test_a_worker_that_raised_is_ended_before_the_next_is_started(pool, outfit, script, recording):
    """It may hold the memory that the next one needs, and what it is worth nobody knows."""
    model = script({"at": "chunk", "device": "cuda", "do": "raise", "message": OUT_OF_MEMORY})
    the_outfit = outfit(model)
    run = Run(pool, the_outfit, Conduct())
    worker = run.survive(lambda worker: worker)
    audio, chunks = recording

    next(run.answers(audio, chunks, (0,), TranscribeOptions()))

    assert worker._process.returncode == -9  # not asked to stop: ended


def test_a_run_that_needs_one_worker_counts_one_load(pool, outfit, recording):
    first = course_of(pool, outfit(), recording).run
    second = course_of(pool, outfit(), recording).run

    assert first.load_s > 0
    assert second.load_s == 0
    assert first.inference_s > 0


# ---- what the user allows -------------------------------------------------------------------------------------------


def test_without_fallback_the_other_rungs_are_not_tried(pool, outfit, script, recording, undisturbed):
    model = script({"at": "chunk", "skip": 1, "device": "cuda", "do": "die", "signal": "SIGABRT"})

    course = course_of(pool, outfit(model), recording, may_fall=False)

    assert course.answered == undisturbed[:1]
    assert course.problem.id == "worker-died-unexplained"
    assert course.fallbacks == ["worker-died-unexplained"]  # a fresh worker on the same rung is no fall


def test_a_known_cause_without_fallback_ends_the_run_at_once(pool, outfit, script, recording):
    model = script({"at": "load", "device": "cuda", "do": "raise", "message": NO_DRIVER})

    course = course_of(pool, outfit(model), recording, may_fall=False)

    assert course.problem.id == DRIVER
    assert course.fallbacks == []


@pytest.mark.parametrize("claims", ["cuda", "cpu"], ids=["lying", "honest"])
def test_who_requires_a_gpu_gets_no_answer_from_the_cpu(pool, outfit, script, recording, claims):
    """Whether the engine admits it or not: no GPU device file was open."""
    course = course_of(pool, outfit(script(claims=claims)), recording, require_gpu=True)

    assert course.answered == []
    assert course.problem.id == "gpu-not-used"
    assert course.problem.severity == "error"
    assert any(line.startswith("device-files: ") for line in course.problem.evidence)


def test_what_a_library_only_prints_is_evidence(pool, outfit, script, recording):
    """sherpa-onnx says nowhere else that it took the CPU."""
    words = "session.cc:GetSessionOptionsImpl:176 Please compile with -DSHERPA_ONNX_ENABLE_GPU=ON. Fallback to cpu!"
    model = script({"at": "chunk", "times": 1, "do": "silence", "words": words}, claims="cuda")

    course = course_of(pool, outfit(model), recording, wanted=range(5))

    assert [(e.says, e.value) for e in course.run.evidence if e.kind == "last-words"] == [("cpu", words)]
    assert course.run.ruling.verdict == "refuted"
    assert words in [e.value for e in course.run.ruling.because]


def test_who_requires_a_gpu_does_not_fall_to_the_cpu(pool, outfit, script, recording):
    model = script({"at": "load", "device": "cuda", "do": "raise", "message": NO_DRIVER})

    course = course_of(pool, outfit(model), recording, require_gpu=True)

    assert course.answered == []
    assert course.problem.id == DRIVER
    # `--device cpu` beside --require-gpu would be refused.
    assert "--device cpu" not in [one.command for one in course.problem.remedies]
    assert course.problem.remedies[-1].what.en == "Accept the CPU: leave --require-gpu out"


def test_who_requires_a_gpu_is_not_satisfied_by_a_death_that_left_no_proof(pool, outfit, script, recording):
    model = script({"at": "evidence", "do": "die", "signal": "SIGSEGV"}, claims="cuda")

    course = course_of(pool, outfit(model), recording, wanted=(0,), require_gpu=True)

    assert course.answered == []
    assert course.problem is not None


@pytest.mark.parametrize(("claims", "verdict"), [("cuda", "refuted"), ("cpu", "proved")], ids=["lying", "honest"])
def test_a_gpu_that_was_wanted_and_not_used_costs_a_notice(
    pool, outfit, script, recording, undisturbed, claims, verdict
):
    course = course_of(pool, outfit(script(claims=claims)), recording)

    assert course.answered == undisturbed[:3]
    assert [finding.id for finding in course.notices] == ["gpu-not-used"]  # once, not once a chunk
    assert course.run.notices == course.notices
    assert course.notices[0].severity == "warning"
    assert course.run.used_device == "cpu"
    assert course.run.ruling.verdict == verdict


def test_where_there_is_no_gpu_nobody_is_sent_to_find_out_why(pool, outfit, script, recording):
    finding = course_of(pool, outfit(script(claims="cpu")), recording).notices[0]

    assert "this machine has no GPU of NVIDIA or AMD" in finding.cause.en
    assert finding.evidence[-1] == "this machine: no NVIDIA or AMD GPU"
    assert [remedy.command for remedy in finding.remedies] == ["--device cpu"]


def test_where_there_is_a_gpu_that_was_not_used_the_doctor_is_asked(pool_beside_a_gpu, outfit, script, recording):
    finding = course_of(pool_beside_a_gpu, outfit(script(claims="cpu")), recording).notices[0]

    assert "has no GPU" not in finding.cause.en
    assert "yamabiko doctor" in [remedy.command for remedy in finding.remedies]


def test_the_cpu_that_was_asked_for_costs_no_notice(pool, outfit, recording):
    course = course_of(pool, outfit(ladder=outfit().ladder[1:]), recording)

    assert course.notices == []
    assert (course.run.used_device, course.run.ruling.verdict) == ("cpu", "proved")

"""What is quoted of a build that failed: errors whole, no warnings, and no demand that no line makes."""

from __future__ import annotations

import pytest

from yamabiko.engines import catalog
from yamabiko.engines.uv_problems import build_failed
from yamabiko.findings import Finding

ENDED = "  × Failed to build `whisper-cpp==1.5.1`"
MISSING_LIBRARY = """
-- Detecting C compile features - done
CMake Warning at CMakeLists.txt:3 (message):
  NCCL not found, performance for multiple CUDA GPUs will be suboptimal


-- Could NOT find NCCL (missing: NCCL_LIBRARY)
-- Configuring done (0.2s)
CMake Error at CMakeLists.txt:10 (target_link_libraries):
  Target "ggml-cuda" links to:

    CUDA::cublas

  but the target was not found.  Possible reasons include:

    * There is a typo in the target name.
    * A find_package call is missing for an IMPORTED target.
    * An ALIAS target is missing.



-- Generating done (0.0s)
CMake Generate step failed.  Build files cannot be regenerated correctly.
"""
"""Of CMake 3.25, of a project with ggml's lines for NCCL and CUDA::cublas, without CUDA."""


def told(said: str, indent: str = "") -> Finding:
    card = catalog.card("whisper.cpp")
    profile = next(one for one in card.profiles if one.name == "cuda")
    lines = [ENDED, *(indent + line if line else line for line in said.splitlines())]
    finding = build_failed(lines, card, profile)
    assert finding is not None
    return finding


@pytest.mark.parametrize("indent", ["", "      "])  # newer uv puts six spaces before what a build says
def test_an_error_of_cmake_is_quoted_whole_and_warnings_are_not(indent: str) -> None:
    finding = told(MISSING_LIBRARY, indent)

    assert [line for line in finding.evidence if line.startswith("build: ")] == [
        "build: CMake Error at CMakeLists.txt:10 (target_link_libraries):",
        'build: Target "ggml-cuda" links to:',
        "build: CUDA::cublas",
        "build: but the target was not found.",
    ]


def test_what_was_looked_for_is_told_where_there_is_nothing_else() -> None:
    finding = told("-- Could NOT find Vulkan (missing: Vulkan_LIBRARY)\n-- Configuring incomplete")
    assert finding.evidence[0] == "build: -- Could NOT find Vulkan (missing: Vulkan_LIBRARY)"


@pytest.mark.parametrize(
    ("said", "demands"),
    [
        (MISSING_LIBRARY, False),
        ("x.cpp:7:10: fatal error: vulkan/vulkan.hpp: No such file or directory", False),
        ("CMake Error at CMakeLists.txt:1 (cmake_minimum_required):\n"
         "  CMake 3.99 or higher is required.  You are running version 3.25.1", True),
        ('CMake Error at F.cmake:230 (message):\n  Could NOT find CUDAToolkit: Found unsuitable version "11.2", but required is\n'
         '  at least "11.7"', True),
    ],
)  # fmt: skip
def test_a_newer_compiler_is_asked_for_only_where_a_line_asks_for_one(said: str, demands: bool) -> None:
    what = told(said).remedies[0].what
    assert ("as new as the lines above ask" in what.en) == demands
    assert ("上の行" in what.ja) == demands
    assert "CUDA" in what.en

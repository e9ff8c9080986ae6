"""Lines of programs that run well, as they write them: none is a failure. And true ones beside the same names are."""

from __future__ import annotations

import pytest

from yamabiko.diagnosis.complaints import sounds_bad


@pytest.mark.parametrize(
    "line",
    [
        "INFO:     Shutting down",
        "[notice] 31#31: gracefully shutting down",
        '127.0.0.1 - - [01/Nov/2026] "GET /error-pages/500.html HTTP/1.1" 200 10',
        '10.0.0.2 "GET /v1/errors?code=35 HTTP/1.1" 200',
        'INFO:     10.0.0.4:51123 - "GET /nope HTTP/1.1" 404 Not Found',
        "Command line: 'apache2 -D FOREGROUND -E error.log'",
        "100% tests passed, 0 tests failed out of 12",
        "{'eval_loss': 0.41, 'error_count': 0}",
        "エラー率: 0.0%",
        "失敗: 0 件",
        "失敗したジョブ: 0 件",
        "テスト: 成功 12、失敗 0、エラー 0",
        "Requirement already satisfied: exceptiongroup in ./lib",
        "tests/test_errors.py::test_segfault_in_child PASSED",
        "3 passed, 1 skipped, 1 xfailed",
        "-- Looking for cl_error.h - not found",
        "-- Performing Test HAVE_FMA - Failed",
        "Building CXX object src/CMakeFiles/errors.dir/error.cpp.o",
        "cc -O2 -Werror -fno-exceptions -c error_handler.c",
        "  configuration: --prefix=/usr --disable-error-resilience --enable-gpl",
    ],
)
def test_it_is_well(line: str) -> None:
    assert not sounds_bad(line)


@pytest.mark.parametrize(
    "line",
    [
        "/usr/lib/libctranslate2.so: undefined symbol: cublasLtCreate",
        "tests/test_a.py::test_x FAILED",
        "/srv/app/run.py: error: unrecognized arguments: --gpu",
        "error.cpp:12:3: fatal error: cuda.h: No such file or directory",
        '"POST /v1/audio HTTP/1.1" 500 Internal Server Error',
        "失敗: 3 件",
        "エラー率 0.0%、失敗したジョブ: 2 件でエラーが発生しました",
        "ERROR: /opt/models/a.bin failed to load",
        "2 tests failed out of 12",
        "driver shutting down",
        "C:\\app\\whisper.exe: The specified module could not be found",
    ],
)
def test_a_failure_beside_such_names_is_heard(line: str) -> None:
    assert sounds_bad(line)

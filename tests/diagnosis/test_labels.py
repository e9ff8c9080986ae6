"""In a Japanese report no sentence of ours is English: neither why a fact is missing nor what evidence comes from."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from casebook import facts, platform
from yamabiko.diagnosis import facts as room
from yamabiko.diagnosis import report
from yamabiko.diagnosis.checkup import check_facts
from yamabiko.diagnosis.explained_log import with_log
from yamabiko.diagnosis.facts.records import Rung
from yamabiko.diagnosis.labels import labelled, rung_name, rung_said, why
from yamabiko.i18n import reader_language


@pytest.fixture
def in_japanese(monkeypatch):
    monkeypatch.setenv("YAMABIKO_LANG", "ja")
    reader_language.cache_clear()
    yield
    reader_language.cache_clear()


def reasons() -> list[str]:
    """Every reason that the gatherer writes as it stands."""
    found = []
    for path in sorted(Path(room.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Unavailable" and node.args:
                said = node.args[0]
                found += [said.value] if isinstance(said, ast.Constant) and isinstance(said.value, str) else []
    return found


def test_every_reason_can_be_read_in_japanese() -> None:
    assert len(reasons()) > 10
    assert [reason for reason in reasons() if why(reason).ja == reason] == []
    assert why("not looked at on darwin").ja == "darwin では調べていません"
    assert why("/proc/cpuinfo: Permission denied").ja == "/proc/cpuinfo: Permission denied", "the system's own words"


def test_a_report_says_it_in_japanese(in_japanese) -> None:
    seen = facts({**platform("bare-ada"), "cpu": {"model": {"because": "nobody looked"}, "flags": {"because": "x"}}})
    found = with_log(check_facts(seen), ("RuntimeError: CUDA out of memory. Tried to allocate 2 GiB",), may_probe=False)

    [processor] = [line for line in report.lines(found) if line.what.en == "processor"]
    told = "\n".join(report.in_full(found.findings[0], seen, 96))

    assert str(processor.shown) == "不明: 調べていません"
    assert "出力: RuntimeError: CUDA out of memory" in told
    assert "said:" not in told
    assert found.findings[0].evidence[0].startswith("said: "), "in JSON it stays what programs look for"


def test_what_a_quiet_log_shows_is_said_in_japanese(in_japanese) -> None:
    seen = facts(platform("bare-ampere"))
    found = with_log(check_facts(seen), ("INFO ready",), may_probe=False)

    assert found.findings[0].evidence == ("log: no word of an error in the newest 1 lines",)
    assert "ログ: 新しいほうから1行に、エラーらしい語はありません" in "\n".join(
        report.in_full(found.findings[0], seen, 96)
    )


def test_where_cudas_release_is_known_from_is_said_in_japanese(in_japanese) -> None:
    shown = [str(line.shown) for line in report.lines(check_facts(facts(platform("bare-ampere"))))]

    assert any("（対応表: ドライバー 570.133.07）" in line for line in shown), shown
    assert not any("table:" in line for line in shown), shown


@pytest.mark.parametrize("line", ["Illegal instruction (core dumped)", "Segmentation fault (core dumped)"])
def test_what_only_an_end_suggests_has_no_empty_parentheses(line: str) -> None:
    machines = sorted(path.stem for path in (Path(__file__).parent / "platforms").glob("*.toml"))
    suggested = []
    for machine in machines:
        found = with_log(check_facts(facts(platform(machine))), (line,), may_probe=False)
        suggested += [seen for finding in found.findings for seen in finding.evidence if seen.startswith("may be: ")]

    assert suggested or not line.startswith("Illegal")
    assert [seen for seen in suggested if seen.rstrip().endswith("()")] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/srv/m/a.pt: pickled objects", "/srv/m/a.pt: pickle のオブジェクトを含む"),
        ("/srv/a.pt: expected sha256 0a, found 0b", "/srv/a.pt: 本来の sha256 は 0a、実際は 0b"),
        ("worker memory: 65 MiB of 900 allowed", "ワーカーのメモリ: 65 MiB（上限 900 MiB）"),
        ("decoder: moov atom not found", "デコーダー: moov atom not found"),
        ("ImportError: libcudart is missing", "ImportError: libcudart is missing"),
    ],
)
def test_what_is_ours_in_evidence_is_said_in_japanese_and_what_was_seen_is_not(
    line: str, said: str, in_japanese
) -> None:
    assert labelled(line) == said


def test_what_was_tried_is_said_in_both_languages() -> None:
    kernel = rung_name("kernel cpu/model")
    assert (kernel.en, kernel.ja) == ("kernel cpu in the model's own precision", "演算 cpu（モデルの精度のまま）")
    assert rung_name("speech cpu/int8 (proved)").ja == "文字起こし cpu/int8（確認済み）"
    silent = rung_said(Rung("ours", "load", False, "silent nothing for 30 s: "))
    assert (silent.en, silent.ja) == ("no answer for 30 s", "30 秒待っても応答なし")
    assert rung_said(Rung("ours", "load", False, "died SIGSEGV: ")).ja == "died SIGSEGV: "

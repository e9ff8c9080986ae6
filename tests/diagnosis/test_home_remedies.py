"""Why a folder of ours cannot be written, told apart: and a remedy that helps against that, naming what exists."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from casebook import facts, platform
from yamabiko import settings
from yamabiko.diagnosis.examine import examine
from yamabiko.diagnosis.facts import machine
from yamabiko.diagnosis.facts.gather import gather
from yamabiko.diagnosis.facts.records import Disk
from yamabiko.findings import Finding

HOME = "/home/USER/.local/share/yamabiko"


def closed(refused: str, there: str, on: str = "cpu-only-linux", **more: object) -> Finding:
    disk = {"what": "cache", "path": HOME, "free_bytes": 9 * 10**9, "total_bytes": 10**10, "writable": False}
    disks = [{**disk, "refused": refused, "there": there}]
    [finding] = [
        one for one in examine(facts({**platform(on), "disks": disks, **more})) if one.id == "home-not-writable"
    ]
    return finding


def commands(finding: Finding) -> list[str]:
    return [remedy.command for remedy in finding.remedies if remedy.command]


def test_a_read_only_file_system_is_nobodys_to_own():
    finding = closed("EROFS", "/home/USER")

    assert "read-only" in finding.cause.en
    assert "/home/USER" in finding.evidence[0]
    assert [command.split()[0] for command in commands(finding)] == [
        "YAMABIKO_HOME=/path/to/folder", "sudo",
    ]  # fmt: skip
    assert commands(finding)[1] == 'sudo mount -o remount,rw "$(findmnt -no TARGET -T /home/USER)"'
    assert not any("chown" in command for command in commands(finding))


def test_in_a_container_no_file_system_is_mounted_anew():
    finding = closed("EROFS", "/root", container={"kind": "docker", "evidence": "/.dockerenv is there"})

    assert not any("remount" in command for command in commands(finding))
    assert any("docker run -v" in command for command in commands(finding))


def test_a_folder_of_another_user_is_named_as_it_exists():
    finding = closed("EACCES", "/home/USER/.local")

    assert "this user" in finding.cause.en
    assert 'sudo chown -R "$USER" /home/USER/.local' in commands(finding)


def test_a_file_where_the_folder_should_be_is_no_matter_of_owners():
    finding = closed("ENOTDIR", "/home/USER/.local/share")

    assert "a file" in finding.cause.en
    assert not any("chown" in command or "mount" in command for command in commands(finding))
    assert "mv /home/USER/.local/share /home/USER/.local/share.aside" in commands(finding)


def test_two_reasons_at_once_have_no_single_cause():
    disks = [
        Disk("data", "/a/x", 10**9, 10**10, False, refused="EROFS", there="/a"),
        Disk("cache", "/b/x", 10**9, 10**10, False, refused="EACCES", there="/b"),
    ]
    seen = replace(facts(platform("cpu-only-linux")), disks=tuple(disks))
    [finding] = [one for one in examine(seen) if one.id == "home-not-writable"]

    assert any("remount" in command for command in commands(finding))
    assert any("chown" in command for command in commands(finding))


def test_a_file_as_home_is_seen_for_one(tmp_path: Path):
    file = tmp_path / "home"
    file.write_text("")

    seen = machine.disks(replace(settings.current(), home=file))[0]

    assert (seen.writable, seen.refused, seen.there) == (False, "ENOTDIR", str(file))


@pytest.mark.skipif(sys.platform != "linux", reason="no folder of it holds no files elsewhere")
def test_a_file_system_that_holds_no_files_is_none_to_own():
    seen = machine.disks(replace(settings.current(), home=Path("/proc/nope")))[0]

    assert (seen.writable, seen.refused) == (False, "no files")


# ---- the Python that has uv -----------------------------------------------------------------------------------------


def full(seen):
    return replace(seen, disks=(Disk("cache", "/srv/y", 0, 10**10, True, 10**8),))


def test_uvs_cache_is_emptied_by_the_python_that_has_uv():
    here = full(gather(settings.current()))
    [finding] = [one for one in examine(here) if one.id == "disk-full"]

    assert f"{sys.executable} -m uv cache prune" in commands(finding)


def test_of_another_machine_only_its_name_is_known():
    [finding] = [one for one in examine(full(facts(platform("cpu-only-linux")))) if one.id == "disk-full"]

    assert "python -m uv cache prune" in commands(finding)

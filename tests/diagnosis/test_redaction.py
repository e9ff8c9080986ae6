"""A saved report tells nobody who wrote it, and still tells what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from casebook import cases, facts, platform
from yamabiko.diagnosis.examine import Symptom, examine, explain
from yamabiko.diagnosis.facts.redaction import Redactor
from yamabiko.diagnosis.facts.saved import Saved, dump, load
from yamabiko.findings import Finding
from yamabiko.i18n import Text

CASES = [case for case in cases() if case.must]
CLEAN = Redactor("hanako", "k2", "/home/hanako")


@pytest.mark.parametrize("user", ["nvidia", "torch", "cuda", "linux", "cpu", "onnxruntime"])
def test_whoever_is_named_like_a_package_loses_no_finding(user: str, tmp_path: Path) -> None:
    """The whole casebook, saved by somebody of that name on a machine of that name, and replayed."""
    lost = []
    clean = Redactor(user, user, f"/home/{user}")
    for case in CASES:
        saved = tmp_path / "facts.json"
        saved.write_text(dump(Saved(case.facts), clean), "utf-8")
        again = load(saved).facts
        if case.symptom is None:
            found = examine(again)
        else:
            words, *rest = astuple(case.symptom)
            found = explain(Symptom(tuple(map(clean, words)), *rest), again).confirmed
        if case.id not in [finding.id for finding in found]:
            lost.append(f"{case.id}: {case.name}")
    assert lost == []


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        (r"loading C:\Users\Taro Yamada\models\large-v3", "Taro Yamada"),
        (r"OSError: 'C:\\Users\\Taro Yamada\\AppData\\x.dll' not found", "Taro Yamada"),
        (r"cannot open C:\Users\Taro Yamada", "Taro Yamada"),
        ("/Users/Taro Yamada/Library/Caches/x", "Taro Yamada"),
        ("/mnt/c/Users/山田 太郎/talk.wav: no such file", "山田 太郎"),
        ("/home/taro/venv/lib/x.so: cannot open", "taro"),
        ("/srv/hanako/venv", "hanako"),
        ("/opt/hanako/lib:/devel/hanako", "hanako"),
        ("hanakoには権限がありません (hanako_data)", "hanako"),
        ("user hanako is not in the group render", "hanako"),
        ("hanako@k2:~$ yamabiko talk.wav", "hanako k2"),
        ("Nov 21 18:45:32 k2 kernel: NVRM: Xid 31", "k2"),
        ("GET http://k2:8080/v1/models", "k2"),
        ("Nov 21 10:00:00 alicebox whisper[12]: RuntimeError: CUDA error", "alicebox"),
        ("log: Nov  1 10:00:00 alice-box.lan kernel: NVRM: Xid 31", "alice-box"),
        ("2026-11-21T10:00:00+0900 alicebox whisper[12]: RuntimeError: CUDA error", "alicebox"),
        ("<34>1 2026-11-21T10:00:00.003Z alicebox whisper 12 ID47 - CUDA error", "alicebox"),
        ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_1", "eyJ abc-DEF_1"),
        ("headers={'Authorization': 'Basic dGFybzpodW50ZXIy'}", "dGFybzpodW50ZXIy"),
        ("GET https://example.org/m.bin?token=s3cr3tvalue&x=1", "s3cr3tvalue"),
        ("aws_access_key_id = AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI bPxRfiCY"),
        ("api_key=AIzaSyA-1234567890abcdefghijklmnopqrstuv", "AIzaSyA-1234567890abcdefghijklmnopqrstuv"),
        ("password=hunter2", "hunter2"),
        ('{"password": "correct horse"}', "correct horse"),
        ("started with --hf_token abcdef0123", "abcdef0123"),
        ("mail to taro.yamada@example.co.jp", "taro.yamada example"),
        ("connect to 203.0.113.7 failed", "203.0.113.7"),
        ("10.20.30.40:8080 refused", "10.20.30.40"),
        ("inet 192.168.1.23/24", "192.168.1.23"),
        ("from fe80::1c2d:3eff:fe4f:5a6b", "fe80 5a6b"),
        ("failed HANAKO Hanako", "HANAKO Hanako"),
        ("log: RuntimeError: passwd is hunter2", "hunter2"),
        ("password hunter3 was refused", "hunter3"),
        ("the passphrase was 'correct horse'", "correct horse"),
        ("/opt/passwd is hunter2:/srv/x", "hunter2"),
        ("パスワードは hunter2 です", "hunter2"),
        ("my token is abcdef0123456789abcdef0123456789abcdef01", "abcdef0123456789"),
        ("wandb: API key abcdef0123456789abcdef0123456789abcdef01", "abcdef0123456789"),
        ("pypi-AgEIcHlwaS5vcmcCJDU2", "AgEIcHlwaS5vcmcCJDU2"),
        ("dckr_pat_abcdefghijklmnop", "abcdefghijklmnop"),
        ("r8_ABCDEFGHIJKLMNOPQRSTUVWX", "ABCDEFGHIJKLMNOPQRSTUVWX"),
        ("nvapi-abcdefghijklmnopqrstuvwxyz0123456789AAAA", "abcdefghijklmnopqrstuvwxyz"),
        ("gsk_abcdefghijklmnop1234567890abcdefABCD", "abcdefghijklmnop"),
        ("newmaker-Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8"),
    ],
)  # fmt: skip
def test_what_names_somebody_or_opens_a_door_is_gone(line: str, gone: str) -> None:
    cleaned = CLEAN(line)
    assert [word for word in gone.split() if word in cleaned] == [], cleaned


@pytest.mark.parametrize(
    "line",
    [
        "nvidia-cublas-cu12 12.4.127.1",
        "nvidia-curand-cu12==10.3.5.147 is installed",
        "libcudnn.so.9.1.0.70: cannot open shared object file",
        "TensorRT 10.7.0.23",
        "needs cudnn>=9.1.0.70,<10",
        "listening on 127.0.0.1:8080",
        "TypeError: from_pretrained() got an unexpected keyword argument 'use_auth_token'",
        "tokenizer: 51865 tokens, eot_token=50257, use_auth_token=True",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "commit 3f2a9c1d0b7e4f5a6978c0d1e2f30415263748ab",
        "version `GLIBC_2.38' not found (memcpy@GLIBC_2.14)",
        "/usr/local/cuda-12.4/lib64/libcublas.so.12",
        "0000:01:00.0 at 18:45:32",
        "Invalid user token. The token is invalid or expired; a password is required",
        "the next token is 50257; token embedding.weight has another shape",
        "undefined symbol: _ZN5torch3jit17parseSchemaOrNameERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
        "sm90_xmma_gemm_f16f16_f16f32_f32_tn_n_tilesize128x128x64_warpgroupsize1x1x1",
    ],
)
def test_what_decides_stays(line: str) -> None:
    assert CLEAN(line) == line


@pytest.mark.parametrize(
    ("user", "host"),
    [("taro", "taro-pc"), ("ann", "ann-laptop.corp.example.com"), ("taro-pc", "taro"), ("k", "k-box"), ("K", "k")],
)
@pytest.mark.parametrize("said", [str, str.upper, str.title])
def test_neither_name_hides_behind_the_other(user: str, host: str, said: Callable[[str], str]) -> None:
    """Most hosts are named after their owners: `taro-pc`."""
    clean = Redactor(user, host, f"/home/{user}")
    text = said(f"user {user} at host {host}, /net/{host}/z, /scratch/{user}/y, ssh://{host}/, http://{host}:80/")
    record = clean.record({"disks": [{"path": f"/net/{host}/z"}, {"path": f"/net/{host.partition('.')[0]}/z"}]}, [], [])
    seen = f"{clean(text)} {record}".lower()
    parts = [user, host, *host.split(".")[:1], *(["corp.example"] if "corp" in host else [])]
    assert [part for part in parts if re.search(rf"(?<![a-z0-9]){re.escape(part.lower())}(?![a-z0-9])", seen)] == [], (
        seen
    )


def test_the_company_goes_wherever_its_domain_stands() -> None:
    clean = Redactor("ann", "ann-laptop.corp.example.com", "/home/ann")
    assert clean("nas.corp.example.com and git.corp.example.com refused") == "nas.DOMAIN and git.DOMAIN refused"


def test_a_folder_that_bears_its_owners_name_beside_other_words_loses_it() -> None:
    clean = Redactor("torch", "k2", "/home/torch")
    assert clean.place("/mnt/data/torch-venv/lib/libtorch.so") == "/mnt/data/USER-venv/lib/libtorch.so"
    assert clean.place("/mnt/data/x/torch-2.8.0.whl") == "/mnt/data/x/torch-2.8.0.whl"


def test_a_name_of_one_letter_is_looked_for_where_a_host_stands() -> None:
    clean = Redactor("t", "a", "/home/t")
    assert clean("connected to http://a:8080 as a user, host a") == "connected to http://HOST:8080 as a user, host HOST"
    assert clean("t@a:~$ ls /srv/t/x") == "USER@HOST:~$ ls /srv/USER/x"


def test_packages_keep_their_names_and_the_folders_around_them_lose_their_owner(tmp_path: Path) -> None:
    machine = facts(platform("bare-ampere"))
    environment = (
        replace(machine.environments[0], path="/srv/torch/venv", name="/srv/torch/venv")
        if machine.environments
        else None
    )
    machine = replace(
        machine, environments=(environment,) if environment else (), variables={"LD_LIBRARY_PATH": "/data/torch/lib"}
    )
    evidence = ("log: torch 2.9.1 in /srv/torch/venv", "log: RuntimeError: torch not compiled with CUDA")
    finding = Finding("torch-cpu-wheel", "error", "engine", Text("torch cannot", "torch は使えません"), evidence)

    text = dump(Saved(machine, (finding,)), Redactor("torch", "nvidia", "/home/torch"))

    assert "/srv/USER/venv" in text
    assert "/data/USER/lib" in text
    assert "torch 2.9.1 in /srv/USER/venv" in text
    assert "torch not compiled with CUDA" in text
    assert not re.search(r"/torch[/\"]", text)


@pytest.mark.parametrize(
    "line",
    [
        "Nov 21 10:00:00 ERROR whisper: CUDA failed",
        "2026-11-21T10:00:00 INFO faster_whisper: Processing audio",
        "whisper-1  | RuntimeError: CUDA failed with error out of memory",
        "2026-11-21 10:00:00 whisper RuntimeError: CUDA failed",
    ],
)
def test_what_stands_behind_a_time_and_is_no_host_stays(line: str) -> None:
    assert CLEAN(line) == line

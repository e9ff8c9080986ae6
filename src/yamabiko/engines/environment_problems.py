"""
What can be wrong with an engine's environment, in the words that a person reads.

uv's words are matched where they are unmistakable; whatever else it says is
quoted under `engine-install-failed`. The patterns are lines that uv 0.13.9
wrote when the failures were provoked (tests/engines/test_environments_faults.py
provokes them again).
"""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from yamabiko.engines import catalog, uv_problems
from yamabiko.engines.contract import Card
from yamabiko.engines.installer import UvEnd
from yamabiko.engines.sizes import mib
from yamabiko.findings import Area, Finding, Remedy
from yamabiko.i18n import Text


def _finding(
    id_: str, cause: Text, evidence: Sequence[str] = (), remedies: Sequence[Remedy] = (), area: Area = "engine"
) -> Finding:
    return Finding(id_, "error", area, cause, tuple(evidence), tuple(remedies))


def _again(engine: str) -> Remedy:
    return Remedy(Text("Try again", "もう一度試す"), f"yamabiko engines install {engine}", "effort")


def _repair(engine: str) -> Remedy:
    return Remedy(Text("Make it again", "作り直す"), f"yamabiko engines repair {engine}", "effort")


_ELSEWHERE = Remedy(
    Text("Keep yamabiko's files in another folder", "別のフォルダーを保存先にする"),
    "YAMABIKO_HOME=/path/to/folder yamabiko ...",
    "effort",
)
_NAME_INDEX = Remedy(
    Text("Name an index that this machine reaches", "このマシンから届くインデックスを指定する"),
    "PIP_INDEX_URL=https://your.mirror/simple yamabiko ...",
)
_OFFLINE = Remedy(
    Text(
        "Without a network: fetch the wheels of the lock file on a machine that has one (pip download), "
        "copy them here, and name their folder",
        "ネットワークがない場合: つながるマシンで lock ファイルの wheel を pip download で取得し、"
        "コピーしてそのフォルダーを指定する",
    ),
    "PIP_NO_INDEX=1 PIP_FIND_LINKS=/path/to/wheels yamabiko ...",
    "effort",
)
_CERTIFICATE = Remedy(
    Text(
        "If your network replaces certificates, name the file of its certificate authority",
        "証明書を差し替えるネットワークでは、その認証局の証明書ファイルを指定する",
    ),
    "PIP_CERT=/path/to/ca.pem yamabiko ...",
)


def from_uv(end: UvEnd, engine: str, lock: Path, settings: Sequence[str]) -> Finding:
    """Why uv did not install; `settings` says where its index came from."""
    said = (f"uv: {line.strip()}" for line in end.lines if line.strip() and not _chatter(line))
    lines = tuple(dict.fromkeys(said))[-12:]  # a cause that several packages have, it tells for each of them
    evidence = (*lines, f"uv ended with {end.ending.name}")
    where = (*evidence, *(f"pip settings: {line}" for line in settings))
    text = end.text
    if end.ending.kind == "signal":
        return interrupted(engine, evidence)
    if re.search(r"\(os error (28|122|112)\)", text):  # ENOSPC, EDQUOT; Windows: ERROR_DISK_FULL
        return disk_full(evidence)
    if "Hash mismatch for" in text:
        return _mismatch(engine, where)
    if re.search(r"has no (usable )?wheels|only found wheels for|Wheels are required for", text):
        return _no_wheel(engine, evidence)
    if re.search(r"\(401 Unauthorized\)|returned a 403 Forbidden|\(407 Proxy Authentication Required\)", text):
        return _refused(engine, where)
    if re.search(r"was not found in the cache|network was disabled", text):
        return _stayed_offline(where)
    if _UNREACHABLE.search(text):
        return _unreachable(engine, where, "certificate" in text.lower())
    if "Failed to extract archive" in text:
        return _damaged(engine, where)
    if re.search(r"was not found in the|there is no version of", text):
        return _not_there(engine, where)
    if "No interpreter found" in text:
        return python_missing(evidence)
    if unusable := uv_problems.python_unusable(end.lines, evidence):
        return unusable
    return _finding(
        "engine-install-failed",
        Text(
            f"The engine “{engine}” could not be installed; we do not know why.",
            f"エンジン「{engine}」を導入できませんでした。原因は分かっていません。",
        ),
        (*where, f"lock: {lock.name}"),
        (_again(engine),),
    )


_UNREACHABLE = re.compile(
    r"error sending request|dns error|\(Connect\)|operation timed out|network timeout|error reading a body"
    r"|HTTP status server error|network was disabled|invalid peer certificate"
)


def _chatter(line: str) -> bool:
    return line.startswith(("Using Python", "Resolved ", "Downloading", " Downloaded", "Prepared "))


def _mismatch(engine: str, evidence: Sequence[str]) -> Finding:
    return _finding(
        "engine-hash-mismatch",
        Text(
            "A package from the index is not the file that yamabiko was tested with; it was not installed.",
            "インデックスから得たパッケージが、yamabiko で確認したファイルと一致しないため、導入しませんでした。",
        ),
        evidence,
        (
            Remedy(
                Text(
                    "Use an index that passes files on unchanged; a mirror that rebuilds packages cannot serve",
                    "ファイルをそのまま配るインデックスを使う（作り直したパッケージを配るミラーは使えません）",
                ),
                _NAME_INDEX.command,
            ),
            _again(engine),
        ),
    )


def _no_wheel(engine: str, evidence: Sequence[str]) -> Finding:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return _finding(
        "engine-no-wheel",
        Text(
            f"A package of the engine “{engine}” has no build for this Python ({version}) on this platform.",
            f"エンジン「{engine}」のパッケージに、この Python（{version}）とプラットフォーム用のものがありません。",
        ),
        (*evidence, f"python: {sys.version.split()[0]}, {sys.platform}"),
        (
            Remedy(
                Text("Install yamabiko with another Python", "別のバージョンの Python に yamabiko を入れる"),
                "uv tool install --python 3.12 yamabiko",
                "effort",
            ),
        ),
    )


def _refused(engine: str, evidence: Sequence[str]) -> Finding:
    return _finding(
        "index-refused",
        Text(
            "The package index wants a name and password, or does not accept the ones it was given.",
            "パッケージインデックスが認証を求めているか、渡された認証情報を受け付けません。",
        ),
        evidence,
        (
            Remedy(
                Text("Check the address and the credentials that pip is set to", "pip のURLと認証情報を確かめる"),
                "pip config debug",
            ),
            _NAME_INDEX,
        ),
    )


def _unreachable(engine: str, evidence: Sequence[str], certificate: bool) -> Finding:
    return _finding(
        "index-unreachable",
        Text(
            "The package index did not answer as it should; nothing was installed.",
            "パッケージインデックスから正常な応答がなく、何も導入していません。",
        ),
        evidence,
        (*((_CERTIFICATE,) if certificate else ()), _again(engine), _NAME_INDEX, _OFFLINE),
    )


def _stayed_offline(evidence: Sequence[str]) -> Finding:
    return _finding(
        "index-unreachable",
        Text(
            "No index was asked: uv is told to stay offline, and its cache lacks a package that the engine needs.",
            "uv がオフラインに設定されているため、インデックスには問い合わせていません。"
            "キャッシュにも、エンジンに必要なパッケージがありません。",
        ),
        evidence,
        (Remedy(Text("Let uv use the network", "uv にネットワークの使用を許す"), "unset UV_OFFLINE"), _OFFLINE),
    )


def _damaged(engine: str, evidence: Sequence[str]) -> Finding:
    return _finding(
        "engine-download-damaged",
        Text(
            "A package arrived damaged: cut short, or something else in its place. It was not installed.",
            "届いたパッケージが壊れていました（途中で切れているか、別の内容です）。導入していません。",
        ),
        evidence,
        (_again(engine), _NAME_INDEX),
    )


def _not_there(engine: str, evidence: Sequence[str]) -> Finding:
    return _finding(
        "engine-package-not-in-index",
        Text(
            "The index answered, but does not hold a package that the engine needs.",
            "インデックスは応答しましたが、エンジンに必要なパッケージがありません。",
        ),
        evidence,
        (
            Remedy(Text("Check which index pip is set to", "pip に設定したインデックスを確かめる"), "pip config debug"),
            _NAME_INDEX,
            _OFFLINE,
        ),
    )


def interrupted(engine: str, evidence: Sequence[str]) -> Finding:
    return _finding(
        "engine-install-interrupted",
        Text(
            f"The installation of the engine “{engine}” ended before it was done; nothing half-made is used.",
            f"エンジン「{engine}」の導入が途中で終わりました。作りかけのものは使われません。",
        ),
        evidence,
        (_again(engine),),
    )


def python_missing(evidence: Sequence[str]) -> Finding:
    return _finding(
        "engine-python-missing",
        Text(
            "The Python that runs yamabiko is no longer where it was, so no engine environment can be made from it.",
            "yamabiko を動かしている Python が元の場所にないため、エンジンの環境を作れません。",
        ),
        evidence,
        (Remedy(Text("Install yamabiko again", "yamabiko を入れ直す"), cost="effort"),),
    )


def disk_full(evidence: Sequence[str]) -> Finding:
    return _finding(
        "disk-full",
        Text("There is not enough disk space for the engine.", "エンジンを導入する空き容量が足りません。"),
        evidence,
        (
            Remedy(
                Text("Empty uv's download cache", "uv のダウンロードキャッシュを空にする"),
                f"{sys.executable} -m uv cache prune",
            ),
            _ELSEWHERE,
        ),
    )


def too_little_space(folder: Path, free_bytes: int, reserve_bytes: int) -> Finding:
    return disk_full((f"{folder}: {mib(free_bytes)} free, of which {mib(reserve_bytes)} are to be left untouched",))


def folder_trouble(folder: Path, error: OSError) -> Finding:
    """The file system refused to write our folder."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full((f"file system: {error}",))
    return _finding(
        "engine-data-dir-not-writable",
        Text(f"The folder for engines cannot be written: {folder}.", f"エンジンの保存先に書き込めません: {folder}"),
        (f"file system: {error}",),
        (_ELSEWHERE,),
    )


def broken(engine: str, folder: Path, complaints: Sequence[str]) -> Finding:
    return _finding(
        "engine-environment-broken",
        Text(
            f"The environment of the engine “{engine}” is no longer whole.",
            f"エンジン「{engine}」の環境が壊れています。",
        ),
        tuple(f"{folder}: {complaint}" for complaint in complaints),
        (_repair(engine),),
    )


def not_installed(engine: str, profile: str) -> Finding:
    option = "" if profile == "cpu" else f" --profile {profile}"
    return _finding(
        "engine-not-installed",
        Text(
            f"The engine “{engine}” ({profile}) is not installed.",
            f"エンジン「{engine}」（{profile}）は導入されていません。",
        ),
        (),
        (Remedy(Text("Install it", "導入する"), f"yamabiko engines install {engine}{option}", "effort"),),
    )


_MISSING = re.compile(r"([\w.+-]+\.so[\w.]*): cannot open shared object file")


def import_failed(engine: str, end_name: str, lines: Sequence[str]) -> Finding:
    missing = next((found[1] for line in reversed(lines) if (found := _MISSING.search(line))), None)
    found_by = Remedy(
        Text(
            f"See which package of your system has {missing}, and install it",
            f"{missing} を含むシステムのパッケージを調べて入れる",
        ),
        f"apt-file search {missing}",
        "effort",
    )
    again = Remedy(
        Text("Install what the lines above miss, then try again", "上の行が示す不足を補ってから、もう一度試す"),
        f"yamabiko engines install {engine}",
        "effort",
    )
    return _finding(
        "engine-import-failed",
        Text(
            f"All packages of the engine “{engine}” are there, but they do not load on this machine"
            + (f": {missing} is missing." if missing else "."),
            f"エンジン「{engine}」のパッケージはそろっていますが、"
            + (f"{missing} がないため、" if missing else "")
            + "このマシンでは読み込めません。",
        ),
        (*(f"python: {line}" for line in lines[-8:]), f"python ended with {end_name}"),
        (found_by, again) if missing else (again,),
    )


def in_use(engine: str, pids: Sequence[int]) -> Finding:
    return _finding(
        "engine-in-use",
        Text(
            f"The engine “{engine}” is in use, so it was not removed.",
            f"エンジン「{engine}」は使用中のため、削除しませんでした。",
        ),
        (f"/proc: used by process {', '.join(map(str, pids))}",),
        (Remedy(Text("End these processes first", "先にこれらのプロセスを終える"), cost="effort"),),
        area="usage",
    )


def no_profile(card: Card, wanted: str) -> Finding:
    """`wanted`: the name of an environment, or a device."""
    known = ", ".join(profile.name for profile in card.profiles)
    why, same = card.why_without(wanted), _of_the_same_maker(card, wanted)
    return _finding(
        "engine-profile-unknown",
        Text(
            f"The engine “{card.name}” has no environment for “{wanted}”." + (f" {why.en}" if why else ""),
            f"エンジン「{card.name}」には「{wanted}」用の環境がありません。" + (why.ja if why else ""),
        ),
        (
            f"{Text('environments of this engine', 'このエンジンの環境')}: {known}",
            *(() if same else _elsewhere(card, wanted)),
        ),
        (*same, Remedy(Text("See what there is", "一覧を見る"), "yamabiko engines list")),
        area="usage",
    )


def _of_the_same_maker(card: Card, wanted: str) -> tuple[Remedy, ...]:
    """`cuda11` was asked for, and there is `cuda12`."""
    same = (one.name for one in card.profiles if _kind(one.name) == _kind(wanted))
    what = Text("Take the one that there is for this kind of GPU", "同じ種類のGPU用の環境を使う")
    return tuple(Remedy(what, f"yamabiko engines install {card.name} --profile {name}") for name in same)


def _elsewhere(card: Card, wanted: str) -> tuple[str, ...]:
    """Which engines for the same work have it."""
    others = [
        one.name
        for one in catalog.cards()
        if one.job == card.job and any(_kind(p.name) == _kind(wanted) for p in one.profiles)
    ]
    return (f"{Text('engines that have one', 'その環境があるエンジン')}: {', '.join(others)}",) if others else ()


def _kind(wanted: str) -> str:
    """`cuda` of `cuda12` and `cuda:1`."""
    return {"mps": "metal"}.get(wanted, wanted).partition(":")[0].rstrip("0123456789")

"""Why a word on the command line gives no recording."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text

_SAVE_FIRST = Remedy(
    Text("Save the sound to a file first", "音声をいったんファイルに保存する"), "command > FILE.wav", "effort"
)


def nothing_found(word: str, *, recursive: bool) -> Finding:
    """A folder without recordings, or a pattern that nothing matches."""
    folder = os.path.isdir(os.path.expanduser(word))
    deep = folder and not recursive and _has_subfolders(os.path.expanduser(word))
    looked = f"looked in: {word}{' (not in its subfolders)' if deep else ''}"
    if not word.strip():
        looked = "named: nothing (a variable of the shell that is not set?)"
    deeper = Remedy(Text("Look in subfolders too", "サブフォルダーも探す"), "--recursive")
    by_name = Remedy(
        Text(
            "Name another folder, or the file itself, whatever its ending",
            "別のフォルダーか、ファイルそのものを指定する（拡張子は問いません）",
        )
    )
    return Finding(
        "input-no-recordings",
        "error",
        "input",
        Text(f"There is no recording here: {word}", f"音声・動画ファイルが見つかりません: {word}"),
        (looked,),
        (deeper,) if deep else (by_name,) if folder else (),
    )


def _has_subfolders(folder: str) -> bool:
    """Of those that are looked into."""
    try:
        with os.scandir(folder) as entries:
            return any(one.is_dir() and not one.name.startswith(".") for one in entries)
    except OSError:
        return False


def address(word: str) -> Finding:
    scheme = word.partition(":")[0].lower()
    if scheme == "file":
        local = url2pathname(urlsplit(word).path)
        remedies: tuple[Remedy, ...] = (
            Remedy(Text("Give the path alone", "パスだけを指定する"), f"yamabiko {shlex.quote(local)}"),
        )
    else:
        quoted = shlex.quote(word)
        remedies = (
            Remedy(
                Text("Save the sound of a video page first", "動画ページなら、先に音声を保存する"),
                f"yt-dlp -x {quoted}",
                "effort",
            ),
            Remedy(Text("Or download a file", "ファイルなら、先にダウンロードする"), f"curl -LO {quoted}", "effort"),
        )
    cause = Text(f"Addresses are not fetched: {word}", f"URL からは読み込みません: {word}")
    return Finding("input-address", "error", "input", cause, (f"named: an address ({scheme}://)",), remedies)


def standard_input() -> Finding:
    cause = Text(
        "Standard input is not read; recordings are files.",
        "標準入力からは読み込みません。録音はファイルで指定します。",
    )
    return Finding("input-not-a-file", "error", "input", cause, ("named: -",), (_SAVE_FIRST,))


def closed_folder(folder: Path, error: OSError | None) -> Finding:
    """A folder that may not be listed or entered."""
    quoted = shlex.quote(str(folder))
    return Finding(
        "input-folder-unreadable",
        "error",
        "input",
        Text(f"This user may not look into the folder {folder}", f"フォルダー {folder} の中を見る権限がありません"),
        (f"system: {error or f'no permission to list or enter {folder}'}",),
        (
            Remedy(Text("See who may", "権限を確かめる"), f"ls -ld {quoted}"),
            Remedy(Text("Allow this user to", "このユーザーに許可する"), f"chmod u+rx {quoted}", "effort"),
        ),
    )


def trouble(path: Path, word: str = "", again: str = 'yamabiko "FILE"') -> Finding | None:
    """
    What is the matter with a file, as far as its name and kind tell; None: nothing is. Never opens it.

    `word`: how it was named, if that reads as a pattern too. `again`: how it is named rightly.
    """
    try:
        kind = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        return _missing(path, word, error, again)
    except PermissionError as error:
        return closed_folder(_closed(path), error)
    except (OSError, ValueError):  # decoding says what is the matter
        return None
    if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
        cause = Text(f"A pipe cannot be read as a recording: {path}", f"パイプは録音として読み込めません: {path}")
        what = "a pipe" if stat.S_ISFIFO(kind) else "a socket"
        return Finding("input-not-a-file", "error", "input", cause, (f"system: {path} is {what}",), (_SAVE_FIRST,))
    return None


def _missing(path: Path, word: str, error: OSError, again: str) -> Finding:
    if path.is_symlink():
        leads = os.readlink(path)
        return Finding(
            "input-missing",
            "error",
            "input",
            Text(f"{path} is a link to nothing: there is no {leads}", f"{path} のリンク先 {leads} がありません"),
            (f"system: {path} -> {leads}", f"system: {error}"),
            (
                Remedy(
                    Text(
                        "Make the link anew, or name the file itself", "リンクを張り直すか、ファイルそのものを指定する"
                    ),
                    cost="effort",
                ),
            ),
        )
    evidence = (f"system: {error}", *((f"named: {word} (as a pattern it matches nothing either)",) if word else ()))
    cause = Text(f"There is no file {path}", f"ファイルが見つかりません: {path}")
    check = Remedy(Text("Check the path; put it in quotes", "パスを確かめ、引用符で囲む"), again)
    return Finding("input-missing", "error", "input", cause, evidence, (check,))


def _closed(path: Path) -> Path:
    """The outermost folder above it that may not be entered."""
    above = list(path.absolute().parents)[::-1]
    return next((folder for folder in above if not os.access(folder, os.X_OK)), path.parent)

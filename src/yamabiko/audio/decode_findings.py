"""What can go wrong while a recording is decoded, in words for people. `docs/findings.md` has a section an id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from yamabiko import own_libraries
from yamabiko.findings import Area, Finding, Remedy
from yamabiko.i18n import Text

CONVERT = Remedy(
    Text(
        "Play the file in a media player; if it plays there, convert it and try again",
        "メディアプレーヤーで再生できるか確かめ、再生できるなら変換してからもう一度試す",
    ),
    "ffmpeg -i INPUT -vn -ac 1 -ar 16000 converted.wav",
    "effort",
)
COPY_AGAIN = Remedy(
    Text("Copy or download the file again, then retry", "ファイルをもう一度コピー（ダウンロード）してから試す"),
    cost="effort",
)
REPORT = Remedy(
    Text(
        "If it happens again with the same file, please report it with the lines above",
        "同じファイルで再び起きるなら、上の行を添えて報告してください",
    ),
    cost="effort",
)
REINSTALL = Remedy(
    Text("Install yamabiko again into a fresh environment", "新しい環境に yamabiko を入れ直す"), cost="effort"
)
FREE_SPACE = Remedy(
    Text(
        "Free disk space, or put yamabiko's files on another disk with YAMABIKO_HOME",
        "ディスクの空きを増やすか、YAMABIKO_HOME で別のディスクに移す",
    ),
    cost="effort",
)


def _raise_limit(setting: str, value: float) -> Remedy:
    return Remedy(
        Text(f"Raise the limit {setting} (now {value:g})", f"上限 {setting} を上げる（現在 {value:g}）"), cost="none"
    )


_WORDS: dict[str, tuple[Callable[[str], Text], tuple[Remedy, ...]]] = {
    "input-missing": (
        lambda name: Text(f"There is no file “{name}”.", f"ファイル「{name}」が見つかりません。"),
        (Remedy(Text("Check the path", "パスを確かめる")),),
    ),
    "input-not-a-file": (
        lambda name: Text(
            f"“{name}” is not a plain file; only plain files are read.",
            f"「{name}」は通常のファイルではありません。読み込めるのは通常のファイルだけです。",
        ),
        (Remedy(Text("Save the sound to a file first", "音声をいったんファイルに保存する"), cost="effort"),),
    ),
    "input-unreadable": (
        lambda name: Text(f"“{name}” could not be opened for reading.", f"「{name}」を読み取れませんでした。"),
        (Remedy(Text("Allow this user to read the file", "このユーザーに読み取りを許可する"), cost="effort"),),
    ),
    "input-empty": (
        lambda name: Text(f"“{name}” is empty (0 bytes).", f"「{name}」は空です（0バイト）。"),
        (COPY_AGAIN,),
    ),
    "input-not-audio": (
        lambda name: Text(
            f"“{name}” is not a recording that can be read, or it is damaged at its start.",
            f"「{name}」は読み込める録音ではないか、先頭が壊れています。",
        ),
        (COPY_AGAIN, CONVERT),
    ),
    "input-damaged": (
        lambda name: Text(
            f"“{name}” holds a sound track, but none of it could be decoded.",
            f"「{name}」には音声がありますが、まったくデコードできませんでした。",
        ),
        (COPY_AGAIN, CONVERT),
    ),
    "input-no-audio-stream": (
        lambda name: Text(f"“{name}” has no sound track.", f"「{name}」には音声トラックがありません。"),
        (Remedy(Text("Export it again with its sound", "音声つきで書き出し直す"), cost="effort"),),
    ),
    "input-playlist": (
        lambda name: Text(
            f"“{name}” is a list that names other files or addresses. Such files are not followed.",
            f"「{name}」は他のファイルやアドレスを指すリストです。安全のため、その先は読み込みません。",
        ),
        (Remedy(Text("Give the recordings themselves, not the list", "リストではなく録音ファイルそのものを指定する")),),
    ),
    "disk-full": (
        lambda name: Text(
            f"There is not enough disk space to decode “{name}” (an hour of sound takes 230 MB).",
            f"「{name}」をデコードするディスク容量が足りません（音声1時間につき230 MB必要です）。",
        ),
        (FREE_SPACE,),
    ),
    "output-unwritable": (
        lambda name: Text(
            f"The decoded sound of “{name}” could not be written.", f"「{name}」のデコード結果を書き込めませんでした。"
        ),
        (
            Remedy(
                Text("Allow this user to write to that folder", "そのフォルダーへの書き込みを許可する"), cost="effort"
            ),
        ),
    ),
    "output-busy": (
        lambda name: Text(
            f"Another process is decoding into the same file at this moment, so “{name}” was not decoded.",
            f"いま別のプロセスが同じファイルへデコード中のため、「{name}」はデコードしませんでした。",
        ),
        (Remedy(Text("Wait until it is done, then retry", "終わるのを待ってからもう一度試す")),),
    ),
    "output-is-input": (
        lambda name: Text(
            f"The decoded sound would overwrite the recording “{name}” itself.",
            f"デコード結果が録音「{name}」そのものを上書きしてしまいます。",
        ),
        (Remedy(Text("Choose another place for the result", "別の出力先を選ぶ")),),
    ),
}


def refused(code: str, source: Path, evidence: tuple[str, ...]) -> Finding:
    """A refusal by its id; an id we do not know is a decoder that spoke nonsense."""
    if code not in _WORDS:
        return nonsense(source, (f"decoder: gave the unknown reason {code!r}", *evidence))
    cause, remedies = _WORDS[code]
    area: Area = "output" if code.startswith(("disk-", "output-")) else "input"
    return Finding(code, "error", area, cause(source.name), evidence, remedies)


def too_long(source: Path, longest_s: float, evidence: tuple[str, ...]) -> Finding:
    return Finding(
        "input-too-long",
        "error",
        "input",
        Text(
            f"“{source.name}” is longer than the {longest_s:g} s that are accepted.",
            f"「{source.name}」は受け付ける長さの上限（{longest_s:g}秒）を超えています。",
        ),
        evidence,
        (
            _raise_limit("YAMABIKO_LONGEST_AUDIO_S", longest_s),
            Remedy(Text("Cut the recording into parts", "録音を分割する"), cost="effort"),
        ),
    )


def out_of_memory(source: Path, limit_bytes: int, evidence: tuple[str, ...]) -> Finding:
    return Finding(
        "decode-limit",
        "error",
        "input",
        Text(
            f"Decoding “{source.name}” needed more than the {limit_bytes:,} bytes of memory it may use.",
            f"「{source.name}」のデコードに、許された {limit_bytes:,} バイトを超えるメモリが必要でした。",
        ),
        evidence,
        (CONVERT, _raise_limit("YAMABIKO_DECODE_MEMORY_BYTES", limit_bytes)),
    )


def out_of_time(source: Path, limit_s: float, evidence: tuple[str, ...]) -> Finding:
    return Finding(
        "decode-limit",
        "error",
        "input",
        Text(
            f"Decoding “{source.name}” was not done after {limit_s:g} s and was stopped.",
            f"「{source.name}」のデコードが {limit_s:g} 秒で終わらなかったため、中止しました。",
        ),
        evidence,
        (CONVERT, _raise_limit("YAMABIKO_DECODE_TIMEOUT_S", limit_s)),
    )


def died(source: Path, how: str, evidence: tuple[str, ...]) -> Finding:
    """The decoder was ended by a signal, or ended by itself without an answer. `how`: its name, or `exit 1`."""
    if how.startswith("exit"):
        broken = own_libraries.explain_words([line.removeprefix("decoder stderr: ") for line in evidence])
        if broken is not None:
            return broken
        cause = Text(
            f"The decoder ended without an answer ({how}) while it read “{source.name}”. "
            "That is a fault of yamabiko or of its installation, not of the recording.",
            f"「{source.name}」の読み込み中に、デコーダーが応答せずに終了しました（{how}）。"
            "録音ではなく、yamabiko かそのインストールの問題です。",
        )
        return Finding("decoder-died", "error", "input", cause, evidence, (REINSTALL, REPORT))
    cause = Text(
        f"The decoder was ended by {how} while it read “{source.name}”. Nothing else was affected.",
        f"「{source.name}」の読み込み中に、デコーダーが {how} で終了しました。ほかの処理への影響はありません。",
    )
    return Finding("decoder-died", "error", "input", cause, evidence, (COPY_AGAIN, CONVERT, REPORT))


def not_started(source: Path, evidence: tuple[str, ...]) -> Finding:
    return Finding(
        "decoder-not-started",
        "error",
        "input",
        Text(
            f"The decoder for “{source.name}” could not be started: this machine gives no further process.",
            f"「{source.name}」のデコーダーを起動できませんでした。新しいプロセスを作れません。",
        ),
        evidence,
        (
            Remedy(
                Text("Close other programs, then retry", "ほかのプログラムを閉じてから、もう一度試す"), cost="effort"
            ),
        ),
    )


def nonsense(source: Path, evidence: tuple[str, ...]) -> Finding:
    return Finding(
        "decoder-nonsense",
        "error",
        "input",
        Text(
            f"The decoder gave an answer that makes no sense while it read “{source.name}”; nothing of it was used.",
            f"「{source.name}」の読み込み中に、デコーダーから不正な応答がありました。結果は使っていません。",
        ),
        evidence,
        (CONVERT, REPORT),
    )


def partial(source: Path, decoded_s: float, claimed_s: float | None, evidence: tuple[str, ...]) -> Finding:
    """Notice: what could be decoded was used. `claimed_s`: the header's length, if it is longer than what was there."""
    if claimed_s is None:
        cause = Text(
            f"“{source.name}” is damaged in places; {decoded_s:.1f} s of sound were read, the rest is missing.",
            f"「{source.name}」は一部が壊れています。読み取れた音声は {decoded_s:.1f} 秒で、壊れた箇所は欠けています。",
        )
    else:
        cause = Text(
            f"“{source.name}” breaks off: {decoded_s:.1f} s of sound were read, its header claims {claimed_s:.1f} s.",
            f"「{source.name}」は途中で切れています。ヘッダーでは {claimed_s:.1f} 秒ですが、"
            f"読み取れた音声は {decoded_s:.1f} 秒でした。",
        )
    return Finding(
        "audio-partial",
        "warning",
        "input",
        cause,
        evidence,
        (COPY_AGAIN,),
        Text("Used all that could be decoded.", "読み取れた部分をすべて使いました。"),
    )


def gaps(source: Path, count: int, gap_s: float) -> Finding:
    return Finding(
        "audio-gaps",
        "info",
        "input",
        Text(
            f"The clock of “{source.name}” jumps ahead {count} times, {gap_s:.1f} s in all "
            "(lost packets, or pauses that were not recorded).",
            f"「{source.name}」の時刻が {count} か所、合計 {gap_s:.1f} 秒飛んでいます"
            "（欠けたデータか、記録されていない間）。",
        ),
        (f"decoder: {count} gaps, {gap_s:.3f} s",),
        (),
        Text(
            "Kept the gaps as silence, so that times stay true.", "時刻がずれないよう、その間を無音として残しました。"
        ),
    )


def not_finite(source: Path, count: int) -> Finding:
    return Finding(
        "audio-not-finite",
        "warning",
        "input",
        Text(
            f"“{source.name}” holds {count:,} values that are not numbers (NaN or infinity).",
            f"「{source.name}」に数値でない値（NaNや無限大）が {count:,} 個ありました。",
        ),
        (f"decoder: {count} values not finite",),
        (),
        Text("Took them as silence.", "その値は無音として扱いました。"),
    )


def scaled(source: Path, factor: float) -> Finding:
    return Finding(
        "audio-scaled",
        "warning",
        "input",
        Text(
            f"“{source.name}” holds floating-point samples on the scale of integers, far over full scale.",
            f"「{source.name}」の浮動小数点サンプルが整数の尺度で書かれており、最大音量を大きく超えています。",
        ),
        (f"decoder: scaled by 1/{1 / factor:.0f}",),
        (),
        Text("Scaled them back to -1..1.", "−1～1の範囲に戻しました。"),
    )


def several_streams(source: Path, used: int, count: int) -> Finding:
    return Finding(
        "audio-several-streams",
        "info",
        "input",
        Text(
            f"“{source.name}” has {count} sound tracks; stream {used}, its default, was used.",
            f"「{source.name}」には音声トラックが {count} 本あります。既定のストリーム {used} を使いました。",
        ),
        (f"decoder: {count} audio streams, used stream {used}",),
    )

"""What can go wrong while a recording is decoded, in words for people. `docs/findings.md` has a section an id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from yamabiko import own_libraries
from yamabiko.audio.decode_riff import Beyond
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
JOIN = Remedy(
    Text(
        "If recordings were put end to end: give them one by one, or join them with a program that writes a new header "
        "(ffmpeg, or sox ONE.wav TWO.wav joined.wav)",
        "録音をつなげたファイルなら、1本ずつ指定するか、ヘッダーを作り直すプログラムでつなげる"
        "（ffmpeg か sox ONE.wav TWO.wav joined.wav）",
    ),
    "ffmpeg -i ONE.wav -i TWO.wav -filter_complex concat=n=2:v=0:a=1 joined.wav",
    "effort",
)
IGNORE_LENGTH = Remedy(
    Text(
        "Or have the length in the header ignored; where one recording ends and the next begins, it may click",
        "または、ヘッダーの長さを無視して読み直す（録音のつなぎ目に雑音が入ることがあります）",
    ),
    "ffmpeg -ignore_length 1 -i INPUT whole.wav",
    "effort",
)
SHORTEST_MISSED_S = 0.1
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


def plural(count: int) -> str:
    """What an English noun ends in beside this number."""
    return "" if count == 1 else "s"


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


def breaks_off(source: Path, decoded_s: float, claimed_s: float, errors: int, evidence: tuple[str, ...]) -> Finding:
    """Notice: the header claims far more than could be decoded, `decoded_s`."""
    how = Text("breaks off", "途中で切れています")
    if errors:
        how = Text("breaks off or is damaged in places", "途中で切れているか、一部が壊れています")
    cause = Text(
        f"“{source.name}” {how.en}: {decoded_s:.1f} s of sound were read, its header claims {claimed_s:.1f} s.",
        f"「{source.name}」は{how.ja}。ヘッダーでは {claimed_s:.1f} 秒ですが、"
        f"読み取れた音声は {decoded_s:.1f} 秒でした。",
    )
    return _partial(cause, evidence, (COPY_AGAIN,))


def damaged(source: Path, decoded_s: float, missing_s: float | None, errors: int, evidence: tuple[str, ...]) -> Finding:
    """
    Notice: the decoder complained, and went on.

    `missing_s`: what header or clock tell of more than was decoded; None where neither tells anything, as of MP3
    files joined end to end, where a tag stands amid the sound and nothing is lost.
    """
    if missing_s is None:
        rest = Text("; whether any is missing is not known", "です。失われた音声があるかどうかは不明です")
    elif missing_s < SHORTEST_MISSED_S:
        rest = Text("; by its header, none is missing", "で、ヘッダーの長さに足りています")
    else:
        rest = Text(f", about {missing_s:.1f} s are missing", f"で、約 {missing_s:.1f} 秒が欠けています")
    place = Text("One place", " 1 か所") if errors == 1 else Text("Some places", "いくつか")
    cause = Text(
        f"{place.en} in “{source.name}” could not be decoded. {decoded_s:.1f} s of sound were read{rest.en}.",
        f"「{source.name}」にデコードできない箇所が{place.ja}ありました。読み取れた音声は {decoded_s:.1f} 秒{rest.ja}。",
    )
    return _partial(cause, evidence, (COPY_AGAIN, JOIN) if missing_s is None else (COPY_AGAIN,))


def _partial(cause: Text, evidence: tuple[str, ...], remedies: tuple[Remedy, ...]) -> Finding:
    we_did = Text("Used all that could be decoded.", "読み取れた部分をすべて使いました。")
    return Finding("audio-partial", "warning", "input", cause, evidence, remedies, we_did)


def beyond_header(source: Path, decoded_s: float, beyond: Beyond) -> Finding:
    """Notice: `beyond` the end that the header of a WAV file claims there is more."""
    what = "data that are no tag"
    if beyond.recordings:
        what = f"WAV files: {beyond.recordings}, {beyond.recordings_s:.1f} s"
        cause = Text(
            f"“{source.name}” is {beyond.recordings + 1} recordings put end to end. Its header tells of the first alone: "
            f"{decoded_s:.1f} s were read, the {beyond.recordings_s:.1f} s after it were not.",
            f"「{source.name}」は {beyond.recordings + 1} 本の録音をそのままつなげたファイルです。ヘッダーが示すのは最初の録音だけなので、"
            f"読み取ったのは {decoded_s:.1f} 秒で、続く {beyond.recordings_s:.1f} 秒は読み取っていません。",
        )
    else:
        mib = max(beyond.size_bytes / 2**20, 0.1)
        cause = Text(
            f"“{source.name}” goes on after the end that its header claims: {decoded_s:.1f} s were read, "
            f"the {mib:.1f} MiB of data after them were not.",
            f"「{source.name}」には、ヘッダーが示す終わりより後にもデータがあります。読み取ったのは {decoded_s:.1f} 秒で、"
            f"その後の {mib:.1f} MiB は読み取っていません。",
        )
    return Finding(
        "audio-beyond-header",
        "warning",
        "input",
        cause,
        (f"file: {beyond.size_bytes} bytes after the end by the header, {what}",),
        (JOIN, IGNORE_LENGTH),
        Text("Used what the header tells of.", "ヘッダーが示す範囲を使いました。"),
    )


def gaps(source: Path, count: int, gap_s: float) -> Finding:
    times = "once" if count == 1 else f"{count} times"
    return Finding(
        "audio-gaps",
        "info",
        "input",
        Text(
            f"The clock of “{source.name}” jumps ahead {times}, {gap_s:.1f} s in all "
            "(lost packets, or pauses that were not recorded).",
            f"「{source.name}」の時刻が {count} か所、合計 {gap_s:.1f} 秒飛んでいます"
            "（欠けたデータか、記録されていない間）。",
        ),
        (f"decoder: {count} gap{plural(count)}, {gap_s:.3f} s",),
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
            f"“{source.name}” holds values that are not numbers (NaN or infinity): {count:,}.",
            f"「{source.name}」に数値でない値（NaNや無限大）が {count:,} 個ありました。",
        ),
        (f"decoder: {count} value{plural(count)} not finite",),
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

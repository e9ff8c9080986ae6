"""What can be wrong with a model, in the words that a person reads."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from yamabiko.engines import catalog, naming
from yamabiko.engines.models.catalogue import FORMATS, ModelEntry, catalogue
from yamabiko.engines.sizes import mib
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text

_SEE_LIST = Remedy(Text("See the models that have a name here", "名前のあるモデルの一覧を見る"), "yamabiko models list")


def pull_command(entry: ModelEntry) -> str:
    """What fetches it, typed as it stands. A hub id of nobody's catalogue says nothing of its format."""
    by_id = entry.hub is not None and entry.name == entry.hub.repo
    usual = entry.format == catalog.card(catalog.DEFAULT_ENGINE).model_format
    return f"yamabiko models pull {entry.name}" + (f" --format {entry.format}" if by_id and not usual else "")


def unknown(name: str, nearest: Sequence[str], known: Sequence[str]) -> Finding:
    if any(card.name == name and card.job == "transcribe" for card in catalog.cards()):
        return _an_engine(name)
    meant = tuple(Remedy(Text(f"Use “{near}”", f"「{near}」を使う"), f"--model {near}") for near in nearest)
    return Finding(
        id="model-unknown",
        severity="error",
        area="usage",
        cause=Text(f"There is no model named “{name}” here.", f"「{name}」という名前のモデルはありません。"),
        evidence=(
            f"{Text('models with a name', '名前のあるモデル')}: {', '.join(known)}",
            str(
                Text(
                    "others: a hub id (org/name) or the path of a folder",
                    "ほかに: ハブのID（org/name）またはフォルダーのパス",
                )
            ),
        ),
        remedies=(*meant, _SEE_LIST),
    )


def _an_engine(name: str) -> Finding:
    return Finding(
        id="model-unknown",
        severity="error",
        area="usage",
        cause=Text(f"“{name}” is an engine, and no model.", f"「{name}」はモデルではなくエンジンの名前です。"),
        remedies=(Remedy(Text("Name it as the engine", "エンジンとして指定する"), f"--engine {name}"), _SEE_LIST),
    )


def wrong_format(name: str, found: str, wanted: str, seen: str = "") -> Finding:
    """`seen`: in a file of the user's; of the catalogue's models that says it."""
    return Finding(
        id="model-wrong-format",
        severity="error",
        area="usage",
        cause=Text(
            f"“{name}” is a model of another kind ({found}) than this engine reads ({wanted}).",
            f"「{name}」は{found}形式のモデルです。このエンジンが読めるのは{wanted}形式です。",
        ),
        evidence=(seen or f"catalogue: {name} is {found}; the engine reads {wanted}",),
        remedies=(*(with_its_engine(name, (found,)) if _transcribes(wanted) else _usual(wanted)), _SEE_LIST),
    )


def _transcribes(format: str) -> bool:  # noqa: A002
    """Whether an engine that writes text reads it: for another job, another engine's model is no help."""
    return any(card.job == "transcribe" for card in catalog.cards() if card.model_format == format)


def with_its_engine(model: str | Path, formats: Sequence[str]) -> tuple[Remedy, ...]:
    """Engines that read a model of one of these formats, the default one first."""
    able = [card for card in catalog.cards() if card.model_format in formats and card.job == "transcribe"]
    able.sort(key=lambda card: card.name != catalog.DEFAULT_ENGINE)
    return tuple(
        Remedy(
            Text(f"Run it with {card.name}, which reads such models", f"この形式を読める {card.name} で動かす"),
            f"--engine {card.name} --model {model}",
        )
        for card in able[:1]
    )


def path_missing(path: Path) -> Finding:
    return Finding(
        id="model-path-missing",
        severity="error",
        area="usage",
        cause=Text(f"There is no model at {path}.", f"{path} にモデルがありません。"),
        evidence=(f"file system: {path} does not exist or may not be read",),
        remedies=(
            *_by_its_id(path),
            Remedy(Text("Check the path, or name a model instead", "パスを確かめるか、モデル名で指定する")),
            _SEE_LIST,
        ),
    )


def incomplete(
    path: Path, complaints: Sequence[Text], holds: Sequence[str], wanted: str, fits: Sequence[str] = ()
) -> Finding:
    """`wanted`: the format that was looked for; `fits`: formats of which everything is there."""
    shown = ", ".join(sorted(holds)[:20]) or Text("nothing", "なし")
    return Finding(
        id="model-incomplete",
        severity="error",
        area="model",
        cause=Text(
            f"The model at {path} is not complete: {'; '.join(one.en for one in complaints)}.",
            f"{path} のモデルは不完全です: {'、'.join(one.ja for one in complaints)}。",
        ),
        evidence=(*(f"{path}: {complaint}" for complaint in complaints), f"{path} {Text('holds', 'の中身')}: {shown}"),
        remedies=(
            *(with_its_engine(path, fits) if _transcribes(wanted) else ()),
            *_usual(wanted),
            Remedy(
                Text(
                    "Copy the missing files into the folder, or convert the model to the format of the engine",
                    "足りないファイルをフォルダーに加えるか、モデルをエンジンの形式に変換する",
                ),
                cost="effort",
            ),
        ),
    )


def _by_its_id(path: Path) -> tuple[Remedy, ...]:
    """An address of the hub was given, whose slashes a path does not keep."""
    found = re.match(r"https?:/+(?:www\.)?huggingface\.co/([\w.-]+/[\w.-]+)", str(path), re.ASCII)
    told = Text("Name it by its id on the hub", "ハブのIDで指定する")
    return (Remedy(told, f"--model {found[1]}"),) if found else ()


def no_such_file(path: Path, wanted: str, fits: Sequence[str] = ()) -> Finding:
    """A file of the user's that is no model of the format `wanted`; `fits`: formats that it may be of, by its name."""
    shape = FORMATS[wanted]
    read = ", ".join(group[0] for group in shape.required)
    reads = Text(
        f"one file ({read})" if shape.single_file else f"a folder with {read}",
        f"1つのファイル（{read}）" if shape.single_file else f"{read} を含むフォルダー",
    )
    return Finding(
        id="model-incomplete",
        severity="error",
        area="model",
        cause=Text(
            f"The file {path} is no model that this engine reads: it reads {reads.en}.",
            f"ファイル {path} は、このエンジンが読めるモデルではありません。読めるのは{reads.ja}です。",
        ),
        evidence=(f"{path}: {Text('is a file, no folder', 'フォルダーではなくファイル')}",)
        if not shape.single_file
        else (),
        remedies=(*(with_its_engine(path, fits) if _transcribes(wanted) else ()), *_usual(wanted), _SEE_LIST),
    )


def _usual(format: str) -> tuple[Remedy, ...]:  # noqa: A002
    """The usual model of the engine that reads the format; all that have a name, where each is for its own language."""
    card = next((one for one in catalog.cards() if one.model_format == format and one.default_model), None)
    if card is None or card.job == "find-speech":  # which no option names a model of
        return ()
    names = [card.default_model]
    if card.job == "align":
        names = [entry.name for entry in catalogue().models if entry.format == format]
    return tuple(
        Remedy(
            Text("Use a model by its name instead", "代わりに名前のあるモデルを使う"), f"{naming.option(card)} {name}"
        )
        for name in names
    )


def no_speech_model(config: Path, said: str) -> Finding:
    """`said`: what stands in config.json."""
    return Finding(
        id="transformers-without-task",
        severity="error",
        area="model",
        cause=Text(
            f"The model at {config.parent} is none that writes down speech, as far as its config.json tells.",
            f"{config.parent} のモデルは、config.json を見る限り、音声を文字にするモデルではありません。",
        ),
        evidence=(f"{config}: {said}",),
        remedies=(
            Remedy(
                Text(
                    "Name the folder of a model made for automatic-speech-recognition",
                    "音声認識（automatic-speech-recognition）用のモデルのフォルダーを指定する",
                )
            ),
            Remedy(
                Text("Use a model by its name instead", "代わりに名前のあるモデルを使う"),
                "--engine transformers --model whisper-base",
                "effort",
            ),
            Remedy(
                Text(
                    "If it is one all the same, copy config.json anew from where the model came",
                    "音声認識用のはずなら、config.json を入手元からコピーし直す",
                ),
                cost="effort",
            ),
        ),
    )


def differs_from_known(name: str, folder: Path, complaints: Sequence[str]) -> Finding:
    """`complaints`: a line for each wrong file, with its path, the expected hash and the found one."""
    return Finding(
        id="model-differs-from-known",
        severity="error",
        area="model",
        cause=Text(
            f"{folder} has weights of the very size of the model “{name}” but not all of its bytes, so it is not "
            "used: it is damaged, or a model of your own.",
            f"{folder} は重みの大きさがモデル「{name}」と同じですが、中身が異なるため使用しません。"
            "壊れているか、独自に学習したモデルです。",
        ),
        evidence=tuple(complaints),
        remedies=(
            Remedy(Text("Use the model that we check", "照合済みのモデルを使う"), f"--model {name}"),
            Remedy(
                Text("If it is your own model: say so", "独自のモデルなら、その旨を指定する"),
                f"--model {folder} --trust-model",
            ),
        ),
    )


def carries_code(name: str, files: Sequence[str], instead: str | None, *, numbers_alone: bool) -> Finding:
    """`files`: paths; `instead`: a pinned model of the same format; `numbers_alone`: as the format says of its engine."""
    use = (
        (Remedy(Text("Use a model that we check", "照合済みのモデルを使う"), f"--model {instead}"),) if instead else ()
    )
    runs = Text(
        f"The model “{name}” holds pickled Python objects, and reading those runs code that its maker wrote. Its "
        "hash is not among those that we know, so it was not opened.",
        f"モデル「{name}」には Python の pickle が含まれ、読み込むと作者の書いたコードが実行されます。"
        "既知のハッシュと一致しないため、開いていません。",
    )
    could = Text(
        f"The model “{name}” is a pickle, a kind of file that can hold code, and its hash is not among those that we "
        "know, so it was not opened. This engine's library reads numbers alone from it: code runs only if that has a hole.",
        f"モデル「{name}」は、コードを含むことのできる pickle 形式で、既知のハッシュと一致しないため、開いていません。"
        "このエンジンのライブラリーは数値だけを読み取るため、その仕組みに穴がなければコードは実行されません。",
    )
    return Finding(
        id="model-carries-code",
        severity="error",
        area="model",
        cause=could if numbers_alone else runs,
        evidence=tuple(f"{file}: pickled objects" for file in files),
        remedies=(
            *use,
            Remedy(
                Text("If you trust where it comes from: say so", "入手元を信頼できるなら、その旨を指定する"),
                "--trust-pickle",
            ),
        ),
    )


def differs_and_carries_code(differs: Finding, carries: Finding) -> Finding:
    """Both at once: whoever says the one has to say the other too."""
    *others, own = differs.remedies
    return replace(
        differs,
        cause=Text(f"{differs.cause.en} {carries.cause.en}", f"{differs.cause.ja}{carries.cause.ja}"),
        evidence=(*differs.evidence, *carries.evidence),
        remedies=(
            *others,
            Remedy(
                Text(
                    "If it is your own model, and you trust where it comes from: say both",
                    "独自のモデルで、入手元も信頼できるなら、その旨を両方指定する",
                ),
                f"{own.command} --trust-pickle",
            ),
        ),
    )


def wrong_hash(entry: ModelEntry, complaints: Sequence[str], ours: bool) -> Finding:
    """`complaints`: a line for each wrong file, with its path, the expected hash and the found one."""
    again = Text("Fetch the wrong files again", "正しくないファイルを取得し直す")
    elsewhere = Text(
        "The files are another program's: have it fetch them again, or let us keep our own copy",
        "ファイルは他のプログラムのものです。そのプログラムで取得し直すか、yamabiko 側に取得する",
    )
    return Finding(
        id="model-wrong-hash",
        severity="error",
        area="model",
        cause=Text(
            f"Files of the model “{entry.name}” are not what they should be; they are not used.",
            f"モデル「{entry.name}」のファイルが本来の内容と異なるため、使用しません。",
        ),
        evidence=tuple(complaints),
        remedies=(Remedy(again if ours else elsewhere, pull_command(entry), "effort"),),
    )


def no_space(folder: Path, need_bytes: int, free_bytes: int, reserve_bytes: int) -> Finding:
    return _disk_full(
        folder,
        f"{folder}: {mib(need_bytes)} needed, {mib(free_bytes)} free, of which {mib(reserve_bytes)} are left untouched",
    )


def cache_trouble(folder: Path, error: OSError) -> Finding:
    """An error of the disk while the cache was written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(folder, f"write: {error}")
    return Finding(
        id="model-cache-unwritable",
        severity="error",
        area="model",
        cause=Text(f"The folder for models cannot be written: {folder}.", f"モデルの保存先に書き込めません: {folder}"),
        evidence=(f"file system: {error}",),
        remedies=(
            Remedy(
                Text("Keep yamabiko's files in a folder that you may write", "書き込めるフォルダーを保存先にする"),
                "YAMABIKO_HOME=/path/to/folder yamabiko ...",
            ),
        ),
    )


def _disk_full(folder: Path, evidence: str) -> Finding:
    return Finding(
        id="disk-full",
        severity="error",
        area="model",
        cause=Text(
            f"There is not enough disk space for the model at {folder}.",
            f"モデルを保存する空き容量が足りません: {folder}",
        ),
        evidence=(evidence,),
        remedies=(
            Remedy(Text("Remove models that you no longer use", "使わなくなったモデルを消す"), "yamabiko models list"),
            Remedy(
                Text("Keep yamabiko's files on another disk", "別のディスクを保存先にする"),
                "YAMABIKO_HOME=/path/to/folder yamabiko ...",
                "effort",
            ),
        ),
    )

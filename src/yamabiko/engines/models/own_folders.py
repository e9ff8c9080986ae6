"""
A folder of the user's as a model: whether it is whole, and, where it is a model that we know, whether it has its bytes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from yamabiko.engines.models import problems
from yamabiko.engines.models.catalogue import FORMATS, Catalogue, ModelEntry, ModelFile, catalogue, fitting
from yamabiko.engines.models.store import LocalModel
from yamabiko.engines.transformers_kind import told_by
from yamabiko.findings import Problem
from yamabiko.i18n import Text

_WEIGHTS = (".bin", ".pt", ".nemo", ".gguf")
"""How the files end that are a model by themselves."""
MOST_NAMES = 4
"""Of a file that may have many: more than these tell nobody which one is missing."""


def as_path(name_or_path: str | Path, among: Catalogue | None) -> Path | None:
    """
    A path, if it looks like one or is a folder of the user's; never for a name of the catalogue.

    A folder called `base` in the current directory must not take the place of the model; a file `ggml-base.bin` there is meant.
    """
    if isinstance(name_or_path, Path):
        return name_or_path
    looks = name_or_path.startswith((".", "~", "/")) or os.path.isabs(name_or_path) or "\\" in name_or_path
    if looks or name_or_path.count("/") > 1 or name_or_path.endswith("/"):
        return Path(name_or_path).expanduser()
    named = {n for e in (among or catalogue()).models for n in (e.name, *e.aliases, e.hub.repo if e.hub else e.name)}
    if name_or_path.endswith(_WEIGHTS) and os.path.isfile(name_or_path):
        return Path(name_or_path)
    return Path(name_or_path) if name_or_path not in named and os.path.exists(name_or_path) else None


def open_path(path: Path, format: str) -> LocalModel:  # noqa: A002
    """A folder (or file) of the user's. Raises: Problem (model-path-missing, model-incomplete, ...)."""
    shape = FORMATS[format]
    try:
        folder = path if path.is_dir() else path.parent
        names = [item.name for item in folder.iterdir()] if path.is_dir() else [path.name]
        if not path.is_dir() and path.is_file() and not shape.single_file:
            names = [item.name for item in folder.iterdir()]  # model.bin was named; its folder is meant
        elif not path.exists():
            raise Problem(problems.path_missing(path))
        chosen, complaints = _choose(folder, names, format)
    except OSError:
        raise Problem(problems.path_missing(path)) from None
    if shape.kind_in_config:
        _refuse_other_kinds(folder / "config.json")
    if complaints:
        fits = _fitting(path, folder, names)
        if path.is_file() and not any(path.name in group for group in shape.required):
            raise Problem(problems.no_such_file(path, format, fits))
        raise Problem(problems.incomplete(path, complaints, names, format, fits))
    _refuse_another_format(path, folder, chosen[0], format)
    revision = folder.name if folder.parent.name == "snapshots" else None
    files = tuple(ModelFile(name, (folder / name).stat().st_size) for name in chosen)
    return LocalModel(str(path), folder / chosen[0] if shape.single_file else folder, revision, "path", False, files)


def _refuse_another_format(path: Path, folder: Path, file: str, format: str) -> None:  # noqa: A002
    """
    Where the file's name is right, its first bytes are not, and what lies beside it makes a model of another format.

    Without that, or where the folder cannot be looked into, it is the engine's to judge. Raises: Problem (model-wrong-format).
    """
    begins = FORMATS[format].begins
    if not begins:
        return
    try:
        with (folder / file).open("rb") as stream:
            head = stream.read(len(begins))
        fits = () if head == begins else _fitting(path, folder, os.listdir(folder))
    except OSError:
        return
    others = [name for name in fits if name != format]
    if others:
        seen = f"{folder / file}: begins with {head.hex(' ')}, {format} with {begins.hex(' ')}"
        raise Problem(problems.wrong_format(str(path), others[0], format, seen))


def _fitting(path: Path, folder: Path, names: Sequence[str]) -> list[str]:
    """Formats of which it has everything, by the names of its files."""
    return [
        name
        for name, shape in FORMATS.items()
        if (not shape.single_file or path.is_file())
        and not _choose(folder, [path.name] if shape.single_file else names, name)[1]
        and not (shape.kind_in_config and _is_of_another_kind(folder / "config.json"))
    ]


def _is_of_another_kind(config: Path) -> bool:
    try:
        return told_by(config).kind is None
    except (OSError, ValueError):
        return True


def _refuse_other_kinds(config: Path) -> None:
    """Before a missing file is told: none would make it a speech model. Raises: Problem (transformers-without-task)."""
    try:
        told = told_by(config)
    except (OSError, ValueError):
        return  # what is missing or damaged has its own words
    if told.kind is None:
        raise Problem(problems.no_speech_model(config, told.said))


def _choose(folder: Path, names: Sequence[str], format: str) -> tuple[list[str], list[Text]]:  # noqa: A002
    """The files of the format among `names`, and what is wrong: missing, empty, or a pointer to a file."""
    shape, chosen = FORMATS[format], []
    complaints: list[Text] = []
    deeper = (name for group in shape.required for name in group if "/" in name and (folder / name).is_file())
    names = [*names, *deeper]
    for group in shape.required:
        found = fitting(group, names)
        if not found:
            shown = group[:MOST_NAMES]
            more = Text("", "")
            if rest := len(group) - len(shown):
                more = Text(f" or {rest} more", f"（ほか {rest} 種）")
            complaints.append(
                Text(f"{' or '.join(shown)}{more.en} is missing", f"{' または '.join(shown)}{more.ja} がありません")
            )
        elif len(found) > 1 and group[0].startswith("*"):
            complaints.append(
                Text(
                    f"more than one {group[0]}: name the file itself",
                    f"{group[0]} が複数あります（ファイル自体を指定してください）",
                )
            )
        else:
            chosen.append(found[0])
    for name in chosen:
        with (folder / name).open("rb") as stream:
            head = stream.read(48)
        if not head:
            complaints.append(Text(f"{name} is empty", f"{name} が空です"))
        elif head.startswith(b"version https://git-lfs"):
            complaints.append(
                Text(
                    f"{name} is only a git-lfs pointer; `git lfs pull` fetches the file itself",
                    f"{name} は git-lfs のポインターで、中身がありません（`git lfs pull` で取得できます）",
                )
            )
    return chosen + [name for name in shape.optional if name in names], complaints


def refuse_altered(model: LocalModel, format: str, among: Catalogue | None = None) -> None:  # noqa: A002
    """
    Refuse a folder of the user's that has the weights of a pinned model, by their size, but not all of its bytes.

    Nothing in it tells damage from a model trained further, so the user must say which it is. Reads the files
    only where that size is a pinned model's. Raises: Problem (model-differs-from-known), OSError.
    """
    if model.origin == "path" and (known := _alike(model, format, among)):
        _nearest(model, format, known, _hashed(model, format))


def recognised(model: LocalModel, format: str, among: Catalogue | None = None) -> LocalModel:  # noqa: A002
    """With the hashes of its files, and as the pinned model that it is. Raises: as `refuse_altered`."""
    files = _hashed(model, format)
    known = _alike(model, format, among)
    if not known:
        return replace(model, files=files)
    entry = _nearest(model, format, known, files)
    pinned = {file.sha256 for file in entry.files}
    beside = tuple(file.name for file in files if file.sha256 not in pinned)
    return replace(model, revision=entry.revision, pinned=True, files=files, beside=beside)


def _alike(model: LocalModel, format: str, among: Catalogue | None) -> list[ModelEntry]:  # noqa: A002
    """
    The pinned models whose weights, the largest file, are nearly as large as this one's.

    Nearly: a byte more is damage or another's work, while another precision of the same model is half or twice as large.
    """
    found = []
    for entry in (among or catalogue()).models:
        if not entry.pinned or entry.format != format:
            continue
        weights = max(entry.files, key=lambda file: file.size or 0)
        near = max(1, (weights.size or 0) // 100)
        sizes = [file.size for file in model.files if _names(file, format) == _names(weights, format)]
        if any(size is not None and abs(size - (weights.size or 0)) <= near for size in sizes):
            found.append(entry)
    return found


def _names(file: ModelFile, format: str) -> str:  # noqa: A002
    """What files are compared by: a model of one file may be called anything."""
    return "" if FORMATS[format].single_file else file.name


def _hashed(model: LocalModel, format: str) -> tuple[ModelFile, ...]:  # noqa: A002
    from yamabiko.engines.models.fetch import sha256_of

    folder = _folder(model, format)
    return tuple(ModelFile(f.name, f.size, sha256_of(folder / f.name)) for f in model.files)


def _folder(model: LocalModel, format: str) -> Path:  # noqa: A002
    return model.path.parent if FORMATS[format].single_file else model.path


def _nearest(model: LocalModel, format: str, known: Sequence[ModelEntry], files: Sequence[ModelFile]) -> ModelEntry:  # noqa: A002
    """Of the models that it may be, the one that it is. Raises: Problem, with the differences from the nearest."""
    there = {_names(file, format): file for file in files}
    differences: dict[str, list[str]] = {}
    for entry in known:
        lines = differences.setdefault(entry.name, [])
        for want in entry.files:
            found = there.get(_names(want, format))
            place = _folder(model, format) / (found or want).name
            if found is None:
                lines.append(f"{place}: is not there")
            elif found.sha256 != want.sha256:
                lines.append(f"{place}: expected sha256 {want.sha256}, found {found.sha256}")
        if not lines:
            return entry

    def unlike(entry: ModelEntry) -> tuple[int, bool, bool]:
        """Of two sizes of Whisper that are nearly one, its own; else the one that knows more than English."""
        own_sizes = {file.size for file in there.values()}
        weights = max(entry.files, key=lambda file: file.size or 0)
        return len(differences[entry.name]), weights.size not in own_sizes, entry.languages == "en"

    name = min(known, key=unlike).name
    raise Problem(problems.differs_from_known(name, model.path, differences[name]))

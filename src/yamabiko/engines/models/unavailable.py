"""Why no source could give a model, and what helps against that."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from yamabiko.engines import naming
from yamabiko.engines.models.catalogue import FORMATS, ModelEntry, catalogue
from yamabiko.engines.models.problems import pull_command, with_its_engine
from yamabiko.engines.models.sources import SourceFailed
from yamabiko.findings import Finding, Remedy
from yamabiko.i18n import Text

_MOST_NAMED = 4


def not_here(entry: ModelEntry) -> Finding:
    return Finding(
        id="model-not-here",
        severity="error",
        area="model",
        cause=Text(
            f"The model “{entry.name}” is not on this machine.", f"モデル「{entry.name}」はこのマシンにありません。"
        ),
        evidence=(
            str(
                Text(
                    "our cache and the Hugging Face cache: no usable copy",
                    "yamabiko と Hugging Face のキャッシュ: 使えるコピーがありません",
                )
            ),
        ),
        remedies=(Remedy(Text("Fetch it", "取得する"), pull_command(entry), "effort"),),
    )


def gated(entry: ModelEntry, repo: str, page: str, tried: Sequence[str]) -> Finding:
    return Finding(
        id="model-gated",
        severity="error",
        area="model",
        cause=Text(
            f"The hub does not give “{repo}” without permission: it is gated or private, or has no such repository.",
            f"ハブは許可なしに「{repo}」を渡しません。利用条件への同意が必要か、非公開か、存在しないリポジトリです。",
        ),
        evidence=tuple(tried),
        remedies=(
            *_near(entry),
            Remedy(
                Text(
                    f"Accept the model's conditions at {page}, then give your access token",
                    f"{page} で利用条件に同意し、アクセストークンを渡す",
                ),
                f"HF_TOKEN=hf_... {pull_command(entry)}",
                "effort",
            ),
            _give_path(entry),
        ),
    )


def unavailable(entry: ModelEntry, failures: Sequence[SourceFailed], tried: Sequence[str]) -> Finding:
    """`tried`: a line for each source, and before them one for each copy here that is not used."""
    holds = next((failed.holds for failed in failures if failed.holds), ())
    if holds:
        return _of_another_kind(entry, holds, tried)
    why = Text("", "")
    if any(failed.reason == "no repository" for failed in failures):
        why = Text(": the hub has nothing of this name", "（ハブにこの名前のリポジトリがありません）")
    elif any("gaierror" in line for line in tried):
        why = Text(
            ": no name server here knows where it is (is there a network?)",
            "（取得先の名前を解決できません。ネットワークは使えますか？）",
        )
    return Finding(
        id="model-unavailable",
        severity="error",
        area="model",
        cause=Text(
            f"The model “{entry.name}” is not on this machine and no source could give it{why.en}.",
            f"モデル「{entry.name}」はこのマシンになく、どの取得先からも得られませんでした{why.ja}。",
        ),
        evidence=tuple(tried),
        remedies=(*_near(entry), *dict.fromkeys(_by_source(entry, failures)), _give_path(entry)),
    )


def _by_source(entry: ModelEntry, failures: Sequence[SourceFailed]) -> Iterator[Remedy]:
    """What helps against the failure of each."""
    pull = pull_command(entry)
    for failed in failures:
        if failed.reason == "offline":
            yield Remedy(Text("Fetch it once with a network", "ネットワークにつないで一度取得する"), pull, "effort")
        elif failed.reason == "told offline":
            yield Remedy(
                Text(
                    "Fetch it without the variables that forbid to ask the hub",
                    "ハブへの接続を禁じる環境変数を外して取得する",
                ),
                f"env -u HF_HUB_OFFLINE -u TRANSFORMERS_OFFLINE {pull}",
                "effort",
            )
        elif failed.reason == "no repository":
            told = Text("Check the name; models that have one here", "名前を確かめる。名前のあるモデルの一覧")
            yield Remedy(told, "yamabiko models list")
        elif failed.reason == "another kind":
            yield _named_otherwise(entry)
        elif failed.source == "hub":
            yield Remedy(
                Text(
                    "Check the network; where the hub cannot be reached, name a mirror of it",
                    "ネットワークを確かめる。ハブに届かない環境では、ミラーを指定する",
                ),
                f"HF_ENDPOINT=https://your.mirror {pull}",
                "effort",
            )
        elif failed.source == "package index":
            yield Remedy(
                Text(
                    "Check the network; where the package index cannot be reached, name a mirror of it",
                    "ネットワークを確かめる。パッケージのインデックスに届かない環境では、ミラーを指定する",
                ),
                f"PIP_INDEX_URL=https://your.mirror/simple {pull}",
                "effort",
            )
        elif entry.authors:
            url = entry.authors.url
            yield Remedy(
                Text(
                    f"Check the network; the file lies at {url} alone, which another machine may reach",
                    f"ネットワークを確かめる。配布元は {url} だけなので、届く別のマシンで取得してもよい",
                ),
                pull,
                "effort",
            )


def _of_another_kind(entry: ModelEntry, holds: Sequence[str], tried: Sequence[str]) -> Finding:
    """The repository is there, and what this engine reads is not in it. `holds`: its files."""
    fits = [name for name, shape in FORMATS.items() if shape.held_by(holds)]
    shape = FORMATS[entry.format]
    reads = ", ".join(group[0] for group in shape.required)
    shown = ", ".join(holds[:20]) + (" ..." if len(holds) > 20 else "")
    cause = Text(
        f"The repository “{entry.name}” is there, and has not what this engine reads ({reads}).",
        f"リポジトリ「{entry.name}」はありますが、このエンジンが読むファイル（{reads}）がありません。",
    )
    if entry.format in fits:
        cause = Text(
            f"The repository “{entry.name}” has such a model under names of its own, or several; its id does not say which "
            "files are meant.",
            f"リポジトリ「{entry.name}」には、独自の名前のモデル、または複数のモデルがあり、IDだけではどのファイルか分かりません。",
        )
    files = [one for one in fits if FORMATS[one].single_file]
    return Finding(
        id="model-unavailable",
        severity="error",
        area="model",
        cause=cause,
        evidence=(*tried, f"hub: {entry.name} {Text('holds', 'の中身')}: {shown}"),
        remedies=(
            *_with_a_name(entry),
            *with_its_engine(entry.name, [one for one in fits if one not in (*files, entry.format)]),
            *_with_a_file(files),
            *([] if fits else [_named_otherwise(entry)]),
            *([_give_path(entry)] if entry.format in fits and not shape.single_file else []),
        ),
    )


def _with_a_name(entry: ModelEntry) -> Iterator[Remedy]:
    """Models of this repository that the catalogue knows."""
    repo = entry.hub.repo if entry.hub else entry.name
    known = [one for one in catalogue().models if one.hub and one.hub.repo == repo]
    for one in known[:_MOST_NAMED]:
        named = f"{naming.option(naming.reader(one.format))} {one.name}"
        yield Remedy(Text(f"Use {one.name}, which is there", f"その中の {one.name} を使う"), named)


def _with_a_file(formats: Sequence[str]) -> Iterator[Remedy]:
    """A file of it is a model by itself, and a repository's name does not say which."""
    for one in formats:
        reader = naming.reader(one)
        if reader.job == "transcribe":
            yield Remedy(
                Text(
                    f"Fetch the file that is meant, and name where it lies: {reader.name} reads it",
                    f"使いたいファイルを取得して場所を指定する（{reader.name} で読めます）",
                ),
                f"{naming.option(reader)} /path/to/model{FORMATS[one].ending}",
                "effort",
            )


def _named_otherwise(entry: ModelEntry) -> Remedy:
    return Remedy(
        Text(
            f"Name a model of the kind that it reads ({entry.format})",
            f"このエンジンの形式（{entry.format}）のモデルを指定する",
        ),
        "yamabiko models list",
    )


def _near(entry: ModelEntry) -> Iterator[Remedy]:
    """Where `org` of `org/name` is a folder here, a path was meant."""
    folder, _, name = entry.name.rpartition("/")
    if not folder:
        return
    try:
        names = sorted(item.name for item in Path(folder).iterdir())
    except OSError:
        return
    begins = [one for one in names if one.startswith(name)]
    for one in (begins or difflib.get_close_matches(name, names, n=2, cutoff=0.6))[:2]:
        meant = f"{folder}/{one}"
        yield Remedy(
            Text(f"There is no {entry.name} here; use {meant}", f"{entry.name} はここにありません。{meant} を使う"),
            f"--model {meant}",
        )


def _give_path(entry: ModelEntry) -> Remedy:
    shape, name = FORMATS[entry.format], entry.name.rsplit("/", 1)[-1]
    if shape.single_file:
        name = entry.files[0].name if entry.files else f"{name.removesuffix(shape.ending)}{shape.ending}"
    return Remedy(
        Text(
            "Copy the model from a machine that has it, and name where it lies",
            "モデルを持っている別のマシンからコピーし、その場所を指定する",
        ),
        f"--model /path/to/{name}",
        "effort",
    )

"""
The articles as pages: one in the terminal, or all of them as the book of findings (docs/findings.md, findings.ja.md).

`scripts/write_findings.py` writes the book; a test holds it to the articles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from yamabiko.diagnosis.articles import Advice, Article, article, ids
from yamabiko.diagnosis.platforms import EVERYWHERE, Platforms, here
from yamabiko.formats.characters import NEVER_FIRST, NEVER_LAST
from yamabiko.formats.text import display_width
from yamabiko.i18n import Language, Text, reader_language

_FAMILIES = (
    (
        Text("NVIDIA's driver, CUDA, WSL, containers, the system", "NVIDIAドライバー・CUDA・WSL・コンテナー・システム"),
        (
            "driver-",
            "nvml-",
            "wsl-",
            "gpu-compute-",
            "gpu-not-",
            "gpu-text-",
            "container-",
            "glibc-",
            "cuda-",
            "cudnn-",
        ),
    ),
    (Text("AMD and ROCm", "AMDとROCm"), ("rocm-",)),
    (Text("CTranslate2, faster-whisper, WhisperX", "CTranslate2・faster-whisper・WhisperX"), ("ct2-", "whisperx-")),
    (Text("NeMo", "NeMo"), ("nemo-",)),
    (Text("ONNX Runtime and sherpa-onnx", "ONNX Runtimeとsherpa-onnx"), ("ort-", "sherpa-")),
    (Text("whisper.cpp and ggml", "whisper.cppとggml"), ("whispercpp-", "ggml-")),
    (
        Text("PyTorch and what runs on it", "PyTorchと、その上で動くもの"),
        ("torch-", "voxcpm-", "openai-whisper-", "mps-", "openmp-"),
    ),
    (
        Text("Python packages and the model hub", "Pythonパッケージとモデルハブ"),
        ("torchcodec-", "pyannote", "hf-", "numpy"),
    ),
    (Text("Recordings and their decoding", "録音とデコード"), ("input-", "audio-", "decode", "bundled-")),
    (Text("Speech and text", "音声区間と文字"), ("speech-", "no-speech", "no-text-", "chunk-")),
    (Text("Engines and their environments", "エンジンと環境"), ("engine-", "index-", "installer-", "pip-")),
    (Text("Models", "モデル"), ("model-",)),
    (Text("Workers", "ワーカー"), ("worker-",)),
    (Text("Results and disks", "結果とディスク"), ("output-", "disk-", "home-", "work-dir-")),
)
_REST = Text("The command line, settings, yamabiko itself", "コマンド・設定・yamabiko自身")

PRICES = {
    "none": Text("costs nothing", "負担なし"),
    "effort": Text("costs effort", "手間がかかる"),
    "speed": Text("costs speed", "遅くなる"),
    "accuracy": Text("may cost accuracy", "精度が下がることがある"),
}
_CONFIDENCE = {
    "high": Text("high", "高い"),
    "medium": Text("medium: not all of it was verified", "中程度（一部は未検証）"),
    "low": Text("low: rests on few reports", "低い（少数の報告による）"),
}
_SEVERITY = {
    "info": Text("note", "参考"),
    "warning": Text("warning", "警告"),
    "error": Text("error", "エラー"),
    "unknown": Text("cause unknown", "原因不明"),
}
_SYMPTOM, _CAUSE = Text("Symptom", "症状"), Text("Cause", "原因")
_KNOWN_BY, _REMEDIES = Text("How we know", "判断の根拠"), Text("Remedies, cheapest first", "対処（負担の軽い順）")
_MEANWHILE, _SOURCES = Text("Meanwhile yamabiko", "その間のyamabikoの動作"), Text("Sources", "出典")
_SURE = Text("Confidence", "確かさ")


def family(id_: str) -> Text:
    """Whose trouble it is: what the book is ordered by."""
    return next((name for name, beginnings in _FAMILIES if id_.startswith(beginnings)), _REST)


# ---- in the terminal ------------------------------------------------------------------------------------------------


def page(about: Article, columns: int = 96, on: Platforms | None = None) -> str:
    """
    One article in the reader's language, for a terminal; ends with a line end.

    Commands are those for `on`, else for the machine that this runs on.
    """
    lines = [f"{about.id} · {_SEVERITY[about.severity]}"]
    told = [(_SYMPTOM, about.symptom), (_CAUSE, about.cause), (_KNOWN_BY, about.known_by)]
    told += [(_MEANWHILE, about.meanwhile)] if about.meanwhile else []
    for title, text in told:
        lines += ["", str(title), *indented(str(text), "  ", columns)]
    if about.remedies:
        lines += ["", str(_REMEDIES)]
    for number, advice in enumerate(about.remedies, 1):
        lines += indented(f"{number}. {_priced(advice, reader_language())}", "  ", columns, "     ")
        remedy = advice.at(here() if on is None else on)
        command = remedy.command if remedy else None
        lines += [f"       {line}".rstrip() for line in (command or "").splitlines()]  # never wrapped: it is copied
    lines += [
        "",
        str(_SOURCES),
        *(line for source in about.sources for line in indented(source, "  ", columns, "    ")),
    ]
    lines += ["", f"{_SURE}: {_CONFIDENCE[about.confidence]}", ""]
    return "\n".join(lines)


def _priced(advice: Advice, language: Language) -> str:
    """With the price, and where it holds if that is not everywhere."""
    parts = [_in(advice.what, language), _in(PRICES[advice.cost], language)]
    parts += [_in(where, language)] if (where := _where(advice)) else []
    return " · ".join(parts)


def _where(advice: Advice) -> Text | None:
    """On which platforms the remedy, or its command, holds; None if on all."""
    if advice.on != EVERYWHERE:
        names = [name for platform, name in _PLATFORMS.items() if platform in advice.on]
        return Text(f"on {', '.join(n.en for n in names)}", f"対象: {'、'.join(n.ja for n in names)}")
    command_on = advice.command_on if advice.command else EVERYWHERE
    if command_on == {"linux"}:
        return Text(
            "command for Linux itself, not inside WSL or a container",
            "コマンドは通常のLinux用（WSLやコンテナーの中では実行しないこと）",
        )
    linux_alone = not command_on & {"windows", "macos"}
    return Text("command for Linux", "コマンドはLinux用") if linux_alone else None


_PLATFORMS = {
    "linux": Text("Linux", "Linux"),
    "wsl": Text("WSL", "WSL"),
    "container": Text("containers", "コンテナー"),
    "windows": Text("Windows", "Windows"),
    "macos": Text("macOS", "macOS"),
}


def indented(text: str, margin: str, columns: int, later: str | None = None) -> list[str]:
    """Lines of at most so many columns: the first behind `margin`, the others behind `later`."""
    later = margin if later is None else later
    wrapped = _wrapped(text, columns - len(later))
    return [f"{later if number else margin}{line}" for number, line in enumerate(wrapped)]


def _wrapped(text: str, columns: int) -> list[str]:
    """Lines of at most so many columns, broken at spaces and between Japanese characters as JIS X 4051 allows."""
    lines, line = [], ""
    for piece in _unbroken(text):
        if line and display_width(line + piece.rstrip()) > columns:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()]


def _unbroken(text: str) -> Iterator[str]:
    """Pieces between which a line may end: a word with its space, or one wide character with what clings to it."""
    start = 0
    for i in range(1, len(text)):
        before, after = text[i - 1], text[i]
        wide = display_width(before) == 2 or display_width(after) == 2
        clings = after == " " or after in NEVER_FIRST or before in NEVER_LAST
        if (before == " " and after != " ") or (wide and not clings):
            yield text[start:i]
            start = i
    yield text[start:]


# ---- the book -------------------------------------------------------------------------------------------------------

_TITLE = Text("Findings", "指摘の一覧")
_PREFACE = Text(
    "Every finding that yamabiko can report, made from `src/yamabiko/diagnosis/articles` by `scripts/write_findings.py`: "
    "edit there. `yamabiko doctor --explain ID` shows one in the terminal. [日本語](findings.ja.md)",
    "yamabikoが報告するすべての指摘です。`scripts/write_findings.py` が `src/yamabiko/diagnosis/articles` から作るので、"
    "修正はそちらで行います。`yamabiko doctor --explain ID` で1件ずつ端末に表示できます。[English](findings.md)",
)


def book(language: Language) -> str:
    """All articles in one language, as Markdown: by family, within it by id, with a list of them at the top."""
    by_family: dict[Text, list[Article]] = {name: [] for name, _ in _FAMILIES}
    by_family[_REST] = []
    for id_ in ids():
        by_family[family(id_)].append(article(id_))
    by_family = {name: articles for name, articles in by_family.items() if articles}
    lines = [f"# {_in(_TITLE, language)}", "", _in(_PREFACE, language), ""]
    for name, articles in by_family.items():
        links = ", ".join(f"[{one.id}](#{_anchor(one.id)})" for one in articles)
        lines.append(f"- **{_in(name, language)}** ({len(articles)}): {links}")
    for name, articles in by_family.items():
        lines += ["", f"## {_in(name, language)}"]
        for one in articles:
            lines += ["", *section(one, language)]
    return "\n".join(lines) + "\n"


def section(about: Article, language: Language) -> Iterator[str]:
    """One article as lines of Markdown."""
    yield f"### {about.id}"
    told = [(_SYMPTOM, about.symptom), (_CAUSE, about.cause), (_KNOWN_BY, about.known_by)]
    told += [(_MEANWHILE, about.meanwhile)] if about.meanwhile else []
    for title, text in told:
        yield ""
        yield f"**{_in(title, language)}:** {_marked_down(_in(text, language))}"
    if about.remedies:
        yield ""
        yield f"**{_in(_REMEDIES, language)}:**"
        yield ""
    for number, remedy in enumerate(about.remedies, 1):
        yield f"{number}. {_marked_down(_priced(remedy, language))}"
        for platform, command in remedy.commands.items():
            yield f"   {_in(_PLATFORMS[platform], language)}: `{command}`"
        if remedy.command:
            yield from (f"   {line}".rstrip() for line in ("```", *remedy.command.splitlines(), "```"))
    yield ""
    yield (
        f"{_in(_SEVERITY[about.severity], language)} · {_in(_SURE, language)}: "
        f"{_in(_CONFIDENCE[about.confidence], language)} · {_in(_SOURCES, language)}: {_linked(about.sources)}"
    )


def _in(text: Text, language: Language) -> str:
    return text.ja if language == "ja" else text.en


def _anchor(id_: str) -> str:
    """As GitHub makes it of a heading."""
    return id_.replace(".", "")


def _linked(sources: Iterable[str]) -> str:
    """`owner/name#12` leads to the issue."""
    linked = (
        re.sub(r"([\w.-]+/[\w.-]+)#(\d+)", r"[\1#\2](https://github.com/\1/issues/\2)", _marked_down(one))
        for one in sources
    )
    return "; ".join(linked)


def _marked_down(text: str) -> str:
    """Nothing in it is a mark of Markdown but `code`."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a lone one, as in quotes of glibc
        return _plain(text).replace("`", "\\`")
    return "`".join(part if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    return re.sub(r"[\\*<>\[\]|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", lambda found: f"\\{found[0]}", text)

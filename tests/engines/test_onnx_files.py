"""What an ONNX file tells without a library. The bytes are those of protocol buffers, written out."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.engines.contract import ModelUnreadable
from yamabiko.engines.onnx_files import metadata

GRAPH = b"\x08\x09" + b"\x3a\x05" + b"graph"  # ir_version = 9, graph = 5 bytes
FACTS = b"\x72\x13" + b"\x0a\x0amodel_type" + b"\x12\x05tiny2"


def test_metadata_is_read_around_the_graph(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(GRAPH + FACTS)
    assert metadata(model) == {"model_type": "tiny2"}
    model.write_bytes(FACTS + GRAPH)
    assert metadata(model) == {"model_type": "tiny2"}
    model.write_bytes(GRAPH)
    assert metadata(model) == {}


@pytest.mark.parametrize("length", range(len(GRAPH)))
def test_what_ends_before_its_graph_does_is_no_model(tmp_path: Path, length: int) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(GRAPH[:length])
    with pytest.raises(ModelUnreadable, match=r"model\.onnx"):
        metadata(model)


@given(st.binary(max_size=200))
def test_no_bytes_do_any_harm(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    model = tmp_path_factory.mktemp("any") / "model.onnx"
    model.write_bytes(content)
    with contextlib.suppress(ModelUnreadable):
        assert isinstance(metadata(model), dict)


def test_a_file_that_is_cut_off_says_how_much_is_there(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(GRAPH + FACTS[:-3])
    with pytest.raises(ModelUnreadable, match="is cut off: 27 bytes of at least 30 are there"):
        metadata(model)

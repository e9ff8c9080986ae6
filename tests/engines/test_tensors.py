"""Files of torch.save read without PyTorch: tensors come out, and nothing that the file holds is run."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from yamabiko.engines.voices import tensors


def saved(path: Path, pickled: bytes, numbers: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, content in (numbers or {}).items():
            archive.writestr(f"archive/data/{key}", content)
    return path


class Evil:
    def __reduce__(self) -> object:
        return (print, ("run!",))


def test_a_file_that_wants_to_call_something_is_refused_and_nothing_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(tensors.NotTensors, match=r"wants to call builtins\.print"):
        tensors.read(saved(tmp_path / "evil.pt", pickle.dumps({"weights": Evil()})))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_what_is_no_such_file_is_called_so(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    file.write_bytes(content)
    with pytest.raises(tensors.NotTensors):
        tensors.read(file)


def test_a_storage_of_another_size_is_refused(tmp_path: Path) -> None:
    """As PyTorch pickles it: the tensor refers to a storage by kind, key and count."""

    class Saver(pickle._Pickler):  # type: ignore[name-defined,misc]  # the one in C asks for a persistent id in the same way
        def persistent_id(self, value: object) -> object:
            return value if isinstance(value, tuple) and value[:1] == ("storage",) else None

    stream = io.BytesIO()
    Saver(stream, 2).dump([("storage", "FloatStorage", "0", "cpu", 3)])
    with pytest.raises(tensors.NotTensors, match="no storage of numbers"):
        tensors.read(saved(tmp_path / "odd.pt", stream.getvalue(), {"0": b"\0" * 12}))

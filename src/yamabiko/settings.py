"""
Every setting: default, unit, help. Read from `YAMABIKO_<NAME>`; flags stand above.

`YAMABIKO_HOME` moves everything that yamabiko keeps to one folder.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import platformdirs

from yamabiko.findings import Finding, Problem
from yamabiko.i18n import Text

GIB = 1024**3


def _setting(default: float, en: str, ja: str) -> Any:
    return field(default=default, metadata={"help": Text(en, ja)})


@dataclass(frozen=True)
class Settings:
    home: Path | None = None

    worker_start_s: float = _setting(60, "longest wait for a worker to start", "ワーカーの起動を待つ上限（秒）")
    worker_load_s: float = _setting(600, "longest wait for a model to load", "モデルの読み込みを待つ上限（秒）")
    worker_first_answer_s: float = _setting(300, "longest wait for the first answer", "最初の応答を待つ上限（秒）")
    worker_silence_s: float = _setting(300, "longest silence between two answers", "応答と応答の間の上限（秒）")
    worker_stop_s: float = _setting(5, "time a worker has to end by itself", "ワーカーが自分で終わるまでの猶予（秒）")
    worker_memory_bytes: int = _setting(
        0, "memory cap of a worker; 0: nine tenths of what is free", "ワーカーのメモリ上限。0なら空きの9割"
    )
    decode_timeout_s: float = _setting(3600, "longest time for decoding one file", "1ファイルのデコード上限（秒）")
    decode_memory_bytes: int = _setting(GIB, "memory cap of the decoder", "デコーダーのメモリ上限（バイト）")
    longest_audio_s: float = _setting(24 * 3600, "longest recording accepted", "受け付ける録音の最大長（秒）")
    live_idle_s: float = _setting(600, "longest silence of a live client", "ライブ接続で何も届かない時間の上限（秒）")
    free_disk_bytes: int = _setting(GIB // 2, "disk space left untouched", "残しておくディスク容量（バイト）")

    @property
    def data_dir(self) -> Path:
        """Engine environments: large, made by us, can be made again."""
        return self._place("data", platformdirs.user_data_path("yamabiko"))

    @property
    def cache_dir(self) -> Path:
        """Models and downloads."""
        return self._place("cache", platformdirs.user_cache_path("yamabiko"))

    @property
    def state_dir(self) -> Path:
        """Journals of unfinished work, and which output came from which input."""
        return self._place("state", platformdirs.user_state_path("yamabiko"))

    @property
    def config_dir(self) -> Path:
        """config.toml."""
        return self._place("config", platformdirs.user_config_path("yamabiko"))

    @property
    def work_dir(self) -> Path:
        """Decoded audio of the file in hand. Not the system's temporary folder, which is often memory."""
        return self.cache_dir / "work"

    def _place(self, name: str, usual: Path) -> Path:
        return self.home / name if self.home else usual


def read(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` asks for. Raises: Problem (setting-invalid)."""
    given: dict[str, object] = {}
    for f in dataclasses.fields(Settings):
        value = environment.get(f"YAMABIKO_{f.name.upper()}")
        if value is None or value == "":
            continue
        given[f.name] = Path(value).expanduser().absolute() if f.name == "home" else _number(f, value)
    return Settings(**given)  # type: ignore[arg-type]


def _number(f: dataclasses.Field[object], value: str) -> float | int:
    try:
        number = float(value)
        if not 0 <= number < float("inf"):
            raise ValueError
    except ValueError:
        name = f"YAMABIKO_{f.name.upper()}"
        help_: Text = f.metadata["help"]
        raise Problem(
            Finding(
                id="setting-invalid",
                severity="error",
                area="usage",
                cause=Text(
                    f"{name} must be a number that is not negative ({help_.en}).",
                    f"{name} は0以上の数でなければなりません（{help_.ja}）。",
                ),
                evidence=(f"environment: {name}={value}",),
            )
        ) from None
    return int(number) if f.type == "int" else number


_adopted: list[Settings] = []


def adopt(settings: Settings) -> None:
    """What holds for this process from now on: the environment, and under it the settings file."""
    _adopted[:] = [settings]


def current() -> Settings:
    """The settings of this process. Raises: Problem (setting-invalid)."""
    return _adopted[0] if _adopted else _of_environment()


@lru_cache(maxsize=1)
def _of_environment() -> Settings:
    return read(os.environ)

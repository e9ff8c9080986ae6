"""
A GPU of AMD (on Linux) or Apple that `auto` leaves alone is told of, with the reason.

One of NVIDIA is tried instead (`profile_choice.gpus_to_try`), and its failure has a cause of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from yamabiko.engines.contract import OWN_BUILD, Card, Placement, Profile
from yamabiko.findings import Finding, Remedy
from yamabiko.gpu_marks import GpuMarks, Maker
from yamabiko.i18n import Text

_SHOWN_BY: dict[Maker, Text] = {
    "amd": Text("/dev/kfd: AMD's compute driver is here", "/dev/kfd: AMDの計算用ドライバーがあります"),
    "apple": Text("platform: macOS, with Apple's GPU", "platform: macOS（AppleのGPU）"),
}
_CALLED: dict[Maker, str] = {"amd": "AMD", "apple": "Apple"}


def left_unused(card: Card, ladder: Sequence[Placement], marks: GpuMarks) -> tuple[Finding, ...]:
    """What is to be told where `auto` became this ladder. Nothing of what computes beside a transcriber."""
    if card.job != "transcribe" or card.for_tests or any(rung.device != "cpu" for rung in ladder):
        return ()
    return tuple(_told(card, maker) for maker in _SHOWN_BY if marks.of(maker))


def _told(card: Card, maker: Maker) -> Finding:
    profile = next((one for one in card.profiles if one.maker == maker), None)
    called, why = _CALLED[maker], _why(card, maker, profile)
    return Finding(
        id="gpu-left-unused",
        severity="info",
        area="device",
        cause=Text(
            f"This machine shows a GPU of {called}, and {card.name} computes on the CPU. {why.en}",
            f"このマシンには {called} のGPUがありますが、{card.name} はCPUで処理します。{why.ja}",
        ),
        evidence=(str(_SHOWN_BY[maker]),),
        remedies=(
            Remedy(Text("Stay with the CPU, and hear no more of it", "CPUのまま使う（この通知も出なくなります）"), "--device cpu"),
            *_make(card, profile),
            Remedy(
                Text("See which engines may use it", "このGPUを使える可能性のあるエンジンを確認する"),
                "yamabiko engines recommend",
                "effort",
            ),
        ),
    )  # fmt: skip


def _why(card: Card, maker: Maker, profile: Profile | None) -> Text:
    if profile is not None:
        return Text(
            f"The environment that may use it ({profile.name}) is made on request alone; we never ran it on such a GPU.",
            f"このGPU用の環境（{profile.name}）は指定されたときだけ作ります。GPUでの動作は未確認です。",
        )
    return card.why_without(OWN_BUILD[maker]) or Text("It has no environment for one.", "このGPU用の環境はありません。")


def _make(card: Card, profile: Profile | None) -> tuple[Remedy, ...]:
    if profile is None:
        return ()
    what = Text("Make that environment, and try", "その環境を作って試す")
    return (Remedy(what, f"yamabiko engines install {card.name} --profile {profile.name}", "effort"),)

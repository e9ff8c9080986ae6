"""WhisperX: what its parts, pyannote's models and Lightning, do to each other."""

from __future__ import annotations

from yamabiko.diagnosis.checks.contract import ABSENT, UNTOLD, Check, Sign, absent, anywhere, present, version
from yamabiko.diagnosis.facts.records import Environment, Facts
from yamabiko.diagnosis.tables import LIGHTNING_LETS_TORCH_CHOOSE, PYANNOTE_LOADS_WHOLE_CHECKPOINTS

_LIGHTNING = ("lightning", "lightning-fabric", "pytorch-lightning")


def _weights_only(facts: Facts) -> Sign:
    if facts.variables.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "") in ("1", "y", "yes", "true"):
        return absent("environment: TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set")
    return anywhere((e for e in facts.environments if e.version("pyannote-audio")), _with_restricted_loading)


def _with_restricted_loading(environment: Environment) -> Sign:
    pyannote, torch = environment.version("pyannote-audio") or "", environment.version("torch")
    lightning = [(name, found) for name in _LIGHTNING if (found := environment.version(name))]
    if version(pyannote) >= version(PYANNOTE_LOADS_WHOLE_CHECKPOINTS):
        return absent(f"pyannote-audio: {pyannote} loads whole checkpoints")
    if torch is None or not lightning:
        return UNTOLD
    new = [(name, found) for name, found in lightning if version(found) >= version(LIGHTNING_LETS_TORCH_CHOOSE)]
    if version(torch) < (2, 6) or not new:
        return ABSENT
    return present(f"pyannote-audio: {pyannote}", *(f"{name}: {found}" for name, found in new), f"torch: {torch}")


CHECKS = (
    Check(
        "whisperx-vad-checkpoint-weights-only",
        words=(r"Unsupported global: GLOBAL (?:omegaconf\.|pyannote\.audio\.|torch\.torch_version\.TorchVersion)",),
        look=_weights_only,
    ),
)

"""
Does an engine do its work here? Tried with recordings whose text we know, through the same walk as any recording.

"Installed" says that files are there. A verification says what was heard, how
far that is from what was said, and on which device, with the receipts.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from yamabiko.diagnosis import fixes
from yamabiko.diagnosis.checkup import climb
from yamabiko.diagnosis.facts.gather import gather
from yamabiko.diagnosis.labels import rung_name, rung_said
from yamabiko.diagnosis.probes import Place
from yamabiko.engines import catalog, environments, models, naming
from yamabiko.engines.contract import Card, Placement, Profile
from yamabiko.engines.environments import Environment
from yamabiko.engines.models.own_folders import as_path, recognised
from yamabiko.engines.profile_choice import choose_profile, gpus_to_try
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.gpu_marks import gpu_marks
from yamabiko.i18n import Text
from yamabiko.scheduling.ladder import parse_device, plan
from yamabiko.scheduling.pool import Outfit, Pool
from yamabiko.scheduling.setup import usable_threads
from yamabiko.settings import Settings
from yamabiko.speech import Receipt
from yamabiko.transcription.trials import Found, Trial
from yamabiko.transcription.verification_checks import Check, device_check
from yamabiko.transcription.workspace import workspace

Report = Callable[[Text, int, int], None]


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of trying one engine from one environment."""

    engine: str
    profile: str
    checks: tuple[Check, ...]
    receipts: tuple[Receipt, ...] = ()
    """One a recording."""
    texts: tuple[str, ...] = ()
    """What was heard in each; none from a speech finder."""
    problem: Finding | None = None
    """What ended it early."""

    @property
    def ok(self) -> bool:
        return self.problem is None and bool(self.checks) and all(check.ok for check in self.checks)

    @property
    def finding(self) -> Finding | None:
        """Why it failed; None if it did not."""
        return self.problem or (None if self.ok else _failed(self))


def verify(
    card: Card, settings: Settings, *, profile: str | None = None, device: str = "auto",
    model: str | None = None, report: Report = lambda *_: None, probing: bool = True,
    trust_model: bool = False, trust_pickle: bool = False,
) -> Verification:  # fmt: skip
    """
    Try the engine from the environment of `profile` (by default the one for `device`). Fetches nothing.

    `model`: a name or a path, instead of the engine's usual one; `trust_model`, `trust_pickle`: as in a Wish.
    `probing`: False where the doctor's probes have been there already.

    What is wrong with the engine, its environment or its model stands in the answer.
    Raises: Problem for what was asked wrongly (device-unknown, engine-profile-unknown, device-not-supported ...).
    """
    family, index = parse_device(device)
    chosen = _profile(card, profile, device, settings)
    which, which_ja = (f" ({chosen.name})", f"（{chosen.name}）") if card.profiles else ("", "")
    told = Text(f"verifying {card.name}{which}", f"{card.name}{which_ja}を検証中")
    attempt = _Attempt(
        card, chosen, device, model, settings, lambda done, total: report(told, done, total), probing,
        trust_model=trust_model, trust_pickle=trust_pickle,
    )  # fmt: skip
    try:
        attempt.run(family, index)
    except Problem as problem:
        if problem.finding.area == "usage":
            raise
        return attempt.result(problem.finding)
    return attempt.result(None)


def _profile(card: Card, name: str | None, device: str, settings: Settings) -> Profile:
    """Raises: Problem (engine-profile-unknown, engine-profile-device)."""
    if name is None or not card.profiles:
        return choose_profile(card, device, gpu_marks(), environments.has(card, settings))
    chosen = environments.profile_of(card, name)
    family = parse_device(device)[0]
    if family != "auto" and family not in chosen.devices:
        raise Problem(
            Finding(
                id="engine-profile-device",
                severity="error",
                area="usage",
                cause=Text(
                    f"The environment {card.name} ({name}) is not made for {device}.",
                    f"{card.name}（{name}）の環境は {device} 用ではありません。",
                ),
                evidence=(f"card: {name} is for {', '.join(chosen.devices)}",),
                remedies=(Remedy(Text("Let yamabiko choose the environment", "環境の選択を任せる"), "--device auto"),),
            )
        )
    return chosen


class _Attempt:
    """One verification on its way: what is known when it ends early is not lost."""

    def __init__(
        self, card: Card, profile: Profile, device: str, model: str | None, settings: Settings,
        progress: Callable[[int, int], None], probing: bool, *, trust_model: bool, trust_pickle: bool,
    ) -> None:  # fmt: skip
        self.card, self.profile, self.device, self.settings, self.progress = card, profile, device, settings, progress
        self.wanted_model = model or card.default_model
        self.probing, self.trust_model, self.trust_pickle = probing, trust_model, trust_pickle
        self.found = Found()

    def result(self, problem: Finding | None) -> Verification:
        found = self.found
        return Verification(
            self.card.name, self.profile.name, tuple(found.checks), tuple(found.receipts), tuple(found.texts), problem
        )

    def run(self, family: str, index: int | None) -> None:
        marks = gpu_marks()
        self.progress(0, 0)
        gpus = gpus_to_try(self.card, marks, environments.has(self.card, self.settings))
        rungs = plan(self.card, self.device, "auto", gpus=gpus, may_fall=family == "auto")
        rungs = tuple(rung for rung in rungs if not self.card.profiles or rung.device in self.profile.devices)
        environment = self._environment()
        self._climb(environment, rungs[0])
        with naming.named_for(self.card):
            model, name, revision = self._model()
        homes = {rung.device: environment for rung in rungs}
        kept = fixes.variables(self.settings)
        outfit = Outfit(self.card, homes, model, name, revision, rungs, index, usable_threads(), kept)
        with Pool(self.settings) as pool, workspace(self.settings) as folder:
            apart = dataclasses.replace(self.settings, home=folder)
            Trial(outfit, pool, apart, self.device, self.progress, self.found).run()
        if self.found.receipts:
            self.found.checks.append(device_check(self.found.receipts, self.device, self.profile, marks))

    def _environment(self) -> Environment:
        """Raises: Problem (engine-not-installed, engine-environment-broken)."""
        state = environments.state(self.card, self.settings, self.profile.name, thorough=True)
        if state.why:
            raise Problem(state.why)
        environment = environments.require(self.card, self.settings, self.profile.name)
        whole = Text(
            f"{environment}: every file is what its package says",
            f"{environment}: すべてのファイルがパッケージの記録と一致",
        )
        own = Text(f"{environment}, Python {state.python}", f"yamabiko 自身の Python {state.python}")
        managed = environment.origin == "managed"
        self.found.checks.append(Check(Text("environment", "環境"), True, whole if managed else own))
        return environment

    def _climb(self, environment: Environment, best: Placement) -> None:
        """
        The doctor's probes: does it load, does it compute? Raises: Problem, where nothing above can work.

        A device that was not asked for by name may fail: the recordings show what is used instead.
        """
        if environment.origin != "managed" or not self.probing:
            return
        variables = fixes.variables(self.settings)
        place = Place(environment.path.name, environment.python, environment.library_paths, variables)
        for rung, why, _ in climb(self.card, place, best, lambda: gather(self.settings).of_engine(self.card.name)):
            self.found.checks.append(Check(rung_name(rung.what), rung.well, rung_said(rung)))
            if why is not None and (rung.what == "load" or self.device != "auto"):
                raise Problem(why)

    def _model(self) -> tuple[str, str, str | None]:
        """
        Path, name, revision. A folder of the user's is held against the pinned models, as when transcribing.

        Raises: Problem (model-not-here, model-wrong-hash, model-differs-from-known, model-carries-code).
        """
        model_format = self.card.model_format
        if model_format is None or self.wanted_model is None:
            return "", "none", None
        local = models.require(self.wanted_model, format=model_format, settings=self.settings)
        models.refuse_unknown(
            local, model_format, trust_model=self.trust_model, trust_pickle=self.trust_pickle,
            instead=models.Instead(self.card.default_model),
        )  # fmt: skip
        if local.origin == "path":
            with contextlib.suppress(Problem):  # a known model's size and other bytes, and trusted
                local = recognised(local, model_format)
        self.found.checks.append(Check(Text("model", "モデル"), True, model_told(local, model_format)))
        return str(local.path), local.name, local.revision


def model_told(local: models.LocalModel, model_format: str) -> Text:
    """
    What its hashes are worth. `local`: as `recognised`, where it is one of the user's.

    One of the user's without hashes is not what it looks like, and trusted.
    """
    if local.origin == "path" and local.pinned:
        name = _pinned_as(local, model_format)
        return Text(
            f"yours, the bytes of {name}, as pinned: {local.path}",
            f"ご自身のもの（{name} の固定値と一致）: {local.path}",
        )
    if local.origin == "path" and not all(file.sha256 for file in local.files):
        return Text(
            f"yours, as you say, with a known model's size and other bytes: {local.path}",
            f"ご自身のもの（既知のモデルと大きさが同じで中身は別、指定により使用）: {local.path}",
        )
    if local.origin == "path":
        return Text(f"yours, held against no hash: {local.path}", f"ご自身のもの（ハッシュは照合せず）: {local.path}")
    known = Text("as pinned", "固定値と一致") if local.pinned else Text("not pinned", "固定値なし")
    return Text(f"{local.name}, {known.en}: {local.path}", f"{local.name}（{known.ja}）: {local.path}")


def _pinned_as(local: models.LocalModel, model_format: str) -> str:
    """The pinned model whose bytes it has."""
    has = {file.sha256 for file in local.files}
    return next(
        entry.name
        for entry in models.catalogue().models
        if entry.pinned and entry.format == model_format and has.issuperset(file.sha256 for file in entry.files)
    )


def _failed(verification: Verification) -> Finding:
    name = verification.engine
    wrong = [check for check in verification.checks if not check.ok]
    model = next((receipt.model for receipt in verification.receipts if receipt.model != "none"), None)
    check_model = Remedy(
        Text("Check the model's files", "モデルのファイルを確かめる"),
        f"yamabiko models verify {model}{_format_of(model, name) if model else ''}",
    )
    return Finding(
        id="engine-verification-failed",
        severity="error",
        area="engine",
        cause=Text(
            f"{name} ({verification.profile}) ran, but did not do what it should: "
            f"{', '.join(check.name.en for check in wrong)}.",
            f"{name}（{verification.profile}）は動きましたが、結果が正しくありません"
            f"（{'、'.join(check.name.ja for check in wrong)}）。",
        ),
        evidence=tuple(f"{check.name.en}: {check.evidence.en}" for check in wrong),
        remedies=(
            *((check_model,) if model else ()),
            Remedy(Text("Make its environment anew", "環境を作り直す"), f"yamabiko engines repair {name}", "effort"),
        ),
    )


def _format_of(model: str, engine: str) -> str:
    """A path says nothing of its format; a name does."""
    return "" if as_path(model, None) is None else f" --format {catalog.card(engine).model_format}"

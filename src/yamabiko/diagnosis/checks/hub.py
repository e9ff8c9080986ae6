"""The model hub's client, huggingface_hub, and those that call it: tokens, permissions, stalls, offline."""

from __future__ import annotations

from yamabiko.diagnosis.checks.contract import ABSENT, UNTOLD, Check, Sign, absent, anywhere, never, present, version
from yamabiko.diagnosis.checks.torch_packages import among, older
from yamabiko.diagnosis.facts.records import Environment, Facts
from yamabiko.diagnosis.tables import (
    HF_XET_WITHOUT_STALL,
    HUB_WITHOUT_USE_AUTH_TOKEN,
    PYANNOTE_TOKEN,
    SPEECHBRAIN_TOKEN,
    WHISPERX_TOKEN,
)

_TRUE = ("1", "ON", "YES", "TRUE")
"""As huggingface_hub reads its switches: constants.py, in upper case."""


def _is_on(facts: Facts, name: str) -> bool:
    return facts.variables.get(name, "").upper() in _TRUE


def _token_name(facts: Facts) -> Sign:
    return among(facts, "huggingface-hub", _token_name_in)


def _token_name_in(environment: Environment) -> Sign:
    hub, pyannote = environment.version("huggingface-hub"), environment.version("pyannote-audio")
    lines = []
    if hub is not None and version(hub) >= version(HUB_WITHOUT_USE_AUTH_TOKEN):
        said = f"gives use_auth_token to huggingface-hub {hub}, which takes only token"
        lines += [
            f"package: {name} {found} {said}"
            for name, mended in (("pyannote-audio", PYANNOTE_TOKEN), ("speechbrain", SPEECHBRAIN_TOKEN))
            if (found := older(environment, name, mended))
        ]
    whisperx = environment.version("whisperx")
    if whisperx is not None and pyannote is not None:
        new_caller, new_called = (
            version(whisperx) >= version(WHISPERX_TOKEN),
            version(pyannote) >= version(PYANNOTE_TOKEN),
        )
        if new_caller != new_called:
            given, taken = ("token", "use_auth_token") if new_caller else ("use_auth_token", "token")
            lines.append(
                f"package: whisperx {whisperx} gives {given} to pyannote-audio {pyannote}, which takes {taken}"
            )
    if lines:
        return present(*lines)
    old_throughout = not (hub is None or version(hub) >= version(HUB_WITHOUT_USE_AUTH_TOKEN)) and (
        pyannote is None or version(pyannote) < version(PYANNOTE_TOKEN)
    )
    return absent(f"package: huggingface-hub {hub} takes both names") if old_throughout else UNTOLD


def _permission(facts: Facts) -> Sign:
    """Only the hub knows; whether a token is given is a hint."""
    given = [name for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if name in facts.variables]
    return Sign(None, (f"environment: {given[0]} is set" if given else "environment: HF_TOKEN is not set",))


def _stall(facts: Facts) -> Sign:
    if _is_on(facts, "HF_HUB_DISABLE_XET"):
        return absent("environment: HF_HUB_DISABLE_XET is on")
    return anywhere(facts.environments, _stall_in)


def _stall_in(environment: Environment) -> Sign:
    if environment.version("hf-xet") is None:
        return ABSENT
    found = older(environment, "hf-xet", HF_XET_WITHOUT_STALL)
    return present(f"package: hf-xet {found}, older than {HF_XET_WITHOUT_STALL}") if found else UNTOLD


def _offline(facts: Facts) -> Sign:
    on = [name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if _is_on(facts, name)]
    if on:
        return present(*(f"environment: {name}={facts.variables[name]}" for name in on))
    return Sign(
        None, ("environment: neither HF_HUB_OFFLINE nor TRANSFORMERS_OFFLINE is on: the program itself asked so",)
    )


_HUB = r"(?:[\w.-]+\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com)\b"
_POOL = r"(?:\(?MaxRetryError\(['\"])?\(?HTTPS?ConnectionPool\(host='"
_REFUSED = r"(?!.*CERTIFICATE_VERIFY_FAILED)"
_UNKNOWN = (
    r".SSL: CERTIFICATE_VERIFY_FAILED. certificate verify failed: (?:unable to get (?:local )?issuer|self[- ]signed)"
)

CHECKS = (
    Check(
        "hub-unreachable",
        sure_words=(
            rf"{_POOL}{_HUB}'{_REFUSED}.{{0,400}}(?:Max retries exceeded|timed out)",
            rf"50[0234] Server Error: .{{0,80}} for url: https?://{_HUB}",
            rf"Server error '50[0234] .{{0,60}}' for url 'https?://{_HUB}",
            rf"We couldn't connect to 'https?://{_HUB}",
            r"An error happened while trying to locate the files? on the Hub and we cannot find",
        ),
        words=(
            r"\(?'?Connection aborted\.', \w*Error\(",
            r"(?:\[Errno 104\] )?Connection reset by peer",
            r"\(?'?(?:Cannot|Unable to) connect to proxy",
            r"Tunnel connection failed: \d+",
            r"(?:40[37]|50[234]) (?:Forbidden|Proxy Authentication|Bad Gateway|Service Unavailable|Gateway Time-?out)",
            r"(?:\[Errno -[235]\] )?(?:Temporary failure in name resolution|Name or service not known)",
        ),
        whose=(r"huggingface_hub|\bhf_hub|[/\\]transformers[/\\]utils[/\\]hub",),
    ),
    Check(
        "certificate-unknown",
        words=(
            rf"(?:<urlopen error )?{_UNKNOWN}",
            rf"(?:Could not fetch URL \S+ There was a problem confirming the ssl certificate: )?{_POOL}.{{0,400}}{_UNKNOWN}",
        ),
        words_suffice=True,
    ),
    Check(
        "hf-use-auth-token-removed",
        sure_words=(r"(?:hf_hub_download|snapshot_download)\(\) got an unexpected keyword argument 'use_auth_token'",),
        words=(
            r"(?:\w+\.)?(?:from_pretrained|from_hparams)\(\) got an unexpected keyword argument 'use_auth_token'",
            r"(?:Pipeline|Model)\.from_pretrained\(\) got an unexpected keyword argument 'token'",
        ),
        whose=(r"pyannote|speechbrain|whisperx|huggingface_hub",),
        look=_token_name,
    ),
    Check(
        "pyannote-gated-or-private",
        sure_words=(
            r"Cannot access gated repo for url",
            r"You are trying to access a gated repo",
            r"Repository Not Found for url: http",
            r"It might be because the (?:pipeline|model|repository) is private or gated",
            r"[\w.]*GatedRepoError\b",
            r"[\w.]*RepositoryNotFoundError\b",
        ),
        # As well a name with a typing error, or a folder that is not there.
        words=(r"\S+ is not a local folder and is not a valid model identifier listed on",),
        look=_permission,
    ),
    Check(
        "hf-xet-stall",
        words=(
            r"Downloading \(incomplete total\.\.\.\)(?!:\s+100%)",
            r"Fetching \d+ files:\s+(?!100)\d+%\|",
            r"\S*\.(?:safetensors|bin|pt|pth|ckpt|onnx|gguf|nemo|tar):\s+(?!100)\d+%\|",
        ),
        stalled=(r"(?:Downloading|Fetching|\S+\.\w{1,12}:)[^|]*(?<!100)%\|.*\b0\.00B/s",),
        # Bars of other files, which may be full.
        then_only=(r"(?:Downloading \(incomplete|Fetching \d+ files|\S+\.\w{1,12}:\s+\d+%\|)",),
        endings=("silent", "SIGKILL"),
        needs_ending=True,
        look=_stall,
        by_itself=never,
    ),
    Check(
        "hf-offline-cache-miss",
        words=(
            r"Cannot find .{0,200}\bon the local disk and outgoing traffic has been disabled",
            r"Cannot find .{0,200}\bcache.{0,80}outgoing traffic has been disabled",
            r"Cannot reach http\S+ offline mode is enabled",
            r"[\w.]*\bOfflineModeIsEnabled\b",
        ),
        words_suffice=True,
        look=_offline,
        by_itself=never,
    ),
)

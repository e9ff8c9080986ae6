"""What opens a door: tokens that their shape betrays, and whatever stands behind a word such as “password”."""

from __future__ import annotations

import re

_SHAPES = (
    (re.compile(r"\bhf_[A-Za-z0-9]{8,}"), "hf_***"),
    (re.compile(r"\b(?:sk|ghp|gho|ghs|ghu|ghr|github_pat|glpat|npm|xox[abeprs])[-_][A-Za-z0-9_-]{8,}"), "***"),
    (re.compile(r"\b(?:pypi-|dckr_pat_|r8_|nvapi-|gsk_|rpa_|dop_v1_|tskey-|hvs\.|pplx-|xai-)[A-Za-z0-9_-]{16,}"), "***"),
    (re.compile(r"\bAIza[A-Za-z0-9_-]{10,}|\bya29\.[A-Za-z0-9_-]{10,}"), "***"),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{8,}"), "***"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,4}"), "***"),
    # A maker that is not named above: a short word, then twenty letters of both cases with digits among them.
    (
        re.compile(
            r"(?<![\w./+-])[a-z][a-z0-9]{1,9}[-_](?:[a-z0-9]{1,6}[-_]){0,2}"
            r"(?=[A-Za-z]*\d)(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{20,}(?![\w.-])"
        ),
        "***",
    ),
    (re.compile(r"//[^/@\s]+@"), "//***@"),
    (re.compile(r"\b(GPU|MIG)-[0-9a-f]{8}-[0-9a-f-]{20,}"), r"\1-***"),
)  # fmt: skip

_NAME = (
    r"(?:token|secret|passw(?:or)?d|passphrase|pwd|api[-_]?key|access[-_]?key(?:[-_]?id)?|secret[-_]?key"
    r"|account[-_]?key|private[-_]?key|client[-_]?secret|cookie|credentials?|signature)"
)
_PASSWORD = r"(?<![A-Za-z])(?:passw(?:or)?d|passphrase|passcode|pwd)"
_KEY = r"(?:token|secret|(?:api|access|private|account)[ _-]?key|credentials?)"
_NO_PASSWORD = (
    r"(?!\*{3}|(?:is|was|are|were|be|been|must|may|can|cannot|has|had|have|for|of|to|and|or|in|on|at|by|from|with|not"
    r"|no|none|null|true|false|the|a|an|authentication|prompt|file|hash|manager|required|needed|missing|wrong|invalid"
    r"|incorrect|expired|empty|unset|set|given|accepted|refused|rejected|denied|changed|found|too|protected)\b)"
)
"""Behind “password” and “password is” these are the sentence's own words."""
_BEHIND_WORDS = (
    (re.compile(rf"(?i)({_PASSWORD}(?:\s+(?:is|was|are|=))?\s+){_NO_PASSWORD}(?:\"[^\"]*\"|'[^']*'|[^\s\"'&;,):/\\]+)"), r"\1***"),
    (re.compile(r"((?:パスワード|合言葉|パスフレーズ)\s*(?:は|が|を|:|=|：)?\s*[「『]?)[\x21-\x7e]{3,}"), r"\1***"),
    # Logs of speech engines speak of tokens all day: here what follows must look like a secret.
    (
        re.compile(
            rf"(?i)((?<![A-Za-z]){_KEY}(?:\s+(?:is|was|are|=|[a-z]+:))?\s+[\"']?)"
            r"(?=[a-z_.-]*\d)(?=[\d_.-]*[a-z])[a-z0-9_.+/-]{16,}(?![a-z0-9_])"
        ),
        r"\1***",
    ),
    (re.compile(r"((?:トークン|キー|鍵)\s*(?:は|が|を|:|=|：)\s*[「『]?)[A-Za-z0-9_.+/-]{12,}"), r"\1***"),
)  # fmt: skip

_SECRETS = (
    (re.compile(r"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token|digest)\s+)?)[^\s\"']+"), r"\1***"),
    (re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"), r"\1***"),
    # True, None and small numbers are no secrets: use_auth_token=True, eot_token=50257
    (
        re.compile(
            rf"(?i)((?<![A-Za-z])[\w.-]*{_NAME}[\"']?\s*[=:]\s*)"
            r"(?!(?:true|false|none|null|\d{1,6})\b)(?:\"[^\"]*\"|'[^']*'|[^\s\"'&;,)]+)"
        ),
        r"\1***",
    ),
    (re.compile(rf"(?i)(--?[\w-]*{_NAME}\s+)[^\s-]\S*"), r"\1***"),
    (re.compile(r"(?i)([?&][\w.-]*(?:key|sig|credential|code|auth|session|user|login)[\w.-]*=)[^&\s\"']+"), r"\1***"),
    # The secret of such a key: 40 letters of both cases and digits, which a commit's hash never is.
    (
        re.compile(
            r"(?<![\w/+=.-])(?=[A-Za-z0-9/+]*[a-z])(?=[A-Za-z0-9/+]*[A-Z])(?=[A-Za-z0-9/+]*\d)[A-Za-z0-9+][A-Za-z0-9/+]{39}(?![\w/+=.-])"
        ),
        "***",
    ),
    *_BEHIND_WORDS,
)  # fmt: skip


def without_tokens(text: str) -> str:
    """Without what is known for a secret by its shape alone, wherever it stands."""
    for pattern, instead in _SHAPES:
        text = pattern.sub(instead, text)
    return text


def without_secrets(text: str) -> str:
    """Of free text: without what its words say is secret."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def path_without_secrets(path: str) -> str:
    """Somebody may have named a folder so."""
    for pattern, instead in _BEHIND_WORDS:
        path = pattern.sub(instead, path)
    return path

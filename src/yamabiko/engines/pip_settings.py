"""
The settings that a person made for pip, and what they mean to uv.

Who reaches the package index through a mirror, a proxy or a company certificate
has told pip so, and should not have to say it twice. pip itself may be absent,
so its files are read here, with pip's own precedence.

Source: pip 26.3, `_internal/configuration.py` (which files, which order) and
`_internal/cli/parser.py` (sections, lists, empty values); uv's reference of
environment variables and configuration files.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yamabiko.engines import uv_problems
from yamabiko.findings import Finding, Problem, Remedy
from yamabiko.i18n import Text

PIP_TIMEOUT_S = 15.0
"""pip's own default for a silent connection."""

_WANTED = (
    "index-url",
    "extra-index-url",
    "find-links",
    "cert",
    "client-cert",
    "trusted-host",
    "no-index",
    "proxy",
    "timeout",
)
_ALIASES = {"pypi-url": "index-url", "default-timeout": "timeout"}
_TRUE, _FALSE = ("y", "yes", "t", "true", "on", "1"), ("n", "no", "f", "false", "off", "0")


@dataclass(frozen=True)
class PipSettings:
    """Where packages come from. URLs may carry credentials: show them only through `mask`."""

    index_urls: tuple[str, ...]
    """The default index first; empty where `no_index`."""
    find_links: tuple[str, ...] = ()
    """Folders or pages that list files."""
    cert: str | None = None
    """A file of CA certificates that replaces the usual ones."""
    no_index: bool = False
    trusted_hosts: tuple[str, ...] = ()
    """`host` or `host:port` whose certificate is not checked."""
    timeout_s: float = PIP_TIMEOUT_S
    """Longest silence of a connection."""
    proxy: str | None = None
    client_cert: str | None = None
    """One file with the private key and the certificate."""
    origins: tuple[str, ...] = ()
    """What was set and where, without credentials: evidence for a Finding."""


def mask(text: str) -> str:
    """`text` without the credentials of the URLs in it. A user name goes too: it is often a token."""
    return re.sub(r"(?<=://)[^/\s]+@", "****@", text)


def read_pip_settings(environ: Mapping[str, str], prefix: str = sys.prefix) -> PipSettings:
    """
    What `pip install` would use when run by the interpreter of `prefix`.

    Where pip has no index of its own, uv's default (and its own settings) fill
    the place, so all of yamabiko asks the same index. No network.

    Raises: Problem (pip-settings-unreadable, installer-missing, installer-failed, engine-python-unusable).
    """
    return merge(config_files(environ, prefix), environ)


def config_files(environ: Mapping[str, str], prefix: str) -> tuple[Path, ...]:
    """pip's configuration files, the weakest first. They need not exist."""
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return ()
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    folders = list(_system_folders(environ))
    if not (chosen and os.path.exists(chosen)):  # a file chosen by the user stands in place of the user's own
        folders += _user_folders(environ)
    files = [folder / name for folder in folders] + [Path(prefix) / name]
    return (*files, Path(chosen)) if chosen else tuple(files)


def _system_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    if sys.platform == "win32":
        return (Path(environ.get("PROGRAMDATA", r"C:\ProgramData")) / "pip",)
    if sys.platform == "darwin":
        return (Path("/Library/Application Support/pip"),)
    listed = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    return (*(Path(folder) / "pip" for folder in listed.split(os.pathsep) if folder), Path("/etc"))


def _user_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The legacy folder, then the one of today."""
    home = _home(environ)
    if sys.platform == "win32":
        return home / "pip", Path(environ.get("APPDATA") or home / "AppData/Roaming") / "pip"
    support = home / "Library/Application Support/pip"
    if sys.platform == "darwin":
        return home / ".pip", support if support.is_dir() else home / ".config/pip"
    return home / ".pip", Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip"


def _home(environ: Mapping[str, str]) -> Path:
    given = environ.get("USERPROFILE" if sys.platform == "win32" else "HOME")
    return Path(given) if given else Path.home()


def merge(files: Sequence[Path], environ: Mapping[str, str]) -> PipSettings:
    """
    The settings of these files, the weakest first, and of `PIP_*`, which stands above them.

    As in pip, [install] of any file stands above [global] of any other, and an
    empty value takes away what a weaker file says in the same section.
    """
    sections: dict[str, dict[str, tuple[str, str]]] = {"global": {}, "install": {}, "environment": {}}
    for file in files:
        parser = _parsed(file)
        for section in ("global", "install"):
            if parser.has_section(section):
                for key, value in parser.items(section):
                    sections[section][_key(key)] = (value, f"{file} [{section}]")
    for name, value in environ.items():
        if name.startswith("PIP_"):
            sections["environment"][_key(name[4:])] = (value, f"environment {name}")
    found: dict[str, tuple[str, str]] = {}
    for values in sections.values():
        found.update({key: value for key, value in values.items() if key in _WANTED and value[0].strip()})
    return _settings(found, environ)


class _Parser(configparser.RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr.lower().replace("_", "-").removeprefix("--")


def _key(name: str) -> str:
    normal = name.lower().replace("_", "-").removeprefix("--")
    return _ALIASES.get(normal, normal)


def _parsed(file: Path) -> _Parser:
    parser = _Parser()
    try:
        parser.read(file, encoding="utf-8" if sys.flags.utf8_mode else None)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise _unreadable(f"{file}: {error}") from None
    return parser


def _unreadable(evidence: str) -> Problem:
    return Problem(
        Finding(
            id="pip-settings-unreadable",
            severity="error",
            area="engine",
            cause=Text(
                "A setting made for pip could not be read, so we do not know where packages come from.",
                "pip の設定を読み取れないため、パッケージの取得元が分かりません。",
            ),
            evidence=(mask(f"pip settings: {' '.join(evidence.split())}"),),
            remedies=(
                Remedy(Text("See what pip itself says about it", "pip 自身の表示を確かめる"), "pip config debug"),
                Remedy(
                    Text("Leave all pip configuration files unread", "pip の設定ファイルを読み込まずに実行する"),
                    f"PIP_CONFIG_FILE={os.devnull} yamabiko ...",
                ),
            ),
        )
    )


def _settings(found: Mapping[str, tuple[str, str]], environ: Mapping[str, str]) -> PipSettings:
    def one(key: str) -> str | None:
        return found[key][0].strip() if key in found else None

    def many(key: str) -> tuple[str, ...]:
        return tuple((one(key) or "").split())

    def path(key: str) -> str | None:
        value = one(key)
        return os.path.abspath(_expanded(value, environ)) if value else None

    no_index = _flag(found, "no-index")
    index_url = one("index-url")
    indexes: tuple[str, ...] = ()
    if not no_index:
        own = (_location(index_url, environ),) if index_url else uv_index_urls(environ)
        indexes = own + tuple(_location(url, environ) for url in many("extra-index-url"))
    return PipSettings(
        index_urls=tuple(dict.fromkeys(indexes)),
        find_links=tuple(_location(link, environ) for link in many("find-links")),
        cert=path("cert"),
        no_index=no_index,
        trusted_hosts=many("trusted-host"),
        timeout_s=_number(found, "timeout", PIP_TIMEOUT_S),
        proxy=one("proxy"),
        client_cert=path("client-cert"),
        origins=tuple(mask(f"{key} = {' '.join(value.split())} ({origin})") for key, (value, origin) in found.items()),
    )


def _expanded(value: str, environ: Mapping[str, str]) -> Path:
    if value == "~" or value.startswith("~/"):
        return _home(environ) / value[2:]
    return Path(value)


def _location(given: str, environ: Mapping[str, str]) -> str:
    """A URL as it is; a folder absolute, since uv will run elsewhere. As in pip, ~ is home only if it is there."""
    if "://" in given or given.startswith("file:"):
        return given
    expanded = _expanded(given, environ)
    return os.path.abspath(expanded if expanded.exists() else given)


def _flag(found: Mapping[str, tuple[str, str]], key: str) -> bool:
    value, origin = found.get(key, ("no", ""))
    if value.strip().lower() not in _TRUE + _FALSE:
        raise _unreadable(f"{origin}: {key} = {value} is neither yes nor no")
    return value.strip().lower() in _TRUE


def _number(found: Mapping[str, tuple[str, str]], key: str, default: float) -> float:
    value, origin = found.get(key, (str(default), ""))
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise _unreadable(f"{origin}: {key} = {value} is not a number of seconds")
    return number


# ---- uv -------------------------------------------------------------------------------------------------------------

_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
_TIMEOUT_VARIABLES = ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT")
_PROXY_VARIABLES = tuple(n for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY") for n in (name, name.lower()))
_OWN_TLS_VARIABLES = ("SSL_CERT_FILE", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS")


@dataclass(frozen=True)
class UvSettings:
    """What to add to uv's environment and to its command line; credentials only ever in the environment."""

    environment: dict[str, str]
    arguments: tuple[str, ...] = ()


def for_uv(settings: PipSettings, environ: Mapping[str, str]) -> UvSettings:
    """pip's settings in uv's words, each only where uv has none of its own (`UV_*`, or a uv.toml)."""
    own = _uv_file_keys(environ)
    given: dict[str, str] = {}
    arguments: tuple[str, ...] = ()
    if not _any(environ, _INDEX_VARIABLES) and not own & {"index", "index-url", "extra-index-url", "no-index"}:
        if settings.no_index:
            arguments = ("--no-index",)  # uv reads no variable for it
        elif settings.index_urls:
            # uv asks its default last of all; who has an index-url has it before what is beside it.
            *first, last = settings.index_urls
            given["UV_DEFAULT_INDEX"] = last
            if first:
                given["UV_INDEX"] = " ".join(map(_without_space, first))
    if settings.find_links and not _any(environ, ("UV_FIND_LINKS",)) and "find-links" not in own:
        # The variable is a list between commas.
        given["UV_FIND_LINKS"] = ",".join(map(_without_comma, settings.find_links))
    if settings.cert and not _any(environ, _OWN_TLS_VARIABLES) and not own & {"native-tls", "system-certs"}:
        given["SSL_CERT_FILE"] = settings.cert
    if settings.client_cert and not _any(environ, ("SSL_CLIENT_CERT",)):
        given["SSL_CLIENT_CERT"] = settings.client_cert
    if settings.trusted_hosts and not _any(environ, ("UV_INSECURE_HOST",)) and "allow-insecure-host" not in own:
        given["UV_INSECURE_HOST"] = " ".join(settings.trusted_hosts)
    if settings.timeout_s != PIP_TIMEOUT_S and not _any(environ, _TIMEOUT_VARIABLES):
        given["UV_HTTP_TIMEOUT"] = str(max(1, round(settings.timeout_s)))
    if settings.proxy and not _any(environ, _PROXY_VARIABLES) and not own & {"http-proxy", "https-proxy"}:
        proxy = settings.proxy if "://" in settings.proxy else f"http://{settings.proxy}"
        given.update({"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy})
    return UvSettings(given, arguments)


def _without_comma(link: str) -> str:
    if "," in link and "://" not in link:
        return Path(link).as_uri()
    return link.replace(",", "%2C")


def _without_space(index: str) -> str:
    if " " in index and "://" not in index:
        return Path(index).as_uri()
    return index.replace(" ", "%20")


def with_index_behind(environment: Mapping[str, str], index: str) -> dict[str, str]:
    """uv's environment with one more index, asked after the user's."""
    theirs, default = environment.get("UV_INDEX"), environment.get("UV_DEFAULT_INDEX")
    if default is None:  # uv's own, or one of a uv.toml, whose credentials it does not tell
        return {**environment, "UV_INDEX": " ".join(filter(None, (theirs, index)))}
    all_theirs = " ".join(filter(None, (theirs, _without_space(default))))
    return {**environment, "UV_INDEX": all_theirs, "UV_DEFAULT_INDEX": index}


def uv_index_urls(environ: Mapping[str, str]) -> tuple[str, ...]:
    """
    The indexes that uv would ask, the default first: asked of uv itself, without network.

    Raises: Problem (installer-missing, installer-failed, engine-python-unusable).
    """
    defaults = [environ[name] for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL") if environ.get(name)][:1]
    extras = " ".join(environ.get(name, "") for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL")).split()
    if not defaults:
        defaults = _default_of_uv(environ)
    return (*defaults, *(re.sub(r"^[\w-]+=", "", url) for url in extras))  # uv lets an index have a name


def _default_of_uv(environ: Mapping[str, str]) -> list[str]:
    command = [find_uv(), "pip", "compile", "--no-header", "--emit-index-url", "--no-cache", "-"]
    command += ["--python", sys.executable]
    kept = {name: value for name, value in environ.items() if name not in _INDEX_VARIABLES}
    kept["UV_PYTHON_DOWNLOADS"] = "never"
    root = Path(sys.prefix).anchor  # not here: a project's own uv settings are not the user's
    try:
        done = subprocess.run(command, input=b"", capture_output=True, cwd=root, env=kept, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Problem(uv_problems.missing(_told("uv", str(error)))) from None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    found = [line.split(maxsplit=1)[1] for line in lines if line.startswith("--index-url ")]
    if not found:
        said = mask(done.stderr.decode("utf-8", "replace"))
        raise Problem(uv_problems.failed(said.splitlines(), _told("uv pip compile --emit-index-url", said)))
    return found


def find_uv() -> str:
    """The uv program that came with yamabiko. Raises: Problem (installer-missing)."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise Problem(uv_problems.missing(_told("uv", str(error)))) from None


def _told(source: str, said: str) -> tuple[str, ...]:
    return tuple(mask(f"{source}: {line}") for line in said.splitlines() if line.strip())[-5:]


def _any(environ: Mapping[str, str], names: Sequence[str]) -> bool:
    return any(environ.get(name) for name in names)


def _uv_file_keys(environ: Mapping[str, str]) -> set[str]:
    """Settings named in the uv.toml files that uv will read; one it cannot parse, uv itself will report."""
    keys: set[str] = set()
    for file in _uv_files(environ):
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        keys |= set(content)
        if isinstance(content.get("pip"), dict):
            keys |= set(content["pip"])
    return keys


def _uv_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    if environ.get("UV_CONFIG_FILE"):
        return (Path(environ["UV_CONFIG_FILE"]),)
    if environ.get("UV_NO_CONFIG"):
        return ()
    home = _home(environ)
    if sys.platform == "win32":
        system = [Path(environ.get("PROGRAMDATA", r"C:\ProgramData")) / "uv"]
        user = Path(environ.get("APPDATA") or home / "AppData/Roaming") / "uv"
    else:
        listed = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        system = [*(Path(folder) / "uv" for folder in listed.split(os.pathsep) if folder), Path("/etc/uv")]
        user = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "uv"
    return tuple(folder / "uv.toml" for folder in (user, *system))

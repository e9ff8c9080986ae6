"""
pip's settings as pip itself reads them, and what uv is told of them.

Expected values follow pip's documentation ("Configuration"), and one test asks
pip itself, where it is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yamabiko.engines.pip_settings import (
    PIP_TIMEOUT_S,
    PipSettings,
    config_files,
    find_uv,
    for_uv,
    mask,
    merge,
    read_pip_settings,
    with_index_behind,
)
from yamabiko.findings import Problem

INDEX = "https://mirror.example/simple"


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_a_stronger_file_stands_above_a_weaker_one_and_the_environment_above_all(tmp_path):
    weak = written(tmp_path, "weak", "[global]\nindex-url = https://weak/simple\ntimeout = 1\nproxy = http://weak:1\n")
    strong = written(tmp_path, "strong", "[global]\nindex-url = https://strong/simple\ntimeout = 2\n")

    read = merge([weak, strong], {"PIP_TIMEOUT": "3"})

    assert read.index_urls == ("https://strong/simple",)
    assert (read.timeout_s, read.proxy) == (3.0, "http://weak:1")


def test_the_install_section_of_a_weak_file_stands_above_the_global_section_of_a_strong_one(tmp_path):
    """So pip does it: sections are ordered first, files within them."""
    weak = written(tmp_path, "weak", "[install]\nindex-url = https://install/simple\n")
    strong = written(tmp_path, "strong", f"[global]\nindex-url = {INDEX}\n[list]\nindex-url = https://list/simple\n")

    assert merge([weak, strong], {}).index_urls == ("https://install/simple",)


def test_an_empty_value_takes_away_what_a_weaker_file_says(tmp_path):
    weak = written(tmp_path, "weak", "[global]\nproxy = http://weak:1\n[install]\ncert = /weak.pem\n")
    strong = written(tmp_path, "strong", f"[global]\nindex-url = {INDEX}\nproxy =\n")

    read = merge([weak, strong], {"PIP_CERT": ""})

    assert read.proxy is None
    assert read.cert == "/weak.pem", "an empty variable is as good as none"


@pytest.mark.parametrize("name", ["index-url", "index_url", "INDEX-URL", "--index-url", "pypi-url"])
def test_a_name_may_be_written_as_pip_lets_it_be(tmp_path, name):
    assert merge([written(tmp_path, "c", f"[global]\n{name} = {INDEX}\n")], {}).index_urls == (INDEX,)


def test_lists_are_split_at_white_space_and_the_default_index_comes_first(tmp_path):
    text = "[global]\nextra-index-url =\n    https://a/simple\n    https://b/simple\ntrusted-host = a b:8443\n"
    file = written(tmp_path, "pip.conf", text + f"find-links = {tmp_path} https://wheels/\n")

    read = merge([file], {"PIP_INDEX_URL": INDEX})

    assert read.index_urls == (INDEX, "https://a/simple", "https://b/simple")
    assert read.find_links == (str(tmp_path), "https://wheels/")
    assert read.trusted_hosts == ("a", "b:8443")


def test_folders_come_out_absolute_and_home_is_expanded(tmp_path, monkeypatch):
    """Since uv is run from elsewhere."""
    (tmp_path / "wheels").mkdir()
    monkeypatch.chdir(tmp_path)
    environ = {
        "HOME": str(tmp_path),
        "PIP_INDEX_URL": INDEX,
        "PIP_FIND_LINKS": "wheels ~/wheels",
        "PIP_CERT": "~/a.pem",
    }

    read = merge([], environ)

    assert read.find_links == (str(tmp_path / "wheels"),) * 2
    assert read.cert == str(tmp_path / "a.pem")


@pytest.mark.parametrize(("word", "meant"), [("1", True), ("yes", True), ("On", True), ("0", False), ("off", False)])
def test_no_index_leaves_no_index_at_all(word, meant):
    read = merge([], {"PIP_NO_INDEX": word, "PIP_INDEX_URL": INDEX})

    assert (read.no_index, read.index_urls) == (meant, () if meant else (INDEX,))


@pytest.mark.parametrize(
    "text",
    ["index-url = before any section\n", "[global]\n[global]\n", "[global]\nno-index = perhaps\n",
     "[global]\ntimeout = soon\n", "[global]\ntimeout = nan\n", "[global]\ntimeout = -1\n"],
)  # fmt: skip
def test_a_setting_that_cannot_be_read_is_a_finding_that_names_the_file(tmp_path, text):
    file = written(tmp_path, "pip.conf", text)

    with pytest.raises(Problem) as caught:
        merge([file], {"PIP_INDEX_URL": INDEX})

    assert caught.value.finding.id == "pip-settings-unreadable"
    assert str(file) in caught.value.finding.evidence[0]


def test_nothing_set_means_uvs_own_default_index(tmp_path):
    """All of yamabiko asks the same index; which one, the program that was installed for it says."""
    (url,) = merge([], {"HOME": str(tmp_path), "UV_NO_CONFIG": "1"}).index_urls

    assert url.startswith("https://")
    assert url.endswith("/simple")


def test_nothing_set_for_pip_but_something_for_uv_means_uvs_index(tmp_path):
    written(tmp_path, "uv/uv.toml", f'index-url = "{INDEX}"\n')
    from_file = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    from_variables = {"UV_DEFAULT_INDEX": INDEX, "UV_INDEX": "https://a/simple named=https://b/simple"}

    assert merge([], from_file).index_urls == (INDEX,)
    assert merge([], from_variables).index_urls == (INDEX, "https://a/simple", "https://b/simple")


@pytest.mark.skipif(sys.platform != "linux", reason="the paths of Linux")
def test_the_files_are_those_that_pip_reads(tmp_path):
    environ = {"HOME": "/h", "XDG_CONFIG_DIRS": "/x:/y"}
    usual = ["/x/pip/pip.conf", "/y/pip/pip.conf", "/etc/pip.conf"]
    users = ["/h/.pip/pip.conf", "/h/.config/pip/pip.conf"]
    chosen = str(written(tmp_path, "mine.conf", ""))

    def read(**more: str) -> list[str]:
        return [str(file) for file in config_files({**environ, **more}, "/venv")]

    assert read() == [*usual, *users, "/venv/pip.conf"]
    assert read(XDG_CONFIG_HOME="/c")[4] == "/c/pip/pip.conf"
    assert read(PIP_CONFIG_FILE=chosen) == [*usual, "/venv/pip.conf", chosen]
    assert read(PIP_CONFIG_FILE="/gone") == [*usual, *users, "/venv/pip.conf", "/gone"]
    assert read(PIP_CONFIG_FILE=os.devnull) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the paths of Linux")
def test_pip_itself_would_read_the_same(tmp_path):
    """The same files and variables, asked of pip's own parser in a child."""
    pytest.importorskip("pip")
    written(
        tmp_path, "xdg/pip/pip.conf", "[global]\nproxy = http://g:1\ntimeout = 5\nextra-index-url = https://g/simple\n"
    )
    written(tmp_path, ".pip/pip.conf", "[global]\ntimeout = 6\nfind-links = /legacy\ncert = /legacy.pem\n")
    written(tmp_path, ".config/pip/pip.conf", f"[install]\nindex-url = {INDEX}\n[global]\ncert =\ntrusted_host = a b\n")
    environ = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_DIRS": str(tmp_path / "xdg"),
        "PATH": os.environ["PATH"],
        "PIP_INDEX_URL": "",
        "PIP_CLIENT_CERT": "/client.pem",
        "PIP_DEFAULT_TIMEOUT": "7",
    }
    code = (
        "from pip._internal.commands import create_command\n"
        "o, _ = create_command('install').parser.parse_args([])\n"
        "print([[o.index_url, *o.extra_index_urls], o.find_links, o.cert, o.no_index, o.trusted_hosts, o.timeout,"
        " o.proxy, o.client_cert])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)

    ours = read_pip_settings(environ)

    values = [ours.index_urls, ours.find_links, ours.cert, ours.no_index, ours.trusted_hosts, ours.timeout_s]
    said = [list(value) if isinstance(value, tuple) else value for value in [*values, ours.proxy, ours.client_cert]]
    assert repr(said) == done.stdout.strip()


# ---- for uv ---------------------------------------------------------------------------------------------------------

ALL = PipSettings(
    index_urls=(INDEX, "file:///extra/simple", "https://b/simple"),
    find_links=("/wheels", "https://wheels/a,b"),
    cert="/ca.pem",
    trusted_hosts=("a", "b:1"),
    timeout_s=180.0,
    proxy="proxy.example:3128",
    client_cert="/client.pem",
)


def test_everything_that_was_set_for_pip_reaches_uv():
    told = for_uv(ALL, {"UV_NO_CONFIG": "1"})

    assert told.arguments == ()
    assert told.environment == {
        "UV_DEFAULT_INDEX": "https://b/simple",
        "UV_INDEX": f"{INDEX} file:///extra/simple",
        "UV_FIND_LINKS": "/wheels,https://wheels/a%2Cb",
        "SSL_CERT_FILE": "/ca.pem",
        "SSL_CLIENT_CERT": "/client.pem",
        "UV_INSECURE_HOST": "a b:1",
        "UV_HTTP_TIMEOUT": "180",
        "HTTP_PROXY": "http://proxy.example:3128",
        "HTTPS_PROXY": "http://proxy.example:3128",
    }


@pytest.mark.parametrize(
    ("urls", "in_order"),
    [
        ((INDEX,), [INDEX]),
        ((INDEX, "https://b/simple"), [INDEX, "https://b/simple"]),
        (
            ("/my wheels/simple", "file:///other wheels", INDEX),
            ["file:///my%20wheels/simple", "file:///other%20wheels", INDEX],
        ),
    ],
)
def test_the_index_of_pip_is_asked_before_what_is_beside_it_and_a_profile_s_after_both(urls, in_order):
    """uv asks UV_INDEX in order, then its default."""
    alone = for_uv(PipSettings(urls), {"UV_NO_CONFIG": "1"}).environment
    beside = with_index_behind(alone, "https://profile/simple")

    assert [*alone.get("UV_INDEX", "").split(), alone["UV_DEFAULT_INDEX"]] == in_order
    assert [*beside["UV_INDEX"].split(), beside["UV_DEFAULT_INDEX"]] == [*in_order, "https://profile/simple"]


def test_a_profile_s_index_stands_behind_those_that_uv_was_told_itself():
    assert with_index_behind({"UV_INDEX": "a=https://a/simple"}, INDEX) == {"UV_INDEX": f"a=https://a/simple {INDEX}"}
    assert with_index_behind({}, INDEX) == {"UV_INDEX": INDEX}


@pytest.mark.parametrize(
    ("own", "kept_out"),
    [
        ({"UV_INDEX_URL": "u"}, {"UV_DEFAULT_INDEX", "UV_INDEX"}),
        ({"UV_INDEX": "u"}, {"UV_DEFAULT_INDEX", "UV_INDEX"}),
        ({"UV_FIND_LINKS": "u"}, {"UV_FIND_LINKS"}),
        ({"SSL_CERT_FILE": "u"}, {"SSL_CERT_FILE"}),
        ({"SSL_CLIENT_CERT": "u"}, {"SSL_CLIENT_CERT"}),
        ({"UV_INSECURE_HOST": "u"}, {"UV_INSECURE_HOST"}),
        ({"UV_HTTP_TIMEOUT": "9"}, {"UV_HTTP_TIMEOUT"}),
        ({"https_proxy": "u"}, {"HTTP_PROXY", "HTTPS_PROXY"}),
    ],
)
def test_what_uv_has_of_its_own_stays(own, kept_out):
    everything = for_uv(ALL, {"UV_NO_CONFIG": "1"}).environment

    told = for_uv(ALL, {"UV_NO_CONFIG": "1", **own}).environment

    assert set(everything) - set(told) == kept_out


@pytest.mark.parametrize(
    ("toml", "kept_out"),
    [
        (f'[[index]]\nurl = "{INDEX}"\n', {"UV_DEFAULT_INDEX", "UV_INDEX"}),
        (f'[pip]\nextra-index-url = ["{INDEX}"]\n', {"UV_DEFAULT_INDEX", "UV_INDEX"}),
        ('find-links = ["/w"]\n', {"UV_FIND_LINKS"}),
        ("native-tls = true\n", {"SSL_CERT_FILE"}),
        ("this is not toml", set()),
    ],
)
def test_what_stands_in_a_uv_toml_stays(tmp_path, toml, kept_out):
    """One that cannot be parsed is uv's to report."""
    written(tmp_path, "uv/uv.toml", toml)

    told = for_uv(ALL, {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": "/nonexistent"}).environment

    assert set(for_uv(ALL, {"UV_NO_CONFIG": "1"}).environment) - set(told) == kept_out


def test_no_index_is_an_argument_since_uv_reads_no_variable_for_it():
    told = for_uv(PipSettings((), find_links=("/wheels",), no_index=True), {"UV_NO_CONFIG": "1"})

    assert told.arguments == ("--no-index",)
    assert told.environment == {"UV_FIND_LINKS": "/wheels"}


def test_the_names_that_uv_is_told_are_names_that_uv_knows():
    """A variable that a later uv no longer reads would be lost without a word."""
    program = Path(find_uv()).read_bytes()

    for name in for_uv(ALL, {"UV_NO_CONFIG": "1"}).environment:
        assert name.encode() in program or name.lower().encode() in program, name


# ---- credentials ----------------------------------------------------------------------------------------------------

secret = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/?#"), min_size=4)


@given(user=secret, password=secret)
def test_no_credential_is_left_in_what_is_shown(user, password):
    shown = mask(f"index-url = https://{user}:{password}@host.example/simple (environment)")

    assert shown == "index-url = https://****@host.example/simple (environment)"


def test_what_was_set_is_shown_with_its_origin_and_without_its_password(tmp_path):
    file = written(tmp_path, "pip.conf", "[global]\nextra-index-url = https://me:pw@a/simple https://tok@b/simple\n")

    origins = merge([file], {"PIP_INDEX_URL": INDEX, "PIP_TIMEOUT": str(PIP_TIMEOUT_S)}).origins

    assert f"extra-index-url = https://****@a/simple https://****@b/simple ({file} [global])" in origins
    assert f"index-url = {INDEX} (environment PIP_INDEX_URL)" in origins

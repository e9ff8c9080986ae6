"""config.toml and what is above it: what holds, where that is said, and everything that can be wrong with a file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, strategies

from program import noise_file, run_program, script_file
from served import begin, end
from yamabiko.configuration import file, page, serving
from yamabiko.configuration.settle import Settled, settle
from yamabiko.configuration.table import BY_KEY, SETTINGS
from yamabiko.server.config import Config
from yamabiko.settings import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"
GGML = "models/ggml-large-v3-turbo-q5_0.bin"


def read(tmp_path: Path, content: str | bytes, **variables: str) -> Settled:
    """What holds with this file."""
    path = tmp_path / "config.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return settle(variables, Settings(home=tmp_path), str(path))


def told(found: Settled) -> list[tuple[str, str]]:
    """Ids with the line or the variable that each names."""
    return [(one.id, one.evidence[0].rpartition("/")[2].rpartition(": ")[2]) for one in found.findings]


# ---- the table ------------------------------------------------------------------------------------------------------------


def test_the_table_has_the_defaults_of_the_server_and_of_all_settings() -> None:
    nothing = settle({}, Settings(home=Path("/nowhere")))
    assert serving.config(nothing, {}) == Config()
    for setting in SETTINGS:
        if setting.of_settings:
            assert setting.default * setting.factor == getattr(Settings(), setting.field), setting.key
    assert nothing.settings(Settings()) == Settings()


def test_every_field_of_the_server_and_of_its_limits_can_be_set() -> None:
    of_server = {name for name in Config.__dataclass_fields__ if name != "keys"}
    of_settings = {name for name in Settings.__dataclass_fields__ if name != "home"}
    assert {one.field for one in SETTINGS if not one.of_settings} == of_server
    assert {one.field for one in SETTINGS if one.of_settings} == of_settings
    names = [name for one in SETTINGS for name in (one.variable, one.older, one.flag) if name]
    assert len(names) == len(set(names))


def test_the_first_file_sets_nothing_and_names_everything(tmp_path) -> None:
    assert all(not table for table in tomllib.loads(page.config()).values())
    filled = re.sub(r"^#(\w+ = )", r"\1", page.config().partition("\n# Keys of clients")[0], flags=re.MULTILINE)
    found = read(tmp_path, filled)
    assert found.findings == ()
    assert {key for key, said in found.said.items() if said.origin.startswith(str(tmp_path))} == set(BY_KEY)
    assert [found.value(key) for key in BY_KEY] == [setting.default for setting in SETTINGS]


def test_the_page_of_settings_is_what_the_script_writes() -> None:
    assert (DOCS / "settings.md").read_text("utf-8").endswith(" -->\n" + page.docs())


# ---- order ----------------------------------------------------------------------------------------------------------------


def test_a_flag_goes_before_a_variable_before_the_file_before_the_default(tmp_path) -> None:
    text = "[server]\nport = 1\n[limits]\nmax_waiting = 2\n[performance]\nthreads = 3\n"
    found = read(tmp_path, text, YAMABIKO_MAX_WAITING="20", YAMABIKO_THREADS="30", YAMABIKO_SPEECH_LANGUAGE="")
    assert serving.config(found, {"performance.threads": 300}) == Config(port=1, most_waiting=20, threads=300)
    origins = {
        key: found.said[key].origin.rpartition("/")[2] for key in ("server.port", "limits.max_waiting", "server.host")
    }
    assert origins == {
        "server.port": "config.toml:2", "limits.max_waiting": "YAMABIKO_MAX_WAITING", "server.host": "default",
    }  # fmt: skip


def test_units_become_those_of_the_server(tmp_path) -> None:
    found = read(
        tmp_path, "[performance]\nidle_unload_minutes = 0.5\nkeep_free_mb = 3\n[limits]\nmax_duration_minutes = 2\n"
    )
    config = serving.config(found, {})
    assert (config.idle_unload_s, config.keep_free_bytes) == (30.0, 3 << 20)
    assert found.settings(Settings()).longest_audio_s == 120


def test_a_variable_of_old_has_its_own_unit(tmp_path) -> None:
    assert read(tmp_path, "", YAMABIKO_LONGEST_AUDIO_S="30").value("limits.max_duration_minutes") == 0.5


def test_a_model_holds_for_the_engine_that_it_was_set_beside(tmp_path) -> None:
    text = '[whisper]\nmodel = "small"\n'
    assert read(tmp_path, text).model("faster-whisper") == "small"
    assert read(tmp_path, text).model("scripted") is None
    assert read(tmp_path, text, YAMABIKO_ENGINE="scripted").model("scripted") is None
    both = read(tmp_path, text, YAMABIKO_ENGINE="scripted", YAMABIKO_MODEL="a.json")
    assert both.model("scripted") == "a.json"


# ---- document 002's keys ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["", "server", "limits", "performance", "upload"])
def test_keys_of_document_002_are_honoured_wherever_they_may_have_stood(tmp_path, table) -> None:
    head = f"[{table}]\n" if table else ""
    config = serving.config(read(tmp_path, f"{head}max_file_size_mb = 7\nport = 8081\n"), {})
    assert (config.most_upload_bytes, config.port) == (7 << 20, 8081)


def test_the_rest_of_document_002_is_honoured_too(tmp_path) -> None:
    (tmp_path / "models").mkdir()
    text = '[whisper]\nmodel_path = "models/mine"\nlanguage = "Japanese"\nenable_gpu = false\n[performance]\nwhisper_threads = 6\n'
    found = read(tmp_path, text)
    config = serving.config(found, {})
    assert found.findings == ()
    assert (config.model, config.language, config.device, config.threads) == (
        str(tmp_path / "models/mine"), "ja", "cpu", 6,
    )  # fmt: skip
    assert serving.config(read(tmp_path, "[whisper]\nenable_gpu = true"), {}).device == "auto"


@pytest.mark.parametrize("name", ["model", "model_path"])
def test_a_ggml_model_is_the_engines_to_refuse(tmp_path, name) -> None:
    found = read(tmp_path, f'[whisper]\n{name} = "{GGML}"')
    assert found.findings == ()
    assert str(serving.config(found, {}).model).endswith(GGML)


# ---- what is wrong ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "near"),
    [
        ("[server]\nprot = 1", 2, "server.port"),
        ("[sever]\nport = 1", 1, "[server]"),
        ("\n\nhots = 'a'", 3, "server.host"),
        ("[server]\nthreads = 1", 2, "performance.threads"),
        ('"whisper" . "langauge" = "ja"', 1, "whisper.language"),
        (
            "[performance]\na = '''\nidle_unlod_minutes = 1\n'''\nidle_unlod_minutes = 1",
            5,
            "performance.idle_unload_minutes",
        ),
    ],
)
def test_an_unknown_key_is_a_warning_with_its_line_and_the_nearest(tmp_path, text, line, near) -> None:
    found = read(tmp_path, text)
    assert found.errors == ()
    finding = found.findings[-1]
    assert (finding.id, finding.evidence) == ("config-key-unknown", (f"file: {tmp_path}/config.toml:{line}",))
    assert finding.remedies[0].command == near


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[server]\nport = "8080"', 2), ("[server]\nport = 65536", 2), ("[server]\nport = -1", 2), ("port = 1.5", 1),
        ("port = true", 1), ("port = nan", 1), ("port = 1979-05-27", 1), ("port = [1]", 1), ("port = {a = 1}", 1),
        ("[limits]\nmax_duration_minutes = nan", 2), ("[limits]\nmax_duration_minutes = inf", 2), ("server = 1", 1),
        ('[whisper]\nenable_gpu = "true"', 2), ('[whisper]\ndevice = "gpu"', 2), ('[whisper]\nlanguage = "klingon"', 2),
        ('[whisper]\nengine = "silero-vad"', 2), ('[server]\nallow_hosts = "a"', 2), ("[server]\nallow_hosts = [1]", 2),
        ('[security]\nallowed_folders = ["recordings"]', 2), ('[security]\ncors_origins = ["*"]', 2),
        ('[security]\ncors_origins = ["https://a.example/path"]', 2), ("[security]\nkeys = 1", 2),
        ('[security]\nkeys = ["a"]', 2), ('[[security.keys]]\nname = "a"', 1),
        ('[[security.keys]]\nname = "a"\nsha256 = "abc"', 3),
        ("[performance]\nthreads = 1\nwhisper_threads = 2", 3), ("port = 0x7fffffffffffffffffff", 1),
    ],
)  # fmt: skip
def test_a_wrong_value_is_an_error_with_its_line(tmp_path, text, line) -> None:
    found = read(tmp_path, text)
    assert told(found) == [("config-value-wrong", f"config.toml:{line}")]


def test_a_value_in_quotes_is_told_without(tmp_path) -> None:
    (finding,) = read(tmp_path, '[limits]\nmax_waiting = "9"').findings
    assert finding.remedies[0].command == "max_waiting = 9"


@pytest.mark.parametrize(("name", "value"), [("PORT", "x"), ("PORT", "70000"), ("INSTALL", "maybe"), ("DEVICE", "gpu")])
def test_a_wrong_variable_is_an_error_by_its_name(tmp_path, name, value) -> None:
    found = read(tmp_path, "", **{f"YAMABIKO_{name}": value})
    assert told(found) == [("config-value-wrong", f"YAMABIKO_{name}")]


def test_all_that_is_wrong_is_told_at_once_and_what_is_unknown_is_counted(tmp_path) -> None:
    text = "port = 'x'\n" + "".join(f"zz{n} = {n}\n" for n in range(500)) + "[limits]\nmax_waiting = 0\n"
    found = read(tmp_path, text)
    assert [one.id for one in found.findings].count("config-value-wrong") == 2
    assert len(found.findings) < 30
    assert "480" in found.findings[-1].cause.en


@pytest.mark.parametrize(
    "text",
    ['[security]\napi_key = "{}"', 'api_key = "{}"', '[[security.keys]]\nname = "a"\nkey = "{}"',
     '[[security.keys]]\nname = "a"\nsha256 = "{}"', '[security]\nsecrets = ["{}"]'],
)  # fmt: skip
def test_what_may_be_a_secret_is_never_quoted(tmp_path, text) -> None:
    found = read(tmp_path, text.format("hunter2-SECRET"))
    assert found.findings
    assert "SECRET" not in repr(found)


# ---- the file as an editor may have left it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_marks_and_line_ends_of_other_systems_are_no_hindrance(tmp_path, encoding, line_end) -> None:
    text = "# 設定\n[server]\nport = 8081\n".replace("\n", line_end)
    found = read(tmp_path, text.encode(encoding))
    assert found.findings == ()
    assert found.said["server.port"].origin == f"{tmp_path}/config.toml:3"


@pytest.mark.parametrize(
    "content",
    [
        "# ポート\nport = 1\n# 設定".encode("shift_jis"), "port = 1".encode("utf-16-le"), b"\xff\xfeport", b"\0", b"port",
        b"port = ", b"[server", b"port = 1\nport = 2", b'model = "C:\\models"', b"a = " + b"[" * 100_000,
        b"a = " + b"9" * 100_000, b"#" * 10_000_000,
    ],
    ids=range(12),
)  # fmt: skip
def test_what_cannot_be_read_is_one_finding(tmp_path, content) -> None:
    (finding,) = read(tmp_path, content).findings
    assert (finding.id, finding.severity) == ("config-unreadable", "error")


def test_the_line_of_a_wrong_letter_is_named(tmp_path) -> None:
    (finding,) = read(tmp_path, "port = 1\n# 設定\n".encode("shift_jis")).findings
    assert finding.evidence == (f"file: {tmp_path}/config.toml:2",)


def test_what_is_no_plain_file_is_refused_at_once(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    for place in (
        tmp_path,
        tmp_path / "pipe",
        tmp_path / "link",
        Path("/dev/zero"),
        Path("x\0y"),
        tmp_path / "missing",
    ):
        found = settle({}, Settings(home=tmp_path), str(place))
        assert [one.id for one in found.findings] == ["config-unreadable"], place


@given(strategies.binary(max_size=60) | strategies.text(max_size=60).map(str.encode))
def test_no_file_brings_more_than_findings(tmp_path_factory, content) -> None:
    read(tmp_path_factory.mktemp("any"), content)


@given(strategies.text(max_size=20))
def test_no_variable_brings_more_than_findings(value) -> None:
    variables = {setting.variable: value for setting in SETTINGS}
    assert all(one.id == "config-value-wrong" for one in settle(variables, Settings(home=Path("/nowhere"))).findings)


# ---- the program --------------------------------------------------------------------------------------------------------------


def test_show_says_what_holds_and_where_that_is_said_and_of_keys_only_that_they_are_there(tmp_path) -> None:
    (tmp_path / "config").mkdir()
    stored = hashlib.sha256(b"x").hexdigest()
    config = tmp_path / "config/config.toml"
    config.write_text(f'[server]\nport = 8081\n[[security.keys]]\nname = "anna"\nsha256 = "{stored}"\n', "utf-8")
    variables = {"YAMABIKO_THREADS": "5", "YAMABIKO_API_KEY": "ken:SECRET OTHER"}
    shown = run_program("config", "show", "--origin", home=tmp_path, **variables)
    lines = {line.split()[0]: line.split()[1:] for line in shown.out.splitlines()}
    assert (shown.code, shown.err) == (0, "")
    assert lines["server.port"] == ["8081", f"{config}:2"]
    assert lines["performance.threads"] == ["5", "YAMABIKO_THREADS"]
    assert lines["server.host"] == ['"127.0.0.1"', "default"]
    assert "anna: set" in shown.out
    assert "ken: set" in shown.out
    record = run_program("config", "show", "--json", home=tmp_path, **variables)
    told = json.loads(record.out)
    assert told["settings"]["server.port"] == {"value": 8081, "unit": None, "origin": f"{config}:2"}
    assert [key["name"] for key in told["keys"]] == ["anna", "ken", f"key {hashlib.sha256(b'OTHER').hexdigest()[:8]}"]
    for secret in (stored, "SECRET", "OTHER"):
        assert secret not in shown.out + record.out


def test_path_and_check_go_by_home_variable_and_option(tmp_path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("port = 'x'\nprot = 1\n", "utf-8")
    assert run_program("config", "path", home=tmp_path).out == f"{tmp_path}/config/config.toml\n"
    assert run_program("config", "path", home=tmp_path, YAMABIKO_CONFIG=str(wrong)).out == f"{wrong}\n"
    checked = run_program("config", "check", "--config", wrong, home=tmp_path)
    assert checked.code == 2
    assert "config-value-wrong" in checked.err
    assert "config-key-unknown" in checked.err
    assert run_program("config", "check", home=tmp_path).code == 0


def test_a_server_does_not_start_with_a_wrong_file_and_says_all_that_is_wrong(tmp_path) -> None:
    wrong = tmp_path / "config.toml"
    wrong.write_text('[server]\nport = "x"\n[limits]\nmax_waiting = 0\n', "utf-8")
    done = run_program("serve", home=tmp_path, YAMABIKO_CONFIG=str(wrong))
    assert done.code == 2
    assert done.err.count("config-value-wrong") == 2
    wrong.write_text("[server", "utf-8")
    assert run_program("serve", "--config", wrong, home=tmp_path).code == 2
    missing = run_program("serve", "--config", tmp_path / "no.toml", home=tmp_path)
    assert (missing.code, (tmp_path / "no.toml").exists()) == (2, False)
    wrong.write_text('[server]\nhost = "0.0.0.0"\n', "utf-8")
    assert "bind-without-key" in run_program("serve", "--config", wrong, home=tmp_path).err


def started(home: Path) -> str:
    """The line after the one that names the address."""
    served = begin(home, "--engine", "scripted", wait=False)
    assert served.process.stderr is not None
    line = served.process.stderr.readline()
    with served.http as http:
        served.wait_until(lambda: http.get("/health").status_code == 200)
    end(served)
    return line


def test_the_first_start_writes_the_file_for_its_owner_alone_and_later_ones_leave_it(tmp_path) -> None:
    config = tmp_path / "config/config.toml"
    assert str(config) in started(tmp_path)
    assert config.read_text("utf-8") == page.config()
    assert config.stat().st_mode & 0o777 == 0o600
    config.write_text("prot = 1\n", "utf-8")
    assert "config-key-unknown" in started(tmp_path)
    assert config.read_text("utf-8") == "prot = 1\n"
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


def test_a_folder_that_cannot_be_written_costs_a_notice(tmp_path) -> None:
    (tmp_path / "config").write_text("a file where the folder should be")
    assert "config-not-written" in started(tmp_path)


def test_of_many_first_starts_one_writes(tmp_path) -> None:
    config = tmp_path / "config/config.toml"
    with ThreadPoolExecutor(8) as pool:
        wrote = list(pool.map(lambda n: file.write_new(config, f"# {n}\n"), range(16)))
    assert wrote.count(True) == 1
    assert config.read_text("utf-8") == f"# {wrote.index(True)}\n"
    assert len(list(config.parent.iterdir())) == 1


# ---- keys ----------------------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_only_its_hash_is_kept(tmp_path) -> None:
    done = run_program("config", "add-key", "anna", "--at_once", "2", home=tmp_path)
    secret = done.out.strip()
    config = tmp_path / "config/config.toml"
    text = config.read_text("utf-8")
    assert len(secret) >= 40
    assert secret not in text
    assert text.startswith(page.config())
    (key,) = settle({}, Settings(home=tmp_path)).keys
    assert (key.name, key.sha256, key.at_once) == ("anna", hashlib.sha256(secret.encode()).hexdigest(), 2)
    again = run_program("config", "add-key", "anna", home=tmp_path)
    assert (again.code, again.out, config.read_text("utf-8")) == (2, "", text)
    assert run_program("config", "add-key", 'a"b', home=tmp_path).code == 2
    assert run_program("config", "remove-key", "ken", home=tmp_path).code == 2
    assert run_program("config", "remove-key", "anna", home=tmp_path).code == 0
    assert config.read_text("utf-8").rstrip() == page.config().rstrip()


def test_keys_that_are_added_at_once_are_all_there(tmp_path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: run_program("config", "add-key", f"k{n}", home=tmp_path), range(4)))
    kept = {key.sha256 for key in settle({}, Settings(home=tmp_path)).keys}
    assert kept == {hashlib.sha256(one.out.strip().encode()).hexdigest() for one in done}
    assert len(kept) == 4


ODD = """\
# 設定\r
[[security.keys]] # first\r
name = "anna" # her laptop\r
sha256 = "{a}"\r
note = '''\r
[[security.keys]]\r
'''\r
\r
# the machine in the hall\r
[[ security . "keys" ]]\r
name = "hall"\r
sha256 = "{a}"\r
[server]\r
port = 8081 # ours\r
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_comments_encoding_line_ends_mode_and_links_outlive_a_change_of_keys(tmp_path, encoding) -> None:
    kept, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    kept.write_bytes(ODD.format(a="a" * 64).encode(encoding))
    kept.chmod(0o640)
    link.symlink_to(kept)
    assert run_program("config", "add-key", "new", "--config", link, home=tmp_path).code == 0
    assert run_program("config", "remove-key", "anna", "--config", link, home=tmp_path).code == 0
    text = kept.read_bytes().decode(encoding)
    assert link.is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o640
    assert text.startswith('# 設定\r\n\r\n# the machine in the hall\r\n[[ security . "keys" ]]\r\nname = "hall"\r\n')
    assert "port = 8081 # ours\r\n" in text
    assert text.count("\n") == text.count("\r\n")
    assert [key.name for key in settle({}, Settings(), str(link)).keys] == ["hall", "new"]


def test_keys_that_are_written_in_another_way_are_left_to_a_person(tmp_path) -> None:
    config = tmp_path / "config.toml"
    before = f'security = {{keys = [{{name = "anna", sha256 = "{"a" * 64}"}}]}}\n'
    config.write_text(before, "utf-8")
    for verb, name in (("add-key", "new"), ("remove-key", "anna")):
        done = run_program("config", verb, name, "--config", config, home=tmp_path)
        assert (done.code, done.out) == (2, "")
        assert "config-unreadable" in done.err
    assert config.read_text("utf-8") == before


# ---- transcribe -----------------------------------------------------------------------------------------------------------------


def test_transcribe_takes_engine_model_and_language_from_the_settings_unless_they_were_typed(tmp_path) -> None:
    script_file(tmp_path / "talk.json")
    sound = noise_file(tmp_path / "talk.wav", 2)
    config = tmp_path / "config/config.toml"
    config.parent.mkdir()
    config.write_text(
        '[whisper]\nengine = "scripted"\nmodel_path = "../talk.json"\nlanguage = "ja"\nlangauge = ""\n', "utf-8"
    )

    def receipt(*options: str, **variables: str) -> tuple[str, str, str]:
        asked = (sound, "--output_format", "verbose_json", "--overwrite", "--no-vad-filter", *options)
        done = run_program("transcribe", *asked, home=tmp_path, **variables)
        assert done.code == 0, done.err
        assert "whisper.language" in done.err  # the slip of the finger is told
        made = json.loads(sound.with_suffix(".verbose.json").read_text("utf-8"))
        receipt = made["yamabiko"]
        return made["language"], receipt["engine"], Path(receipt["model"]).name

    assert receipt() == ("japanese", "scripted", "talk.json")
    assert receipt("--language", "en")[0] == "english"
    assert receipt(YAMABIKO_SPEECH_LANGUAGE="fr")[0] == "french"
    assert receipt("--language", "auto")[0] != "japanese"


def test_transcribe_ends_with_a_wrong_file_before_any_work(tmp_path) -> None:
    sound = noise_file(tmp_path / "talk.wav", 1)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.toml").write_text('[whisper]\nlanguage = "klingon"\n', "utf-8")
    done = run_program("transcribe", sound, home=tmp_path)
    assert (done.code, "config-value-wrong" in done.err) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config", "talk.wav"]

"""The OpenAPI document says what the server takes and answers: no more, no less."""

from __future__ import annotations

import ast
import inspect
from copy import deepcopy
from types import ModuleType
from typing import Any

import jsonschema_rs
import pytest
from fastapi.routing import APIRoute
from starlette.routing import WebSocketRoute

from served import Served
from yamabiko.audio.speech_spans import SpeechOptions
from yamabiko.bundled import clips
from yamabiko.formats import FORMATS
from yamabiko.server import (
    field_words,
    jobs_api,
    native_api,
    openai_api,
    second_engine_words,
    second_engines,
    transcription_form,
)
from yamabiko.server.doors import asr, whisper_cpp
from yamabiko.server.field_kinds import Field
from yamabiko.server.realtime import live
from yamabiko.server.route_words import HEADERS, ROUTES, SECTIONS, Route

CLIP = next(clip.path for clip in clips() if clip.language == "en")
ROUTERS = (openai_api, jobs_api, native_api, asr, whisper_cpp, live)


@pytest.fixture(scope="module")
def document(plain: Served) -> dict[str, Any]:
    with plain.http as http:
        found: dict[str, Any] = http.get("/openapi.json").json()
    return found


# ---- the table and the code ----------------------------------------------------------------------------------------------


def test_the_table_has_every_route_and_no_other() -> None:
    served = {
        (method, route.path.replace(":path", ""))
        for module in ROUTERS
        for route in module.router.routes
        for method in (["WS"] if isinstance(route, WebSocketRoute) else route.methods)  # type: ignore[attr-defined]
    }
    assert served == set(ROUTES)
    assert sum(len(routes) for _, routes in SECTIONS) == len(ROUTES)


def test_parameters_that_fastapi_reads_are_in_the_table() -> None:
    for module in ROUTERS:
        for route in module.router.routes:
            if not isinstance(route, APIRoute):
                continue
            for method in route.methods:
                takes = ROUTES[method, route.path.replace(":path", "")].takes
                for where in ("path", "query", "header"):
                    read = {one.alias for one in getattr(route.dependant, f"{where}_params")}
                    told = {field.name for field in takes if field.where == where}
                    assert read <= told, (route.path, where)


def bare(takes: tuple[Field, ...]) -> set[str]:
    return {field.name.removesuffix("[]") for field in takes if "form" in field.where}


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/v1/audio/transcriptions", transcription_form.KNOWN),
        (
            "/v1/audio/translations",
            transcription_form.KNOWN - {"task", "align"},
        ),  # it is one already; the other is refused
        ("/v1/jobs", {*transcription_form.KNOWN, *jobs_api._OWN}),
        ("/asr", {*asr._ASR, "audio_file"}),
        ("/detect-language", {"encode", "audio_file"}),
        ("/inference", {*whisper_cpp._TAKEN, "file"}),
    ],
)
def test_a_form_has_the_fields_that_its_door_knows(path, taken) -> None:
    route = ROUTES["POST", path]
    ignored = {name.removesuffix("[]") for name in route.ignored}
    told = bare(route.takes) - {"path"}  # every door's: server/arrivals.py
    assert told == set(taken) - ignored
    assert not told & ignored


def read_in(module: ModuleType, **names: Any) -> list[tuple[str, str, list[Any]]]:
    """Method, field and the other arguments of every `fields.number("name", ...)` and its like; `...`: known at work."""
    found = []
    space = vars(module) | names
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        name = node.args[0]
        if node.func.attr not in METHODS or not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
            continue
        values = []
        for one in [*node.args[1:], *(keyword.value for keyword in node.keywords)]:
            try:
                values.append(eval(compile(ast.Expression(one), "", "eval"), space))
            except NameError:
                values.append(...)
        found.append((node.func.attr, name.value, values))
    return found


METHODS = ("flag", "number", "one_of", "some_of", "language", "first", "file", "only_file")


@pytest.mark.parametrize(
    ("module", "takes"),
    [
        (transcription_form, field_words.TRANSCRIPTION),
        (second_engines, field_words.TRANSCRIPTION),
        (asr, field_words.ASR),
        (whisper_cpp, (*field_words.INFERENCE, *field_words.CPP_LOAD)),
        (jobs_api, field_words.JOB),
    ],
)
def test_fields_have_the_limits_choices_and_defaults_with_which_they_are_read(module, takes) -> None:
    told = {field.name.removesuffix("[]"): field.schema for field in takes}
    found = read_in(module, own=SpeechOptions())
    assert found
    for method, name, values in found:
        assert name in told, f"{module.__name__} reads {name}"
        schema = told[name]
        if method == "number":
            values = values[:2] if values[-1] is ... else values
            assert [schema["minimum"], schema["maximum"], schema["default"]][: len(values)] == values, name
        elif method == "flag":
            assert (schema["type"], schema["default"]) == ("boolean", values[0]), name
        elif method == "one_of":
            assert set(values[0]) == set(schema["enum"]), name
            assert schema["default"] == values[1], name
        elif method == "some_of":
            assert list(values[0]) == schema["items"]["enum"], name


def test_every_operation_is_described_by_a_sentence(document) -> None:
    summaries = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            summaries.append(operation["summary"])
            assert len(operation["summary"].split()) > 4, (method, path)
            assert operation["description"].startswith(operation["summary"]), (method, path)
            for parameter in operation["parameters"]:
                assert parameter["description"], parameter
                assert not parameter["name"].endswith("_")
    assert len(set(summaries)) == len(summaries)


# ---- the table and a real server -----------------------------------------------------------------------------------------

FORMS = ("/v1/audio/transcriptions", "/v1/audio/translations", "/v1/jobs", "/asr", "/detect-language", "/inference")
WORDS = {
    "language": "en", "languages[]": "en", "model": "whisper-1", "engine": "scripted", "device": "cpu",
    "compute_type": "auto", "response_format": "verbose_json", "output": "json", "chunking_strategy": "auto",
    "webhook_url": "http://192.0.2.1/", "webhook_secret": "a secret", "speaker_model": "campplus-zh-en", "align": "align-en",
    "speaker_engine": "campplus",
}  # fmt: skip
"""What is sent where the type alone does not say it."""
OF_OTHER_ENGINES = {field.name for field in (*second_engine_words.SPEAKERS, second_engine_words.ALIGN)}
"""They need engines that this server has not; tests/real_engines/test_second_engines.py sends them to one that has."""


def allowed(field: Field) -> str:
    schema = field.schema
    if field.name in WORDS:
        return WORDS[field.name]
    if "items" in schema:
        schema = schema["items"]
    if "enum" in schema:
        return str(schema["enum"][0])
    if schema["type"] == "boolean":
        return "true" if schema["default"] else "false"
    if schema["type"] in ("number", "integer"):
        return str(schema["maximum"] if schema["maximum"] <= 100 else schema["minimum"])
    return "MUSEUM"


def forbidden(field: Field) -> list[str]:
    schema = field.schema.get("items", field.schema)
    if "enum" in schema:
        return ["zz"]
    if schema["type"] == "boolean":
        return ["perhaps"]
    if schema["type"] in ("number", "integer"):
        return [str(schema["minimum"] - 0.01), str(schema["maximum"] * 1.01 + 0.01)]
    return {
        "language": ["klingon"],
        "languages[]": ["klingon"],
        "engine": ["zz"],
        "speaker_model": ["zz"],
        "align": ["zz"],
        "device": ["zz"],
        "chunking_strategy": ["zz"],
    }.get(field.name, [])


def post(served: Served, path: str, form: dict[str, str], **how: Any) -> Any:
    name = "audio_file" if path.startswith(("/asr", "/detect-language")) else "file"
    with served.http as http:
        return http.post(path, data=form, files={name: ("talk.flac", CLIP.read_bytes())}, **how)


def sent(route: Route) -> list[Field]:
    return [
        field
        for field in route.takes
        if "form" in field.where and field.schema.get("format") != "binary" and field.name not in ("path", "stream")
    ]


@pytest.mark.parametrize("path", [path for path in FORMS if path != "/v1/jobs"])  # a job's answer names no fields
def test_no_field_of_the_document_is_ignored_and_those_called_ignored_are(plain, path) -> None:
    route = ROUTES["POST", path]
    # One language, or several that it may be: beside the first the others change nothing.
    besides = {"language", *OF_OTHER_ENGINES}
    taken = post(plain, path, {field.name: allowed(field) for field in sent(route) if field.name not in besides})
    assert taken.status_code == 200, taken.text
    assert "x-yamabiko-ignored" not in taken.headers
    assert {name for name in taken.headers if name.startswith("x-yamabiko")} <= set(HEADERS)

    nobody = dict.fromkeys([*route.ignored, "nobody-knows"], "true")
    answer = post(plain, path, nobody)
    assert set(answer.headers["x-yamabiko-ignored"].split(",")) == set(nobody)


def test_stream_is_a_field_where_the_document_has_it(plain) -> None:
    answer = post(plain, "/v1/audio/transcriptions", {"stream": "true", "model": "gpt-4o-transcribe"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "x-yamabiko-ignored" not in answer.headers


@pytest.mark.parametrize("path", FORMS)
def test_values_beyond_the_document_are_refused(plain, path) -> None:
    tried = 0
    for field in sent(ROUTES["POST", path]):
        if (path, field.name) == ("/v1/jobs", "device"):  # read when the job is begun
            continue
        for value in forbidden(field):
            asked = ({"response_format": name} | {field.name: value} for name in ("verbose_json", "json"))
            refused = next((told for told in (post(plain, path, form) for form in asked) if told.is_error), None)
            assert refused is not None, (field.name, value)  # in either form: some fields are for one alone
            assert refused.status_code in (400, 404), (field.name, value)
            found = refused.json()["error"]
            assert field.name.removesuffix("[]") in f"{found['param']} {found['message']}", field.name
            tried += 1
    assert tried


def test_a_job_keeps_every_field_of_the_document(plain) -> None:
    aside = ("webhook", "known_speaker")  # addresses, and recordings: what is kept of these is no field
    fields = [field for field in sent(ROUTES["POST", "/v1/jobs"]) if not field.name.startswith(aside)]
    asked = {field.name: allowed(field) for field in fields}
    with plain.http as http:
        job = post(plain, "/v1/jobs", asked).json()["data"][0]
        http.delete(f"/v1/jobs/{job['id']}")
    assert set(job["asked"]) == {name.removesuffix("[]") for name in asked}
    refused = post(plain, "/v1/jobs", {"webhook_url": "ftp://192.0.2.1/"})
    assert refused.headers["x-yamabiko-finding"] == "webhook-not-allowed"


# ---- sessions: JSON bodies -----------------------------------------------------------------------------------------------

SHAPES = ("/v1/realtime/client_secrets", "/v1/realtime/transcription_sessions")


def nested(values: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for name, value in values.items():
        *parents, last = name.split(".")
        place = whole
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return whole


def leaves(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    return {
        key: one for part, inner in value.items() for key, one in leaves(inner, f"{name}.{part}".strip(".")).items()
    }


def settled(field: Field) -> Any:
    schema = field.schema
    if "items" in schema:
        return schema["items"].get("enum", ["en"])
    if "enum" in schema:
        return schema["enum"][0]
    return schema["maximum"] if "maximum" in schema else WORDS.get(field.name.rpartition(".")[2], "MUSEUM")


@pytest.mark.parametrize("path", SHAPES)
def test_a_session_has_the_settings_of_the_document_and_no_others(plain, path) -> None:
    takes = [field for field in ROUTES["POST", path].takes if "object" not in field.schema["type"]]
    asked = {field.name: settled(field) for field in takes}
    with plain.http as http:
        answer = http.post(path, json=nested(asked)).json()
    shown = leaves({"session": answer["session"]} if "session" in answer else answer)
    for ours in ("session.id", "session.object", "session.expires_at", "id", "object"):
        shown.pop(ours, None)
    shown = {name: value for name, value in shown.items() if "client_secret" not in name}
    ignored = {name: shown.pop(name, None) for name in ROUTES["POST", path].ignored}
    assert set(ignored.values()) == {None}
    assert shown == {name: value for name, value in asked.items() if name != "expires_after.seconds"}


@pytest.mark.parametrize("path", SHAPES)
def test_a_session_s_values_beyond_the_document_are_refused(plain, path) -> None:
    with plain.http as http:
        for field in ROUTES["POST", path].takes:
            if "minimum" in field.schema:
                values: list[Any] = [field.schema["minimum"] - 1, field.schema["maximum"] + 1]
            else:
                values = [7] if "items" not in field.schema else [7, [7]]
            if "include" in field.name or "format" in field.name:
                continue  # words that are not known are left alone; formats below
            for value in values:
                answer = http.post(path, json=nested({field.name: value}))
                assert answer.status_code == 400, (field.name, value)
        name = "session.audio.input.format.type" if "client" in path else "input_audio_format"
        assert http.post(path, json=nested({name: "audio/mp3"})).status_code == 400
        assert http.post(path, json=nested({name: ROUTES["POST", path].takes[0].name})).status_code == 400


# ---- answers -------------------------------------------------------------------------------------------------------------


def strict(schema: Any) -> Any:
    """With nothing in an object but what is named: what is answered and not told fails."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: strict(value) for key, value in schema.items()}
    return told | ({"additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else {})


def hold(document: dict[str, Any], method: str, path: str, answer: Any) -> None:
    responses = document["paths"][path][method.lower()]["responses"]
    told = responses.get(str(answer.status_code)) or responses[f"{answer.status_code // 100}XX"]
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind in told["content"], (path, kind)
    if kind == "application/json":
        schema = {**strict(deepcopy(told["content"][kind]["schema"])), "components": strict(document["components"])}
        problems = [
            f"{path} {list(error.instance_path)}: {error.message}"
            for error in jsonschema_rs.validator_for(schema).iter_errors(answer.json())
        ]
        assert problems == []


FORM = {"language": "en"}
ANSWERS: dict[tuple[str, str], list[tuple[str, dict[str, str]]]] = {
    ("POST", "/v1/audio/transcriptions"): [
        ("", {**FORM, "response_format": name, "timestamp_granularities[]": "word", "include[]": "logprobs"})
        for name in ("json", "verbose_json", "text", "srt", "vtt", "docx")
    ] + [("", {"stream": "true", "model": "gpt-4o-transcribe"})],
    ("POST", "/v1/audio/translations"): [("", {"response_format": name}) for name in ("json", "verbose_json", "srt")],
    ("POST", "/v1/realtime/client_secrets"): [("", {})],
    ("POST", "/v1/realtime/transcription_sessions"): [("", {})],
    ("POST", "/asr"): [(f"?output={name}", FORM) for name in ("txt", "json", "srt", "zz")],
    ("POST", "/detect-language"): [("", {})],
    ("POST", "/inference"): [
        ("", {"response_format": name}) for name in ("json", "verbose_json", "text", "srt", "vtt", "zz")
    ] + [("", {"detect_language": "true", "response_format": "verbose_json"})],
    ("POST", "/load"): [("", {"model": "whisper-1"}), ("", {"model": "nobody"})],
    ("POST", "/models/load"): [("", {}), ("?model=nobody", {})],
    ("POST", "/models/unload"): [("", {})],
    ("GET", "/v1/models/{name}"): [("whisper-1", {}), ("nobody", {})],
}  # fmt: skip
"""What is asked: the end of the address, and a form."""


@pytest.mark.parametrize(("method", "path"), [key for key in ROUTES if key[0] != "WS" and "/v1/jobs" not in key[1]])
def test_answers_have_the_fields_of_the_document_and_no_others(plain, document, method, path) -> None:
    for end, form in ANSWERS.get((method, path), [("", {})] if method == "GET" else []):
        with plain.http as http:
            if method == "GET":
                answer = http.get(path.replace("{name}", "") + end)
            elif path in SHAPES:
                answer = http.post(path, json={})
            else:
                answer = post(plain, path + end, form) if path in (*FORMS, "/load") else http.post(path + end)
        hold(document, method, path, answer)
        assert answer.status_code == 200 or "zz" in f"{form}{end}" or "nobody" in f"{form}{end}" or "docx" in str(form)
    assert method == "GET" or (method, path) in ANSWERS


def test_a_job_s_answers_are_those_of_the_document_from_its_first_to_its_last(plain, document) -> None:
    with plain.http as http:

        def ask(method: str, path: str, **how: Any) -> Any:
            answer = http.request(method, path.format(id=job["id"]), **how)
            hold(document, method, path.partition("?")[0], answer)
            return answer

        added = post(
            plain, "/v1/jobs", {**FORM, "response_format": "verbose_json", "timestamp_granularities[]": "word"}
        )
        hold(document, "POST", "/v1/jobs", added)
        job = added.json()["data"][0]
        told = ask("GET", "/v1/jobs/{id}/events").text
        assert "event: done" in told
        assert "receipt" in ask("GET", "/v1/jobs/{id}").json()
        ask("GET", "/v1/jobs")
        for name in field_words.RESULT[0].schema["enum"]:
            nobody_told_apart = name in FORMATS and FORMATS[name].needs_speakers
            for asked in (f"format={name}", f"response_format={name}&format=zz"):
                answer = ask("GET", f"/v1/jobs/{{id}}/result?{asked}")
                assert answer.status_code == (400 if nobody_told_apart else 200), asked
                if nobody_told_apart:
                    assert answer.headers["x-yamabiko-finding"] == "speakers-not-told-apart"
        assert ask("GET", "/v1/jobs/{id}/result?format=zz").status_code == 400
        for what in ("cancel", "pause", "resume"):
            assert ask("POST", f"/v1/jobs/{{id}}/{what}").status_code == 409
        assert ask("DELETE", "/v1/jobs/{id}").json()["deleted"]
        assert ask("GET", "/v1/jobs/{id}").status_code == 404

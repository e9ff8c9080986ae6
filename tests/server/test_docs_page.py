"""`GET /docs`: every address and field on one page, in both languages, that asks nothing of any other machine."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import fields as parts_of
from html.parser import HTMLParser
from typing import Any

import pytest

from served import Served
from yamabiko.bundled import clips
from yamabiko.i18n import Text
from yamabiko.server import docs_text
from yamabiko.server.route_words import HEADERS, ROUTES, SECTIONS, Route

CLIP = next(clip.path for clip in clips() if clip.language == "en")
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def get(served: Served, path: str = "/docs", **headers: str) -> str:
    with served.http as http:
        answer = http.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.text


def post(served: Served, path: str, **form: str) -> Any:
    with served.http as http:
        return http.post(path, data=form, files={"file": ("talk.flac", CLIP.read_bytes())})


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.lang = ""
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        self.lang = self.lang or given.get("lang") or ""

    def handle_data(self, data: str) -> None:
        self.words += data


def test_every_route_and_field_is_on_the_page_in_both_languages(plain) -> None:
    for lang in ("en", "ja"):
        page = Page(get(plain, f"/docs?lang={lang}"))
        assert page.lang == lang
        for route in ROUTES.values():
            assert route.path in page.words
            assert getattr(route.words, lang) in page.words
            for field in route.takes:
                assert field.name in page.words
                assert getattr(field.words, lang) in page.words


def texts() -> list[Text]:
    found = [*HEADERS.values(), *(title for title, _ in SECTIONS)]
    for route in ROUTES.values():
        found += [route.words, *([route.more] if route.more else []), *(field.words for field in route.takes)]
    for value in vars(docs_text).values():
        found += [value] if isinstance(value, Text) else []
        found += [one for one in (value.values() if isinstance(value, dict) else ()) if isinstance(one, Text)]
    return found


SAME = {"OpenAI の音声 API", "whisper-asr-webservice", "null", "true、false", "JSON", "English"}
"""Names, which are no words of either language."""


def test_no_sentence_is_missing_in_either_language() -> None:
    assert len(texts()) > 150
    for text in texts():
        assert text.en.strip(), text
        assert not JAPANESE.search(text.en) or text is docs_text.OTHER, text
        assert JAPANESE.search(text.ja) or text.ja in SAME, text


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "ja", "ja"),
        ("", "ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7", "ja"),
        ("", "en-GB,en;q=0.9,ja;q=0.8", "en"),
        ("", "de,ja;q=0.5,en;q=0.4", "ja"),
        ("", "ja;q=0,en;q=0.1", "en"),
        ("", "ja;q=NaN", "en"),
        ("", "*;;q=,,ja;q=9999999999", "en"),
        ("?lang=ja", "en", "ja"),
        ("?lang=en", "ja", "en"),
        ("?lang=de", "ja", "ja"),
        ("?lang=%00%3Cscript%3E", "", "en"),
    ],
)
def test_the_page_speaks_the_reader_s_language(plain, query, accepted, language) -> None:
    assert Page(get(plain, f"/docs{query}", **{"accept-language": accepted})).lang == language


def test_the_page_asks_nothing_of_any_other_machine_and_its_links_lead_somewhere(plain) -> None:
    with plain.http as http:
        answer = http.get("/docs")
        page = Page(answer.text)
        assert not page.tags & {"script", "link", "img", "iframe", "object", "base", "form"}
        assert "url(" not in answer.text
        assert "@import" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert len(set(page.ids)) == len(page.ids)
        for link in page.links:
            if link.startswith("#"):
                assert link[1:] in page.ids
            else:
                assert http.get("/" + ("docs" if link.startswith("?") else "") + link).status_code == 200


def test_examples_carry_the_address_by_which_the_server_was_called(serve) -> None:
    served = serve("", "--allow_host", "*", wait=False)
    port = served.url.rpartition(":")[2]
    for host in (f"localhost:{port}", f"[::1]:{port}", "voice.example", "voice.example:8443"):
        assert f"http://{host}/v1/jobs" in get(served, host=host)
    for host in ("a'; rm -rf ~;'", 'a"><script>', "a b", "$(id)", "`id`", "a/../b", "a@b:1", "[", "x" * 99 + "\\"):
        page = get(served, host=host)
        assert f"//{host}" not in page
        assert f"{served.url}/v1/jobs" in page


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_examples_work_as_they_stand(plain, tmp_path) -> None:
    for name in ("talk.mp3", "talk.wav", "a.mp3", "b.mp4"):
        shutil.copy(CLIP, tmp_path / name)
    with plain.http as http:
        job = post(plain, "/v1/jobs").json()["data"][0]["id"]
        assert "event: done" in http.get(f"/v1/jobs/{job}/events").text
    for route in ROUTES.values():
        if not route.curl or route.path in ("/load", "/models/load"):  # of models that a scripted engine has not
            continue
        line = shlex.split(route.curl.format(base=plain.url).replace("/ID", f"/{job}"))
        ran = subprocess.run(
            ["curl", "-sS", "-w", "\n%{http_code}", *line], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert ran.stdout.rpartition("\n")[2] == str(route.status), (line, ran)
    with plain.http as http:
        for one in http.get("/v1/jobs").json()["data"]:
            http.delete(f"/v1/jobs/{one['id']}")


def test_the_error_on_the_page_is_one_that_the_server_gives(plain) -> None:
    page = Page(get(plain))
    answer = post(plain, "/v1/audio/transcriptions", **{"timestamp_granularities[]": "syllable"}).json()
    assert json.dumps(answer, ensure_ascii=False, indent=2) in page.words


def test_every_part_of_a_route_is_told_by_the_page() -> None:
    """A new part of the table is to be shown, or it is for nobody."""
    assert {part.name for part in parts_of(Route)} == {
        "method", "path", "words", "answer", "takes", "more", "ignored", "status", "refuses", "curl",
    }  # fmt: skip

"""Values of a form, each held against what it may be."""

from __future__ import annotations

import difflib
import math

from yamabiko.findings import Remedy
from yamabiko.formats.language_names import LANGUAGE_NAMES, language_code
from yamabiko.i18n import Text
from yamabiko.server.forms import Form
from yamabiko.server.problems import Refused, refused
from yamabiko.speech import Task

YES, NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
"""How a form says it."""


class Fields:
    """Values of a form, each held against what it may be. Every method raises Refused (parameter-invalid)."""

    def __init__(self, form: Form) -> None:
        self._form = form

    def one_of(self, name: str, known: tuple[str, ...], default: str) -> str:
        given = (self._form.first(name) or default).strip()
        if given not in known:
            raise invalid(name, given, allowed(known), known)
        return given

    def some_of(self, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
        given = [word.strip() for value in self._form.fields.get(name, ()) for word in value.split(",") if word.strip()]
        for word in given:
            if word not in known:
                raise invalid(name, word, allowed(known), known)
        return tuple(dict.fromkeys(given))

    def flag(self, name: str, *, default: bool) -> bool:
        given = (self._form.first(name) or str(default)).strip().lower()
        if given in YES:
            return True
        if given in NO:
            return False
        raise invalid(name, given, allowed(("true", "false")))

    def number(self, name: str, lowest: float, highest: float, default: float) -> float:
        given = self._form.first(name)
        if given is None or not given.strip():
            return default
        try:
            number = float(given)
        except ValueError:
            number = math.nan
        if not lowest <= number <= highest:
            shown = f"{lowest:g} - {highest:g}"
            raise invalid(name, given, Text(f"It is a number of {shown}.", f"{shown} の数を指定します。"))
        return number

    def whole(self, name: str, lowest: int, highest: int, default: int) -> int:
        number = self.number(name, lowest, highest, default)
        if number != int(number):
            shown = f"{lowest} - {highest}"
            rule = Text(f"It is a whole number of {shown}.", f"{shown} の整数を指定します。")
            raise invalid(name, self._form.first(name) or "", rule)
        return int(number)

    def task(self, default: Task) -> Task:
        return "translate" if self.one_of("task", ("transcribe", "translate"), default) == "translate" else "transcribe"

    def language(self, name: str, given: str | None) -> str | None:
        if given is None or given.strip().lower() in ("", "auto"):
            return None
        code = language_code(given)
        if code is None:
            known = ["auto", *LANGUAGE_NAMES, *LANGUAGE_NAMES.values()]
            near = tuple(difflib.get_close_matches(given.lower(), known, 1))
            rule = Text(
                "It is a code such as ja or en; auto, or nothing, lets it be found.",
                "ja や en などのコードを指定します。auto にするか省くと自動で判定します。",
            )
            raise invalid(name, given, rule, () if given.strip().lower() == "each" else near)
        return code


def allowed(values: tuple[str, ...]) -> Text:
    return Text(f"It is one of: {', '.join(values)}.", f"次のいずれかです: {', '.join(values)}")


def invalid(name: str, given: str, rule: Text, near: tuple[str, ...] = ()) -> Refused:
    meant = difflib.get_close_matches(given, near, 1)
    return refused(
        "parameter-invalid",
        Text(
            f"“{given[:100]}” is not allowed for {name}. {rule.en}",
            f"{name} に「{given[:100]}」は指定できません。{rule.ja}",
        ),
        f"form: {name}={given[:200]}",
        param=name,
        remedies=tuple(Remedy(Text("Did you mean this?", "これではありませんか？"), f"{name}={one}") for one in meant),
    )

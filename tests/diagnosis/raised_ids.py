"""
Which ids the source can raise, read from its syntax tree: those of `Finding(...)`, of `article(...)` and of `Check(...)`.

An id is a literal, one of two literals, or a parameter: then it is what the
callers give, or, where the function looks it up in a table of the module
(`_WORDS[code]`), a key of that table.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src/yamabiko"
_HANDED_ON = SOURCE / "diagnosis/articles/__init__.py"
"""Its Finding has the id of whatever article was asked for."""

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None


@dataclass
class Module:
    path: Path
    tree: ast.Module
    within: dict[ast.AST, Function] = field(default_factory=dict)
    """The function that a node stands in."""

    def where(self, node: ast.expr) -> str:
        return f"{self.path.relative_to(SOURCE.parents[1])}:{node.lineno}"


class Source:
    def __init__(self) -> None:
        self.modules = [_module(path) for path in sorted(SOURCE.rglob("*.py"))]
        self.unread: list[str] = []
        """Findings whose id cannot be told from the text."""

    def findings(self) -> dict[str, set[str]]:
        """Id -> the files that raise it."""
        found: dict[str, set[str]] = {}
        for module, call in self._calls("Finding"):
            if module.path == _HANDED_ON:
                continue
            self._note(found, module, _argument(call, 0, "id"), must_tell=True)
        for module, call in self._calls("replace"):  # dataclasses.replace(finding, id=...)
            self._note(found, module, _argument(call, None, "id"), must_tell=False)
        for module, call in self._calls("article"):  # article(check.id) tells nothing: CHECKS does
            self._note(found, module, _argument(call, 0, "id_"), must_tell=False)
        return found

    def checks(self) -> set[str]:
        """Ids of all checks that are written, in CHECKS or not yet."""
        found: dict[str, set[str]] = {}
        for module, call in self._calls("Check"):
            if module.path.parent.name == "checks":
                self._note(found, module, _argument(call, 0, "id"), must_tell=True)
        return set(found)

    def _note(self, found: dict[str, set[str]], module: Module, given: ast.expr | None, *, must_tell: bool) -> None:
        told = self._literals(given, module) if given is not None else set()
        if not told and must_tell:
            self.unread.append(module.where(given) if given is not None else str(module.path))
        for id_ in told:
            found.setdefault(id_, set()).add(module.path.relative_to(SOURCE.parents[1]).as_posix())

    def _literals(self, given: ast.expr, module: Module, asked: frozenset[ast.AST] = frozenset()) -> set[str]:
        """
        Every value that the expression can have; empty if that is not to be seen.

        `asked`: the functions whose callers are being asked already. Functions are known by their names alone, so of two
        of one name each may seem to call the other.
        """
        if isinstance(given, ast.Constant):
            return {given.value} if isinstance(given.value, str) else set()
        if isinstance(given, ast.IfExp):
            either, other = (self._literals(one, module, asked) for one in (given.body, given.orelse))
            return either | other if either and other else set()
        function = module.within.get(given)
        if not isinstance(given, ast.Name) or not isinstance(function, ast.FunctionDef) or function in asked:
            return set()
        names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        if given.id not in (*names, *(one.arg for one in function.args.kwonlyargs)):
            return set()
        keys = _keys_looked_up(given.id, function, module)
        if keys:
            return keys
        place = names.index(given.id) if given.id in names else None
        told: set[str] = set()
        for caller, call in self._calls(function.name):
            if function.name.startswith("_") and caller is not module:
                continue
            argument = _argument(call, place, given.id)
            if argument is not None:
                told |= self._literals(argument, caller, asked | {function})
        return told

    def _calls(self, name: str) -> Iterator[tuple[Module, ast.Call]]:
        for module in self.modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call) and _called(node) == name:
                    yield module, node


def _module(path: Path) -> Module:
    module = Module(path, ast.parse(path.read_text("utf-8")))

    def visit(node: ast.AST, function: Function) -> None:
        module.within[node] = function
        inner = node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else function
        for child in ast.iter_child_nodes(node):
            visit(child, inner)

    visit(module.tree, None)
    return module


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _argument(call: ast.Call, place: int | None, name: str) -> ast.expr | None:
    named = next((one.value for one in call.keywords if one.arg == name), None)
    if named is not None or place is None:
        return named
    return call.args[place] if place < len(call.args) else None


def _keys_looked_up(name: str, function: ast.FunctionDef, module: Module) -> set[str]:
    """Keys of the module's table that the function subscripts with this parameter."""
    tables = {
        node.value.id
        for node in ast.walk(function)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and isinstance(node.slice, ast.Name)
        and node.slice.id == name
    }
    for node in module.tree.body:
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if isinstance(target, ast.Name) and target.id in tables and isinstance(node.value, ast.Dict):
            return {
                key.value for key in node.value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
    return set()

"""What the function of a RunPython does, as far as its source tells. None of it is run."""

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

from django.apps import apps as installed_apps
from django.contrib.auth import get_user_model
from django.db import models

from config.operations.schema_change.lint.python_writes import Write, called_name, find_writes

_ENDS_OF_TRANSACTION = frozenset({"commit", "rollback", "set_autocommit"})
_UNKNOWN_PART = "unknown"


@dataclass(frozen=True, kw_only=True)
class PythonCode:
    """`statements` are the SQL that the code executes, where that is written out in it.

    `imported_models` are names of classes that are not the models of the migration's own time.
    """

    writes: tuple[Write, ...]
    statements: tuple[str, ...]
    imported_models: tuple[str, ...]
    ends_transaction: bool


def read_code(code: Callable[..., Any]) -> PythonCode:
    """Return what is known of the function and of those that it calls in the same module."""
    functions = {function: _parse(function) for function in _functions(code)}
    trees = list(functions.values())
    return PythonCode(
        writes=tuple(write for tree in trees for write in find_writes(tree)),
        statements=tuple(
            sql for function, tree in functions.items() for sql in _statements(tree, function.__globals__)
        ),
        imported_models=tuple(
            sorted({name for function, tree in functions.items() for name in _imported(function, tree)})
        ),
        ends_transaction=any(called_name(node) in _ENDS_OF_TRANSACTION for node in _calls(trees)),
    )


def _functions(code: Callable[..., Any]) -> list[FunctionType]:
    while isinstance(code, functools.partial):
        code = code.func
    if not isinstance(code, FunctionType | MethodType):
        code = type(code).__call__
    waiting = [inspect.unwrap(getattr(code, "__func__", code))]
    found: list[FunctionType] = []
    while waiting:
        function = waiting.pop()
        if isinstance(function, FunctionType) and function not in found:
            found.append(function)
            neighbours = (function.__globals__.get(name) for name in function.__code__.co_names)
            waiting += [each for each in neighbours if getattr(each, "__module__", "") == function.__module__]
    return found


def _parse(function: FunctionType) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):  # A lambda in the middle of a list is no program of its own.
        return ast.Module(body=[], type_ignores=[])


def _calls(trees: list[ast.AST]) -> Iterator[ast.Call]:
    for tree in trees:
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _statements(tree: ast.AST, names: dict[str, Any]) -> Iterator[str]:
    for call in _calls([tree]):
        if called_name(call) == "execute" and call.args:
            sql = _text(call.args[0], names)
            if sql:
                yield sql


def _text(node: ast.expr, names: dict[str, Any]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name) and isinstance(names.get(node.id), str):
        return str(names[node.id])
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, names) or _UNKNOWN_PART for part in node.values)
    return ""


def _imported(function: FunctionType, tree: ast.AST) -> Iterator[str]:
    """Yield the names that lead to the models of today."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _is_models_module(node.module or ""):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names if _is_models_module(each.name))
    local = {*function.__code__.co_varnames, *function.__code__.co_cellvars}
    for name in {*function.__code__.co_names} - local:
        value = function.__globals__.get(name)
        if (
            value is installed_apps
            or value is get_user_model
            or _is_model_of_today(value)
            or (isinstance(value, ModuleType) and _is_models_module(value.__name__))
        ):
            yield name


def _is_models_module(name: str) -> bool:
    return "models" in name.split(".") and not name.startswith("django.db")


def _is_model_of_today(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, models.Model) and value._meta.apps is installed_apps

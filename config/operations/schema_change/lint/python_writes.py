"""Where Python code changes rows, of which model, and whether it counts them out first."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Model = tuple[str, str]

# A dictionary has an `update` as well, but takes no keywords alone; and a file has no `delete`.
_WRITES_OF_A_QUERY = frozenset({"update", "delete"})
_WRITES_OF_A_ROW = frozenset({"save", "delete"})
_INSERTS = frozenset({"create", "bulk_create", "get_or_create", "update_or_create"})
_ONE_ROW = frozenset({"get", "first", "last", "earliest", "latest", "create"})
_BATCHES = frozenset({"batched", "Paginator"})
_KEYS = frozenset({"pk", "id", "pk__in", "id__in", "pk__range", "id__range"})
_LOWER_KEYS = frozenset({"pk__gt", "pk__gte", "id__gt", "id__gte"})
_UPPER_KEYS = frozenset({"pk__lt", "pk__lte", "id__lt", "id__lte"})
_LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.GeneratorExp)
_LITERALS = (ast.List, ast.Tuple, ast.Dict)
_DEEPEST = 20  # Names that are made of each other have no end.


@dataclass(frozen=True, kw_only=True)
class Write:
    """`model` is (app, name) in lower case, None where it could be any. `is_counted`: so many rows at a time.

    What is counted, but in a loop, is a batch: bounded only where each has a transaction of its own.
    """

    model: Model | None
    is_insert: bool
    is_counted: bool
    is_in_loop: bool

    @property
    def is_in_batches(self) -> bool:
        return self.is_counted and self.is_in_loop


def find_writes(tree: ast.AST) -> Iterator[Write]:
    yield from _Reader(tree).writes()


def called_name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


class _Reader:
    def __init__(self, tree: ast.AST) -> None:
        self._tree = tree
        self._values: dict[str, ast.expr] = {}
        self._items: dict[str, ast.expr] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self._values |= dict.fromkeys(_names(targets), node.value)
            elif isinstance(node, ast.For | ast.comprehension):
                self._items |= dict.fromkeys(_names([node.target]), node.iter)

    def writes(self) -> Iterator[Write]:
        for call, loops in _calls(self._tree, loops=0):
            write = self._write(call, loops)
            if write is not None:
                yield write

    def _write(self, call: ast.Call, loops: int) -> Write | None:
        if not isinstance(call.func, ast.Attribute):
            return None
        name, subject = call.func.attr, call.func.value
        is_counted = self._is_counted_write(name, call, subject, is_in_loop=loops > 0)
        if is_counted is None and name not in _INSERTS:
            return None
        if self._is_row(subject):
            loops -= 1  # The loop that walks over the rows; one around it makes batches of them.
        return Write(
            model=self._model(subject),
            is_insert=name in _INSERTS,
            is_counted=is_counted is not False,
            is_in_loop=loops > 0,
        )

    def _is_counted_write(
        self, name: str, call: ast.Call, subject: ast.expr, *, is_in_loop: bool
    ) -> bool | None:
        """Tell whether the write says how many rows it changes; None if it is none."""
        if name == "bulk_update" and call.args:
            return self._is_counted(call.args[0])
        if name in _WRITES_OF_A_QUERY and not call.args and not self._is_row(subject):
            return self._is_counted(subject) if name == "delete" or call.keywords else None
        if name in _WRITES_OF_A_ROW:
            return not is_in_loop or self._is_counted(self._source(subject))
        return None

    def _is_row(self, node: ast.expr) -> bool:
        """Whether it is one object rather than a query."""
        if isinstance(node, ast.Name) and node.id in self._items:
            return _called_name(self._items[node.id]) not in _BATCHES
        return _called_name(self._resolve(node)) in _ONE_ROW

    def _source(self, node: ast.expr) -> ast.expr:
        """Return what a loop takes its row from, or the row itself."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return self._items.get(node.id, node) if isinstance(node, ast.Name) else node

    def _resolve(self, node: ast.expr) -> ast.expr:
        for _step in range(_DEEPEST):
            if not isinstance(node, ast.Name) or node.id not in self._values:
                break
            node = self._values[node.id]
        return node

    def _is_counted(self, node: ast.expr) -> bool:
        """Whether somewhere in the chain of a query it says how many rows, or which."""
        if isinstance(node, ast.Name) and node.id in self._items:
            return _called_name(self._items[node.id]) in _BATCHES
        for part in self._chain(node):
            if isinstance(part, ast.Subscript | ast.List | ast.Tuple | ast.Dict):
                return True
            if isinstance(part, ast.Call):
                filters = {keyword.arg for keyword in part.keywords}
                is_range = filters & _LOWER_KEYS and filters & _UPPER_KEYS
                is_by_keys = called_name(part) == "in_bulk" and bool(part.args)
                if called_name(part) in _ONE_ROW | _BATCHES or filters & _KEYS or is_range or is_by_keys:
                    return True
        return False

    def _model(self, node: ast.expr) -> Model | None:
        for part in self._chain(node):
            if isinstance(part, ast.Call) and called_name(part) == "get_model":
                words = [each.value for each in part.args if isinstance(each, ast.Constant)]
                label = ".".join(map(str, words)).lower()
                return (label.partition(".")[0], label.partition(".")[2]) if "." in label else None
        return None

    def _chain(self, node: ast.expr) -> Iterator[ast.expr]:
        """Yield a call or an attribute, then what it is of, and so on to the beginning."""
        for _step in range(_DEEPEST):
            node = self._resolve(node)
            yield node
            if isinstance(node, ast.Name) and node.id in self._items:
                node = self._items[node.id]
            elif isinstance(node, ast.Call):
                # list(query) and its like are about what they are given.
                node = node.args[0] if isinstance(node.func, ast.Name) and node.args else node.func
            elif isinstance(node, ast.Attribute | ast.Subscript):
                node = node.value
            elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
                node = node.generators[0].iter
            else:
                return


def _called_name(node: ast.expr) -> str:
    return called_name(node) if isinstance(node, ast.Call) else ""


def _calls(node: ast.AST, *, loops: int) -> Iterator[tuple[ast.Call, int]]:
    """Yield each call with the number of loops around it. What a loop walks over is asked for once."""
    if isinstance(node, ast.Call):
        yield node, loops
    walks_over = node.iter if isinstance(node, ast.For) else None
    is_loop = isinstance(node, _LOOPS) and not isinstance(walks_over, _LITERALS)
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, loops=loops + (is_loop and child is not walks_over))


def _names(targets: Sequence[ast.expr]) -> list[str]:
    """Return the names that get a value: not that of which only an attribute does."""
    flat = [each for target in targets for each in getattr(target, "elts", [target])]
    return [node.id for node in flat if isinstance(node, ast.Name)]

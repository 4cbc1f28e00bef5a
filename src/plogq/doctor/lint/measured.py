"""Losses that are measured and not trained: all that is done with them is to read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..facts import HandWritten, Made, Seen, Sighting

_NUMBERS = frozenset({"item", "tolist", "numpy", "detach"})  # methods that end the gradient
_READERS = frozenset({"print", "float", "format", "str", "round"})
_LOGGERS = frozenset({"log", "log_dict", "log_metrics", "add_scalar", "info", "debug", "write"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.Module)
Parents = dict[ast.AST, ast.AST]


def matters(seen: Seen) -> bool:
    """Whether it is worth asking: of a loss that is measured alone a rule says less."""
    logs = seen.logs if isinstance(seen, HandWritten) else (
        seen.prediction if isinstance(seen, Sighting) else None
    )  # fmt: skip
    return logs is not None and logs.made is Made.LOG_OF_SOFTMAX and not logs.detached


def parents_of(tree: ast.AST) -> Parents:
    """Of every node the one around it."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def measured(node: ast.AST, parents: Parents, depth: int = 8) -> bool:
    """Whether all that is done with a value is to read it: print, float, log, item."""
    around = parents.get(node)
    if depth == 0 or around is None:
        return False
    if isinstance(around, ast.FormattedValue):
        return True
    if isinstance(around, ast.Attribute):
        call = parents.get(around)
        if not isinstance(call, ast.Call) or call.func is not around:
            return False
        return around.attr in _NUMBERS or measured(call, parents, depth - 1)
    if isinstance(around, ast.keyword | ast.Dict | ast.UnaryOp | ast.BinOp | ast.Tuple):
        return measured(around, parents, depth - 1)
    if isinstance(around, ast.Call):
        return _reads(around, node) or (
            len(around.args) == 1 and node in around.args and measured(around, parents, depth - 1)
        )
    if isinstance(around, ast.Assign) and isinstance(around.targets[0], ast.Name):
        read = list(_read_again(around.targets[0], parents))
        return bool(read) and all(measured(name, parents, depth - 1) for name in read)
    return False


def _reads(call: ast.Call, node: ast.AST) -> bool:
    """Whether a call reads what it is given, as a logger does beside a name."""
    if isinstance(call.func, ast.Name):
        return call.func.id in _READERS
    named = bool(call.args) and call.args[0] is not node
    given = bool(call.args) and isinstance(call.args[0], ast.Dict | ast.Constant | ast.JoinedStr)
    logs = isinstance(call.func, ast.Attribute) and call.func.attr in _LOGGERS
    return logs and (named or given)


def _read_again(name: ast.Name, parents: Parents) -> Iterator[ast.Name]:
    """Where a name is read in the function that it is written in."""
    around: ast.AST = name
    while not isinstance(around, _FUNCTIONS) and around in parents:
        around = parents[around]
    for node in ast.walk(around):
        if isinstance(node, ast.Name) and node.id == name.id and isinstance(node.ctx, ast.Load):
            yield node

"""Which functions of a file can lead to a loss: those that speak of one, and those that call them.

What nobody calls is followed with arguments that are not known. In a large file most of that shows
no loss, and is left alone.
"""

from __future__ import annotations

import ast
import re

_SPEAKS = re.compile(r"loss|entropy|criteri|^crit$|kl_?div|kld|nll|objective|bce", re.IGNORECASE)
_BY_HAND = ({"softmax", "log"}, {"softmax", "log2"}, {"exp", "log"})

Def = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def relevant(tree: ast.Module) -> set[ast.AST]:
    """The functions and lambdas that may lead to a loss."""
    names: dict[ast.AST, set[str]] = {}
    own: dict[ast.AST, str] = {}
    _collect(tree, set(), names, own)
    speaking = {
        node
        for node, found in names.items()
        if any(map(_SPEAKS.search, found)) or any(pair <= found for pair in _BY_HAND)
    }
    known = {own[node] for node in speaking}
    while True:
        more = {node for node, found in names.items() if node not in speaking and found & known}
        if not more:
            return speaking
        speaking |= more
        known |= {own[node] for node in more}


def _collect(
    node: ast.AST, into: set[str], names: dict[ast.AST, set[str]], own: dict[ast.AST, str]
) -> None:
    """The identifiers below a node, those of each function and class apart."""
    todo = list(ast.iter_child_nodes(node))
    while todo:
        child = todo.pop()
        if isinstance(child, Def | ast.Lambda):
            inner: set[str] = set()
            _collect(child, inner, names, own)
            name = getattr(child, "name", "")
            if name:
                inner.add(name)
            names[child], own[child] = inner, name or "<lambda>"
            into |= inner
            continue
        if isinstance(child, ast.Name):
            into.add(child.id)
        elif isinstance(child, ast.Attribute):
            into.add(child.attr)
        elif isinstance(child, ast.keyword) and child.arg:
            into.add(child.arg)
        elif isinstance(child, ast.alias):
            into.add(child.name.rpartition(".")[2])
        todo.extend(ast.iter_child_nodes(child))

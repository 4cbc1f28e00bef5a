"""The names that a loop assigns."""

from __future__ import annotations

import ast


def assigned(node: ast.AST) -> set[str]:
    """The names that a loop assigns, its own targets among them; kept on the node."""
    found = getattr(node, "_plogq_assigned", None)
    if found is None:
        found = {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        vars(node)["_plogq_assigned"] = found
    return found

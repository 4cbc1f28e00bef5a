"""A problem of the kernels is described once: what Python may say of it is what C++ has."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import plogq
from plogq.frameworks.numpy import arrays as xp
from plogq.native import _cpu, described

STUB = ast.parse((Path(described.__file__).parent / "_cpu.pyi").read_text("utf-8"))
REQUIRED = object()


def stub(name: str) -> dict[str, tuple[str, object]]:
    """The fields of a problem as the stub has them: type, and what holds where nothing is said."""
    found = next(n for n in STUB.body if isinstance(n, ast.FunctionDef) and n.name == name)
    fields: dict[str, tuple[str, object]] = {}
    for field, default in zip(found.args.kwonlyargs, found.args.kw_defaults, strict=True):
        assert field.annotation is not None
        otherwise = REQUIRED if default is None else ast.literal_eval(default)
        fields[field.arg] = ast.unparse(field.annotation), otherwise
    return fields


@pytest.mark.parametrize("name", ["stored", "binary"])
def test_the_stub_has_the_fields_that_the_module_has(name: str) -> None:
    told, read, written = _cpu.problems[name]
    fields = stub(name)
    assert list(fields) == [*told, *read, *written]
    numbers = {field: (type(value).__name__, value) for field, value in told.items()}
    assert {field: fields[field] for field in told} == numbers
    for field in (*read, *written):
        kind, otherwise = fields[field]
        assert kind == "Any"
        assert (otherwise is REQUIRED) == (field in ("scores", "target")), field


def test_what_is_told_of_a_pair_are_fields() -> None:
    """Each number is of the type that XLA's handlers, made of the same list, are declared with."""
    told, read, _ = _cpu.problems["stored"]
    measure = plogq.Labels([1]).measure(xp, 2)
    scores = plogq.Logits([[1.0, 2.0]], softcap=3.0).lower(xp, lambda: 1.0)
    said = described.stored_told(measure, scores, False)
    assert {n: type(v) for n, v in said.items()} == {n: type(told[n]) for n in said}
    assert set(described.stored_arrays(measure, scores, xp)) <= set(read)


@pytest.mark.parametrize("name", ["stored", "binary"])
def test_what_no_field_is_called_is_refused(name: str) -> None:
    scores = (np.zeros((2, 3), np.float32), 1)
    call = getattr(_cpu, name)
    with pytest.raises(TypeError, match=rf"{name} has no field heaviness; it has kind, .*hessian"):
        call(0, 1, scores=scores, target=scores, heaviness=1.0)
    with pytest.raises(TypeError, match=f"{name} needs scores"):
        call(0, 1)
    with pytest.raises(TypeError, match=f"scores of {name} is an array and the code of its dtype"):
        call(0, 1, scores=scores[0])
    with pytest.raises(TypeError, match=f"z_loss of {name} is no number"):
        call(0, 1, scores=scores, z_loss="much")

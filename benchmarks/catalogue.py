"""Every case by name, in the order of the tables, and groups of them."""

from __future__ import annotations

from . import (
    arrays,
    boost,
    classes,
    distillation,
    doctor,
    files,
    frameworks,
    gpu,
    imports,
    linear,
    ranks,
    scoring,
    tensors,
    tensors_linear,
)
from .case import Case

_ON_TORCH = (
    *tensors.CASES,
    *tensors_linear.CASES,
    *distillation.CASES,
    *ranks.CASES,
)

CASES: dict[str, Case] = {
    case.name: case
    for cases in (
        *(module.CASES for module in (arrays, classes, linear, boost)),
        _ON_TORCH,
        frameworks.CASES,
        *(module.CASES for module in (files, scoring, imports, doctor, gpu)),
    )
    for case in cases
}

GROUPS: dict[str, tuple[str, ...]] = {
    "torch": tuple(case.name for case in _ON_TORCH),
    **{
        framework: tuple(c.name for c in frameworks.CASES if c.name.startswith(framework))
        for framework in ("jax", "tensorflow", "keras")
    },
    "boost": tuple(case.name for case in boost.CASES),
    "score": tuple(case.name for case in (*files.CASES, *scoring.CASES)),
    "doctor": tuple(case.name for case in doctor.CASES),
    "gpu": tuple(case.name for case in gpu.CASES),
}

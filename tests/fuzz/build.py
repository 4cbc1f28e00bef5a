"""A program as calls of the library: the one file that writes down P and Q with its types."""

from __future__ import annotations

from typing import Any

import plogq

from .program import (
    Labels,
    Linear,
    Prediction,
    Probs,
    Program,
    Smoothed,
    Sparse,
    Stored,
    Target,
    Weighted,
    YesNo,
)

Given = dict[str, Any]  # arrays of any framework


def target(p: Target, given: Given) -> Any:
    if isinstance(p, Smoothed):
        return plogq.Smoothed(target(p.target, given), p.epsilon)
    if isinstance(p, Weighted):
        classes: Any = given[p.classes] if isinstance(p.classes, str) else p.classes
        if isinstance(classes, tuple):
            classes = tuple(given[c] if isinstance(c, str) else c for c in classes)
        sample = None if p.sample is None else given[p.sample]
        return plogq.Weighted(target(p.target, given), sample_weight=sample, class_weight=classes)
    if isinstance(p, Labels):
        return plogq.Labels(given[p.index], ignore=p.ignore)
    if isinstance(p, Sparse):
        return plogq.SparseProbs(given[p.index], given[p.probs])
    if isinstance(p, YesNo):
        return plogq.BinaryProbs(given[p.probs])
    assert isinstance(p, Probs)
    return plogq.Probs(given[p.probs], axis=p.axis)


def prediction(q: Prediction, given: Given) -> Any:
    if isinstance(q, Linear):
        bias = None if q.bias is None else given[q.bias]
        return plogq.LinearLogits(given[q.hidden], given[q.weight], bias, softcap=q.softcap)
    if isinstance(q, Stored):
        more = {"softcap": q.softcap} if q.kind == "Logits" else {}
        return getattr(plogq, q.kind)(given[q.array], axis=q.axis, **more)
    return getattr(plogq, q.kind)(given[q.array])


def options(program: Program) -> Given:
    found: Given = {"reduction": program.reduction}
    if program.normalizer is not None:
        found["normalizer"] = program.normalizer
    if program.z_loss:
        found["z_loss"] = program.z_loss
    return found


def value(program: Program, given: Given) -> Any:
    """What the program asks for, on the given arrays."""
    if program.function == "log_normalizer":
        assert program.q is not None
        return plogq.log_normalizer(prediction(program.q, given))
    assert program.p is not None
    p = target(program.p, given)
    if program.function == "entropy":
        return plogq.entropy(p, **options(program))
    assert program.q is not None
    found = getattr(plogq, program.function)(p, prediction(program.q, given), **options(program))
    if program.shape is None:
        return found
    return getattr(plogq, program.shape.name)(found, program.shape.amount)


def value_and_grad(program: Program, given: Given, out: Any = None) -> tuple[Any, Given]:
    """The loss and its gradient without autodiff, by the names of Q's arrays."""
    assert program.p is not None
    assert program.q is not None
    q = program.q
    p_, q_ = target(program.p, given), prediction(q, given)
    loss, gradient = plogq.value_and_grad(p_, q_, out=out, **options(program))
    if isinstance(q, Linear):
        named = {q.hidden: gradient.hidden, q.weight: gradient.weight}
        return loss, named if q.bias is None else {**named, q.bias: gradient.bias}
    stored = {"Logits": "scores", "BinaryLogits": "scores", "LogProbs": "log_probs"}
    return loss, {q.array: getattr(gradient, stored.get(q.kind, "probs"))}


def chosen(program: Program, given: Given) -> str:
    """The kernel that runs this pair; the first of them where it is refused, which a run finds."""
    if program.function == "entropy":
        return "formula"
    if program.p is None or program.q is None:
        return "cpu"
    try:
        with plogq.validation("off"):
            return plogq.explain(target(program.p, given), prediction(program.q, given)).chosen
    except Exception:
        return "cpu"

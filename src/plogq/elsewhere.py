"""Options that the losses of other libraries take, and what stands for each of them here.

Smoothing, weights and ignored labels are changes of P; the class axis, and whether there are scores
or probabilities, belong to Q. Who types such an option here is told what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, NoReturn

from .options import shown

# Why, and P, Q and an option of the call as they are to be written.
Change = tuple[str, str, str, str]
_REDUCED = "what becomes of the losses is the reduction's: 'mean', 'sum' or 'none'"
_PARAMETERS = ("reduction", "normalizer", "z_loss")


def refuse(function: str, given: Mapping[str, Any], p: str = "P", q: str = "Q") -> NoReturn:
    """Refuse the options `given` to a function of P and Q, in a sentence.

    Raises:
        TypeError: always.
    """
    name, value = next(iter(given.items()))
    change = _CHANGES.get(name)
    if change is None:
        raise TypeError(f"{function} takes no {name}=; {_near(name, _PARAMETERS)}")
    why, p, q, option = change(_written(value), p, q)
    entropy = function == "entropy"
    sides = p if entropy else f"{p}, {q}"
    call = function if entropy or function in ("value_and_grad", "kl_divergence") else ""
    raise TypeError(
        f"{function} takes no {name}=: {why}; write {call or 'cross_entropy'}({sides}{option})"
    )


def refuse_of(kind: str, given: Mapping[str, Any], own: str, *known: str) -> NoReturn:
    """Refuse the options `given` to a representation, which one writes as `own`.

    Raises:
        TypeError: always.
    """
    name, value = next(iter(given.items()))
    change = _CHANGES.get(name)
    if change is None:
        raise TypeError(f"{kind} takes no {name}=; {_near(name, known)}")
    # A target changes as P, a prediction as Q; what only the other side can say is said of it.
    target = kind in _TARGETS
    yes_no = kind.startswith("Binary")
    other = ("BinaryLogits(z)", "BinaryProbs(y)") if yes_no else ("Logits(z)", "Labels(y)")
    before = (own, other[0]) if target else (other[1], own)
    why, p, q, option = change(_written(value), *before)
    changed = p if p != before[0] else q if q != before[1] else ""
    written = changed or f"cross_entropy({p}, {q}{option})"
    raise TypeError(f"{kind} takes no {name}=: {why}; write {written}")


def _near(name: str, known: tuple[str, ...]) -> str:
    if not known:
        return "it takes no options"
    near = get_close_matches(name, known, 1)
    if near:
        return f"did you mean {near[0]}=?"
    return f"its options are {', '.join(f'{k}=' for k in known)}"


def _written(value: Any) -> str:
    """A number as it is, and w for everything else."""
    return shown(value) if isinstance(value, int | float) else "w"


def _smoothing(v: str, p: str, q: str) -> Change:
    return "smoothing is a change of P", f"Smoothed({p}, {v})", q, ""


def _ignored(v: str, p: str, q: str) -> Change:
    if p in ("P", "Labels(y)"):
        return "the labels say which of them is ignored", f"Labels(y, ignore={v})", q, ""
    if "BinaryProbs(y)" in (p, q):
        return "the outcomes say which is ignored", f"BinaryProbs(y, ignore={v})", q, ""
    why = "only labels have a mark for what is missing, and a weight of 0 leaves an event out"
    return why, f"Weighted({p}, sample_weight=mask)", q, ""


def _axis(v: str, p: str, q: str) -> Change:
    if "Binary" in p + q:
        return "yes/no outcomes have no class axis, every element is an event", p, q, ""
    if q in ("Q", "P"):
        q = "Logits(z)"
    sides = [s[:-1] + f", axis={v})" if s.startswith(_WITH_AXIS) else s for s in (p, q)]
    return "the array of the classes says on which axis they are", sides[0], sides[1], ""


def _weight(v: str, p: str, q: str) -> Change:
    if "Binary" in p + q:
        return "a weight is mass of P", f"Weighted({p}, sample_weight={v})", q, ""
    return (
        "a weight is mass of P, class_weight one for each class and sample_weight one for each "
        "event", f"Weighted({p}, class_weight={v})", q, "",
    )  # fmt: skip


def _class_weight(v: str, p: str, q: str) -> Change:
    return "a weight is mass of P", f"Weighted({p}, class_weight={v})", q, ""


def _sample_weight(v: str, p: str, q: str) -> Change:
    return "a weight is mass of P", f"Weighted({p}, sample_weight={v})", q, ""


def _pos_weight(v: str, p: str, q: str) -> Change:
    return (
        "the weight of yes is mass of P", f"Weighted(BinaryProbs(y), class_weight=(1.0, {v}))",
        "BinaryLogits(z)", ", reduction='sum_over_batch_size'",
    )  # fmt: skip


def _from_logits(v: str, p: str, q: str) -> Change:
    scores = "Logits(z)" if "Binary" not in p + q else "BinaryLogits(z)"
    probabilities = "Probs(q)" if "Binary" not in p + q else "BinaryProbs(q)"
    why = f"a type says what Q is, {scores} scores and {probabilities} probabilities"
    return why, p, probabilities if v == "False" else scores, ""


def _reduced(v: str, p: str, q: str) -> Change:
    return _REDUCED, p, q, ", reduction='none'" if v == "False" else ", reduction='mean'"


def _softcap(v: str, p: str, q: str) -> Change:
    return "capping is a change of Q", p, f"Logits(z, softcap={v})", ""


def _temperature(v: str, p: str, q: str) -> Change:
    scores = "BinaryLogits(z)" if "Binary" in p + q else "Logits(z)" if q.startswith("Probs") else q
    return "a temperature is a change of Q", p, f"Tempered({scores}, {v})", ""


def _log_target(v: str, p: str, q: str) -> Change:
    return "P is probabilities", "Probs(exp(p))", q, ""


_TARGETS = ("Labels", "Probs", "SparseProbs", "BinaryProbs", "Smoothed", "Weighted")
_WITH_AXIS = ("Logits(", "LogProbs(", "Probs(")
_CHANGES: dict[str, Callable[[str, str, str], Change]] = {
    "label_smoothing": _smoothing,
    "ignore_index": _ignored,
    "ignore_class": _ignored,
    "dim": _axis,
    "axis": _axis,
    "weight": _weight,
    "class_weight": _class_weight,
    "class_weights": _class_weight,
    "sample_weight": _sample_weight,
    "sample_weights": _sample_weight,
    "weights": _sample_weight,
    "pos_weight": _pos_weight,
    "from_logits": _from_logits,
    "size_average": _reduced,
    "reduce": _reduced,
    "softcap": _softcap,
    "logit_softcapping": _softcap,
    "temperature": _temperature,
    "log_target": _log_target,
}

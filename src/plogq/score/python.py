"""`plogq.evaluate`: the report of `plogq score` for arrays, tables and files, from Python."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, cast

from . import inputs
from .column import InputError, Source, in_python
from .evaluate import empty_totals, opened_file, score_source
from .kept import Keeper, Kept, Teller
from .memory import Table, as_table, class_names, refuse_other_order, table_of
from .places import located
from .report import Report
from .running import Totals, frame_of
from .scale import Content
from .spread import Map, score_pieces
from .survey import Wish

_OPTIONS = {f.name for f in fields(Wish)} - {"prediction", "content"}
# What others call them.
_ELSEWHERE = {
    "sample_weight": "weight", "sample_weights": "weight", "label": "target", "labels": "target",
    "y_true": "target", "y_pred": "probs", "y_proba": "probs", "y_score": "logits",
    "groups": "cluster", "class_names": "classes", "pos_label": "positive",
}  # fmt: skip
_WEIGHT, _CLUSTER = "weight", "cluster"
_CONTENTS: tuple[Content, ...] = ("probs", "logits", "log-probs")


def evaluate(
    data: Any,
    /,
    prediction: Any = None,
    *,
    target: str | None = None,
    probs: str | None = None,
    logits: str | None = None,
    log_probs: str | None = None,
    weight: Any = None,
    by: Any = None,
    cluster: Any = None,
    classes: Sequence[Any] | None = None,
    name: str | None = None,
    strict: bool = False,
    worst: int = 10,
    map: Map | None = None,
    **options: Any,
) -> Report:
    """The cross-entropy of a prediction and what surrounds it: the report of `plogq score`.

    `evaluate(target, prediction)` takes arrays of any framework, or representations: labels of
    shape (...) or soft targets of shape (..., K), and a prediction of shape (..., K); for yes/no
    outcomes both have one shape. What an array holds is found as in a file, a representation says
    it. `weight` and `cluster` are then arrays, and `by` is a dictionary of arrays; `classes` names
    the classes, as do the columns of a prediction that is a table.

    `evaluate(table, target="label", probs="p_*")` takes a pandas, polars or pyarrow table, and
    `evaluate("predictions.parquet")` a file: there all of these are names of columns, and columns
    that are not named are found. `name` is what the report calls the prediction, and `options` are
    those of `Wish`, such as `calibration=True`.

    With `map` the files of a folder, a pattern or a list of paths are scored by whatever `map`
    calls: it is like the built-in one, and may be an executor's, `pool.imap_unordered`, or that of
    any engine whose workers can unpickle a function of plogq. The report is the same, bit for bit,
    but holds no rows.

    Raises:
        InputError: what is given allows more than one reading, or cannot be scored.
        ModuleNotFoundError: an extra that is needed is not installed.

    >>> import plogq
    >>> report = plogq.evaluate([0, 1, 1], [[0.5, 0.5], [0.25, 0.75], [0.1, 0.9]])
    >>> round(report.cross_entropy, 4), report.rows()["rank"].tolist()
    (0.3621, [1, 1, 1])
    """
    with in_python():
        wish = replace(
            _wish(options, probs=probs, logits=logits, log_probs=log_probs), target=target
        )
        if prediction is not None:
            if map is not None:
                raise InputError("map= scores files, and these are arrays: leave it out")
            wish, source = _arrays(data, prediction, wish, weight, by, cluster, classes)
            return _report(source, name or "prediction", wish, strict, worst)
        wish = replace(wish, **_named(weight, by, cluster))
        places = _places(data)
        if map is not None or (places is not None and not isinstance(data, str | PathLike)):
            if places is None:
                raise InputError(
                    "map= scores files: give a path, a folder, a pattern, or a list of paths"
                )
            name = name or (places[0].name if len(places) == 1 else f"{len(places):,} files")
            return score_pieces(
                places, wish, builtins.map if map is None else map, name=name, strict=strict,
                worst=worst,
            )  # fmt: skip
        if isinstance(data, str | PathLike):
            path = located(cast("str", data))
            with opened_file(path, wish) as source:
                return _report(source, name or path.name or str(path), wish, strict, worst)
        return _report(Table(as_table(data), classes), name or "table", wish, strict, worst)


def totals(data: Any, wish: Wish | None = None, *, name: str = "", worst: int = 10) -> Totals:
    """Totals without rows, for data like these: a file, a folder, a pattern, or a table.

    What each column is is found from the first rows, as `wish` says; the rows are then added
    wherever they are, to copies of these totals, and merged.

    Raises:
        InputError: columns allow more than one reading.

    >>> import plogq.score
    >>> empty = plogq.score.totals({"p0": [0.5, 0.2], "p1": [0.5, 0.8], "label": [0, 1]})
    >>> empty.rows, empty.roles.classes
    (0, ('0', '1'))
    """
    wish = wish or Wish()
    with in_python():
        if isinstance(data, str | PathLike):
            path = located(cast("str", data))
            with opened_file(path, wish) as source:
                return empty_totals(source, wish, name=name or path.name, worst=worst)
        return empty_totals(Table(frame_of(data)), wish, name=name or "table", worst=worst)


def _places(data: Any) -> list[Path] | None:
    """The paths that were given; None where it is something else."""
    every: list[Any] = cast("Any", data) if isinstance(data, list | tuple) else [data]
    if not every or not all(isinstance(each, str | PathLike) for each in every):
        return None
    return [located(each) for each in every]


def _arrays(
    target: Any, prediction: Any, wish: Wish, weight: Any, by: Any, cluster: Any,
    classes: Sequence[Any] | None,
) -> tuple[Wish, Source]:  # fmt: skip
    if wish.target is not None or wish.prediction is not None or wish.log_likelihood is not None:
        raise InputError(
            "target=, probs=, logits=, log_probs= and log_likelihood= name columns of a table: "
            "leave them out beside arrays, whose kind plogq.Probs(...) and the like say"
        )
    if by is not None and not isinstance(by, Mapping):
        raise InputError('beside arrays by= is a dictionary, such as by={"city": cities}')
    slices = {str(key): x for key, x in cast("Mapping[Any, Any]", by or {}).items()}
    refuse_other_order(target, prediction)
    if classes is None:
        classes = class_names(prediction)
    given = {key: x for key, x in ((_WEIGHT, weight), (_CLUSTER, cluster)) if x is not None}
    found, wish = inputs.columns(target, prediction, slices, given, wish)
    wish = replace(
        wish,
        weight=None if weight is None else _WEIGHT,
        cluster=None if cluster is None else _CLUSTER,
        by=tuple(slices),
    )
    if classes is not None and (isinstance(classes, str) or not hasattr(classes, "__len__")):
        raise InputError("classes= names every class, such as classes=['cat', 'dog']")
    return wish, Table(table_of(found), classes)


def _named(weight: Any, by: Any, cluster: Any) -> dict[str, Any]:
    """Names of columns of a table.

    Raises:
        InputError: one is no name.
    """
    several = isinstance(by, list | tuple)
    slices: tuple[Any, ...] = () if by is None else tuple(cast("Any", by)) if several else (by,)
    for option, name in (("weight", weight), ("cluster", cluster), *(("by", n) for n in slices)):
        if not isinstance(name, str | None):
            raise InputError(
                f"{option}= names a column of the table, and this is {type(name).__name__}: "
                "arrays go beside a target and a prediction that are arrays too"
            )
    return {"weight": weight, "by": slices, "cluster": cluster}


def _report(source: Source, name: str, wish: Wish, strict: bool, worst: int) -> Report:
    keeper, teller = Keeper(), Teller()
    report = score_source(
        source, name, wish, strict=strict, worst=worst, takers=(keeper, teller)
    )  # fmt: skip
    return replace(report, kept=Kept(keeper.losses(name), teller.columns()))


def _wish(options: Mapping[str, Any], **predictions: str | None) -> Wish:
    """What is said of the columns.

    Raises:
        InputError: there is no such option, or more than one prediction.
    """
    for key in options:
        if key not in _OPTIONS:
            near = _ELSEWHERE.get(key) or next(iter(get_close_matches(key, _OPTIONS, 1)), None)
            raise InputError(
                f"plogq.evaluate has no option {key!r}; "
                + (f"write {near}=" if near else f"it has {', '.join(sorted(_OPTIONS))}")
            )
    for key in ("clip", "tolerance"):
        if not isinstance(options.get(key), int | float | None):
            raise InputError(f"{key}= is a number, not {type(options[key]).__name__}")
    given = [
        (content, text)
        for content, text in zip(_CONTENTS, predictions.values(), strict=True)
        if text is not None
    ]
    if len(given) > 1:
        raise InputError("give one of probs, logits and log_probs: they are one prediction")
    content, text = given[0] if given else (None, None)
    return replace(Wish(**options), prediction=text, content=content)

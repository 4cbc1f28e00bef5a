"""The command `compare`: two or more predictions of the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import score_options as options
from .console import Format, FormatOption, print_json, printed, stop
from .score import InputError, Wish, compare_files
from .score.show_comparison import show_comparison
from .score.terminal import trace


def compare(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE FILE...",
            help="Two or more files of predictions of the same rows, as `plogq score` reads them.",
        ),
    ],
    on: Annotated[
        str | None,
        options.column_option(
            "--on", "The column of ids by which rows are matched; without, they go by order."
        ),
    ] = None,
    by: options.By = None,
    cluster: options.Cluster = None,
    target: options.Target = None,
    probs: options.Probs = None,
    logits: options.Logits = None,
    log_probs: options.LogProbs = None,
    binary: options.Binary = False,
    multilabel: options.Multilabel = False,
    weight: options.Weight = None,
    positive: options.Positive = None,
    ignore: options.Ignore = None,
    first_label: options.FirstLabel = None,
    tolerance: options.Tolerance = None,
    renormalize: options.Renormalize = False,
    clip: options.Clip = None,
    log_likelihood: options.LogLikelihood = None,
    truth: options.Truth = None,
    header: options.Header = True,
    strict: options.Strict = False,
    slices: Annotated[int, typer.Option(min=1, help="Values of a --by column to show.")] = 20,
    worst: Annotated[int, typer.Option(min=0, help="How many rows that differ to name.")] = 10,
    format: FormatOption = Format.table,
) -> None:
    """Compare predictions of the same rows: is B better than A, and how sure is that?

    Every two files are set beside each other, event by event: the difference is H of the second
    minus H of the first, so below 0 the second is better. The truth must be the same in all.

    [bold]Examples[/bold]

      plogq compare old.csv new.csv

      plogq compare old.parquet new.parquet --on id --by city --cluster patient

      plogq compare a.csv b.csv c.csv --truth solution.csv --on id

      plogq compare old.csv new.csv --format json | jq '.pairs[0].difference'
    """
    content, prediction = options.prediction("compare", probs, logits, log_probs)
    wish = Wish(
        target=target,
        prediction=prediction,
        content=content,
        binary=binary,
        multilabel=multilabel,
        weight=weight,
        positive=positive,
        ignore=ignore,
        first_label=first_label,
        tolerance=tolerance,
        renormalize=renormalize,
        clip=clip,
        header=header,
        log_likelihood=log_likelihood,
        by=tuple(by or ()),
        cluster=cluster,
        truth=truth,
        on=on,
    )
    try:
        found = compare_files(files, wish, strict=strict, worst=worst, progress=options.progress)
    except InputError as error:
        trace(error)
        stop("compare", str(error))
    if format is Format.json:
        print_json(found.to_dict())
    else:
        with printed() as console:
            show_comparison(found, console, slices)

"""The command `compare`: two or more predictions of the same rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..score import Wish, compare_files
from ..score.show_comparison import show_comparison
from . import options
from .console import Format, FormatOption, print_json, printed


@options.with_wish
def compare(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE FILE...",
            help="Two or more files of predictions of the same rows, as `plogq score` reads them.",
        ),
    ],
    wish: Wish,
    on: options.On = None,
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
    wish = replace(wish, on=on)
    found = compare_files(files, wish, worst=worst, progress=options.progress)
    if format is Format.json:
        print_json(found.to_dict())
    else:
        with printed() as console:
            show_comparison(found, console, slices)
    if strict:
        options.found_wanting("compare", found.files)

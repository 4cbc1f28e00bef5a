"""The command `report`: what `plogq score` and `plogq compare` find, as a page to read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..score import InputError, Wish, score_file
from ..score.compare import scored_files
from ..score.report import Comparison, Report
from ..score.shown import shown
from ..score.terminal import emit, say
from ..score.web import missing, page, write_page
from . import options
from .console import stop

# Every two of them are compared, and a page of more pairs is none to read.
_MOST_FILES = 12


@options.with_wish
def report(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Predictions as `plogq score` reads them; those of the same rows are compared.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Where the page goes; - for standard output."
        ),
    ] = Path("report.html"),
    wish: Wish = Wish(),  # noqa: B008
    bytes: options.Bytes = None,
    text: options.Text = None,
    on: options.On = None,
    strict: options.Strict = False,
    workers: options.Workers = None,
    engine: options.EngineOption = None,
    address: options.Address = None,
    worst: Annotated[
        int, typer.Option(min=0, help="How many of the worst and of the suspicious rows to name.")
    ] = 100,
) -> None:
    """Write a page to read: numbers in sentences, calibration, losses, classes, rows to look at.

    One file of HTML, which opens without a network, follows light and dark, prints, and whose
    tables sort and filter. With several files of the same rows it begins with their comparison.

    [bold]Examples[/bold]

      plogq report digits.parquet

      plogq report test.csv --by city --by hospital -o test.html

      plogq report old.parquet new.parquet --on id -o comparison.html
    """
    lost = missing()
    if lost is not None:
        stop("report", f"it needs {lost}, which is not installed: pip install 'plogq[report]'")
    if len(files) > _MOST_FILES:
        stop("report", f"it takes {_MOST_FILES} files, and these are {len(files)}: give fewer")
    _check_place(output, [*files, *([] if wish.truth is None else [Path(wish.truth)])])
    wish = replace(wish, bytes=bytes, text=text, on=on, pictures=True)
    comparison, alone = None, ""
    if len(files) == 1:
        with options.progress(files[0].name) as progress:
            score = options.spread(workers, engine, address) or score_file
            found = score(files[0], wish, worst=worst, progress=progress)
        named = [(found.file, found)]
    elif (workers, engine, address) != (None, None, None):
        raise InputError(
            "--workers and --engine score one file, folder or pattern: give one, as rows that are "
            "compared are matched by one worker"
        )
    else:
        named, comparison, alone = _several(files, wish, worst)
    with options.progress("the page", "was drawn") as progress:
        made = page(named, comparison, alone, progress)
    if str(output) == "-":
        emit(made)
    else:
        write_page(made, output)
        emit(f"wrote {shown(str(output))}\n")
    if strict:
        options.found_wanting("report", [found for _, found in named])


def _several(
    files: list[Path], wish: Wish, worst: int
) -> tuple[list[tuple[str, Report]], Comparison | None, str]:
    """The reports, and their comparison or the reason why there is none."""
    scored = scored_files(files, wish, worst=worst, progress=options.progress, sliced=True)
    named = [(losses.name, found) for found, losses in scored]
    try:
        return named, Comparison.of(scored, worst), ""
    except InputError as error:
        if wish.on is not None:
            raise
        # Files of other rows have reports all the same.
        say("plogq report", f"the files are not compared: {error}")
        return named, None, f"The files are not compared: {error}."


def _check_place(output: Path, read: list[Path]) -> None:
    """Refuse to write over what is read.

    Raises:
        InputError: it would be.
    """
    for each in read:
        if str(each) != "-" and each.resolve() == output.resolve():
            raise InputError(f"-o would overwrite {output}, which is read: name another file")

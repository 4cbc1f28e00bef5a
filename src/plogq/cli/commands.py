"""The commands `score` and `explain`, and where the others come together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from .. import __version__
from ..score import Wish, score_file
from ..score.page import fitting
from ..score.show import show
from ..score.terminal import cell
from . import options
from .choose import choose
from .compare import compare
from .console import Command, Format, FormatOption, Group, print_json, printed
from .doctor import SETTINGS, doctor
from .lint import lint
from .report import report

app = typer.Typer(
    name="plogq",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Cross-entropy, H(P, Q) = -Σ p log q: score a file of predictions, or find your call.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"plogq {__version__}")
        raise typer.Exit


app.command(cls=Command, no_args_is_help=True)(compare)
app.command(cls=Command, no_args_is_help=True)(report)
app.command(cls=Command)(lint)
app.command(cls=Command)(choose)
app.command(cls=Command, context_settings=SETTINGS)(doctor)


@app.callback()
def plogq(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Cross-entropy on the command line."""
    del version


@app.command(cls=Command, no_args_is_help=True)
@options.with_wish
def score(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSON lines, Parquet, Arrow, NPZ or NPY, which may be larger than memory; "
            "a folder or a pattern of such files; or - for standard input."
        ),
    ],
    wish: Wish,
    calibration: Annotated[
        bool,
        typer.Option(
            "--calibration",
            help="Reliability, Brier score, the best temperature, what miscalibration costs, and "
            "labels that are likely wrong (needs SciPy).",
        ),
    ] = False,
    plot: Annotated[
        bool,
        typer.Option("--plot", help="Draw the reliability curve too; brings --calibration."),
    ] = False,
    bytes: options.Bytes = None,
    text: options.Text = None,
    rows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every row's loss to this Parquet or CSV file."),
    ] = None,
    on: options.On = None,
    strict: options.Strict = False,
    classes: Annotated[int, typer.Option(min=0, help="Rows of classes in the table.")] = 20,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst events to name.")] = 10,
    workers: options.Workers = None,
    engine: options.EngineOption = None,
    address: options.Address = None,
    format: FormatOption = Format.table,
) -> None:
    """Score a file of predictions: cross-entropy, baselines, classes, worst events.

    Columns that are not given are found, and the report says what it took them for and why; where
    more than one reading is possible it stops and says what to add. Rows count from 0.

    [bold]Examples[/bold]

      plogq score digits.parquet

      plogq score test.csv --target species --probs 'prob_*'

      plogq score tokens.arrow --logits logits --target next --ignore -100

      plogq score clicks.npz --binary --probs clicked --target label --weight w

      plogq score digits.parquet --format json | jq .cross_entropy

      plogq score predictions/ --workers 8
    """
    wish = replace(wish, calibration=calibration or plot, bytes=bytes, text=text, on=on)
    with options.progress(file.name) as progress:
        spread = options.spread(workers, engine, address)
        found = (score_file if spread is None else spread)(
            file, wish, worst=worst, rows_to=rows, progress=progress
        )
    if format is Format.json:
        print_json(found.to_dict())
    else:
        with printed() as console:
            show(found, console, classes, plot=plot)
    if strict:
        options.found_wanting("score", [found])


@app.command(cls=Command)
def explain(format: FormatOption = Format.table) -> None:
    """Which kernels run on this machine: instruction set, threads, and the table of kernels.

    [bold]Example[/bold]

      PLOGQ_NUM_THREADS=1 plogq explain
    """
    from ..kernels import describe

    facts = describe()
    if format is Format.json:
        print_json(facts)
        return
    with printed() as console:
        for name, value in facts.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                rows = cast("list[dict[str, Any]]", value)
                console.print()
                _print_table(
                    console, list(rows[0]), [tuple(_plain(v) for v in r.values()) for r in rows]
                )
            else:
                line = f"{name.replace('_', ' ')}: {_plain(value)}"
                console.print(cell(line, console.encoding))


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in cast("Sequence[Any]", value))
    return str(value)


def _print_table(
    console: Console,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, column in zip(header, zip(*rows, strict=True), strict=True):
        # A name that is cut short by an ellipsis is of no use to whoever wants to copy it.
        longest = max(len(word) for text in (name, *column) for word in text.split())
        table.add_column(name, overflow="fold", min_width=longest)
    for row in rows:
        table.add_row(*(cell(text, console.encoding) for text in row))
    console.print(fitting(table, console))

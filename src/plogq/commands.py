"""The commands `score`, `choose` and `explain`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from . import __version__
from .choose_command import choose
from .console import Command, Format, FormatOption, Group, print_json, printed, stop
from .doctor.command import lint
from .doctor.watch.command import SETTINGS, doctor
from .score import InputError, Wish, score_file
from .score.read import open_source
from .score.scale import Content
from .score.show import show
from .score.shown import shown
from .score.terminal import cell, trace

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


def _columns(context: typer.Context, incomplete: str) -> list[str]:
    """Tab completion: the columns of the file that stands on the line already."""
    # An option that still waits for its value leaves the file among the unread arguments.
    path = context.params.get("file") or next(iter(context.args), None)
    if path is None:
        return []
    try:
        fields = open_source(Path(path)).fields
    except Exception:
        # Between two keystrokes there is nothing to say.
        return []
    return [f.name for f in fields if f.name.startswith(incomplete) and shown(f.name) == f.name]


def _column_option(name: str, what: str) -> Any:
    return typer.Option(
        name, metavar="COLUMN", help=what, autocompletion=_columns, show_default=False
    )


@app.command(cls=Command, no_args_is_help=True)
def score(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV, JSON lines, Parquet, Arrow, NPZ or NPY, which may be larger than memory; "
            "a folder or a pattern of such files; or - for standard input."
        ),
    ],
    target: Annotated[
        str | None,
        _column_option(
            "--target",
            "What is true: class indices from 0, names of classes, or for soft targets a list "
            "column or a pattern such as 't*'.",
        ),
    ] = None,
    probs: Annotated[
        str | None,
        _column_option(
            "--probs",
            "The prediction, as probabilities: a list column, a pattern such as 'p*', names with "
            "commas, or with yes/no outcomes one column.",
        ),
    ] = None,
    logits: Annotated[
        str | None, _column_option("--logits", "The prediction, as scores before the softmax.")
    ] = None,
    log_probs: Annotated[
        str | None, _column_option("--log-probs", "The prediction, as log-probabilities.")
    ] = None,
    binary: Annotated[
        bool,
        typer.Option("--binary", help="Yes/no outcomes: one column with the prediction of yes."),
    ] = False,
    multilabel: Annotated[
        bool,
        typer.Option(
            "--multilabel", help="Yes/no outcomes beside each other: every column is one of them."
        ),
    ] = False,
    weight: Annotated[
        str | None, _column_option("--weight", "Weights of the rows: every mean is Σ w x / Σ w.")
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="The label that means yes, in a column of two labels."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL",
            help="Leave out rows with this label, for example -100; may be given several times.",
        ),
    ] = None,
    first_label: Annotated[
        int | None, typer.Option(help="The label of the first class, where it is not 0.")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="How far from 1 the probabilities of a row may sum. [default: 0.001, or what "
            "rounding to the decimals that they have comes to]",
            show_default=False,
        ),
    ] = None,
    renormalize: Annotated[
        bool,
        typer.Option("--renormalize", help="Divide every row of probabilities by its sum."),
    ] = False,
    clip: Annotated[
        float | None,
        typer.Option(
            metavar="EPS", help="Keep probabilities from EPS to 1 - EPS, after --renormalize."
        ),
    ] = None,
    calibration: Annotated[
        bool,
        typer.Option(
            "--calibration",
            help="Reliability, Brier score, the best temperature, what miscalibration costs, and "
            "labels that are likely wrong (needs SciPy).",
        ),
    ] = False,
    log_likelihood: Annotated[
        str | None,
        _column_option(
            "--log-likelihood", "log q of what happened: a token a row, or a list of tokens."
        ),
    ] = None,
    bytes: Annotated[
        str | None, _column_option("--bytes", "With --log-likelihood: how many bytes each row has.")
    ] = None,
    text: Annotated[
        str | None, _column_option("--text", "With --log-likelihood: the text of each row.")
    ] = None,
    by: Annotated[
        list[str] | None,
        _column_option(
            "--by", "Slices: H for each value of this column; may be given several times."
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        _column_option(
            "--cluster", "Rows of one value belong together, and the standard error knows it."
        ),
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every row's loss to this Parquet or CSV file."),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file that holds the target, where it is another."),
    ] = None,
    on: Annotated[
        str | None,
        _column_option("--on", "The column of ids in both files; without, they go by order."),
    ] = None,
    header: Annotated[
        bool,
        typer.Option(
            "--header/--no-header",
            help="Whether the first line of a text file names the columns; without, they are "
            "column0, column1, ….",
        ),
    ] = True,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Stop at the first bad row instead of counting it."),
    ] = False,
    classes: Annotated[int, typer.Option(min=0, help="Rows of classes in the table.")] = 20,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst events to name.")] = 10,
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
    """
    pairs: tuple[tuple[Content, str | None], ...] = (
        ("probs", probs), ("logits", logits), ("log-probs", log_probs)
    )  # fmt: skip
    given: dict[Content, str] = {content: text for content, text in pairs if text is not None}
    if len(given) > 1:
        stop("score", "give one of --probs, --logits and --log-probs: they are one prediction")
    content = next(iter(given), None)
    wish = Wish(
        target=target,
        prediction=given[content] if content else None,
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
        calibration=calibration,
        log_likelihood=log_likelihood,
        bytes=bytes,
        text=text,
        by=tuple(by or ()),
        cluster=cluster,
        truth=truth,
        on=on,
    )
    try:
        with _progress(file.name) as progress:
            report = score_file(
                file, wish, strict=strict, worst=worst, rows_to=rows, progress=progress
            )
    except InputError as error:
        trace(error)
        stop("score", str(error))
    if format is Format.json:
        print_json(report.as_dict())
    else:
        with printed() as console:
            show(report, console, classes)


@app.command(cls=Command)
def explain(format: FormatOption = Format.table) -> None:
    """Which kernels run on this machine: instruction set, threads, and the table of kernels.

    [bold]Example[/bold]

      PLOGQ_NUM_THREADS=1 plogq explain
    """
    from .kernels import describe

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
    words = [
        max(len(word) for text in column for word in text.split())
        for column in zip(header, *rows, strict=True)
    ]
    if sum(words) + 2 * len(words) > console.width:
        # Too narrow for a table of whole words: each row is a paragraph.
        for row in rows:
            console.print(cell(row[0], console.encoding, "bold"))
            for name, text in zip(header[1:], row[1:], strict=True):
                console.print(cell(f"  {name}: {text}", console.encoding))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, longest in zip(header, words, strict=True):
        # A name that is cut short by an ellipsis is of no use to whoever wants to copy it.
        table.add_column(name, overflow="fold", min_width=longest)
    for row in rows:
        table.add_row(*(cell(text, console.encoding) for text in row))
    console.print(table)


@contextmanager
def _progress(name: str) -> Generator[Callable[[float], None] | None, None, None]:
    """A bar on stderr where that is a terminal; nothing otherwise."""
    if not sys.stderr.isatty():
        yield None
        return
    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task(shown(name), total=1.0)
        yield lambda done: bar.update(task, completed=done)

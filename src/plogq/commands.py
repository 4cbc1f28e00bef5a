"""The commands `score`, `choose` and `explain`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from . import __version__
from .choose import DECISIONS, QUESTIONS, REDUCTIONS, TABLE, Question
from .doctor.command import lint
from .doctor.watch.command import SETTINGS, doctor
from .score import InputError, Wish, score_file
from .score.kinds import Content
from .score.read import open_source
from .score.show import show
from .score.shown import as_json, shown
from .score.terminal import cell, emit, say, trace

app = typer.Typer(
    name="plogq",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Cross-entropy, H(P, Q) = -Σ p log q: score a file of predictions, or find your call.",
)


class Format(StrEnum):
    """How a result is printed."""

    table = "table"
    json = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="A table to read, or JSON for a program.")
]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"plogq {__version__}")
        raise typer.Exit


app.command()(lint)
app.command(context_settings=SETTINGS)(doctor)


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


@app.command(no_args_is_help=True)
def score(
    file: Annotated[
        Path, typer.Argument(help="CSV, Parquet, Arrow IPC or NPZ; it may be larger than memory.")
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
    weight: Annotated[
        str | None, _column_option("--weight", "Weights of the rows: every mean is Σ w x / Σ w.")
    ] = None,
    ignore: Annotated[
        int | None, typer.Option(help="Leave out rows with this label, for example -100.")
    ] = None,
    first_label: Annotated[
        int | None, typer.Option(help="The label of the first class, where it is not 0.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="How far from 1 the probabilities of a row may sum.")
    ] = 1e-3,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first bad row instead of counting it.")
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
        _stop("score", "give one of --probs, --logits and --log-probs: they are one prediction")
    content = next(iter(given), None)
    wish = Wish(
        target=target,
        prediction=given[content] if content else None,
        content=content,
        binary=binary,
        weight=weight,
        ignore=ignore,
        first_label=first_label,
        tolerance=tolerance,
    )
    try:
        with _progress(file.name) as progress:
            report = score_file(file, wish, strict=strict, worst=worst, progress=progress)
    except InputError as error:
        trace(error)
        _stop("score", str(error))
    if format is Format.json:
        _print_json(report.as_dict())
    else:
        with _printed() as console:
            show(report, console, classes)


@app.command()
def choose(
    outcomes: Annotated[
        str | None, typer.Option(help="exclusive (one of K classes) or independent (yes/no each).")
    ] = None,
    prediction: Annotated[
        str | None, typer.Option(help="scores, probabilities, log-probabilities or hidden.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="hard (which class) or soft (a probability for each).")
    ] = None,
    format: FormatOption = Format.table,
) -> None:
    """Which cross-entropy do I want? Three questions, and the call in five libraries.

    [bold]Examples[/bold]

      plogq choose

      plogq choose --outcomes exclusive --prediction scores --target hard
    """
    given = (outcomes, prediction, target)
    answers = tuple(_answer(q, a) for q, a in zip(QUESTIONS, given, strict=True))
    calls = DECISIONS[answers]  # pyright: ignore[reportArgumentType]
    libraries = {
        "plogq": calls.plogq,
        "Keras": calls.keras,
        "TensorFlow": calls.tensorflow,
        "PyTorch": calls.pytorch,
        "optax": calls.optax,
    }
    if format is Format.json:
        _print_json({"answers": list(answers), "calls": libraries})
        return
    with _printed() as console:
        console.print(cell(", ".join(answers), console.encoding, "bold"))
        # A call is there to be copied, so no table may break its line.
        for library, call in libraries.items():
            console.print(cell(f"  {library:<11} {call}", console.encoding), soft_wrap=True)
        console.print(f"{REDUCTIONS}\n")
        _print_table(
            console,
            ["helper", "outcomes", "Q", "P", "in plogq"],
            [(h.name, h.outcomes, h.prediction, h.target, h.plogq) for h in TABLE],
            marked=calls.plogq,
        )


def _answer(question: Question, given: str | None) -> str:
    """The answer that a flag gave, or the one that the user gives now."""
    names = [name for name, _ in question.answers]
    if given is not None:
        if given not in names:
            _stop("choose", f"--{question.name} is {' or '.join(names)}, not {given!r}")
        return given
    numbers = [str(i) for i in range(1, len(names) + 1)]
    emit(f"{question.text}\n")
    for i, (_, meaning) in zip(numbers, question.answers, strict=True):
        emit(f"  {i}  {meaning}\n")
    while True:
        try:
            text = typer.prompt("Number").strip()
        except typer.Abort as abort:
            if isinstance(abort.__context__, KeyboardInterrupt):
                raise
            _stop("choose", f"no answer came: add --{question.name} {'|'.join(names)}")
        if text in names:
            return text
        if text in numbers:
            return names[numbers.index(text)]
        emit(f"Answer with a number from 1 to {len(names)}.\n")


@app.command()
def explain(format: FormatOption = Format.table) -> None:
    """Which kernels run on this machine: instruction set, threads, and the table of kernels.

    [bold]Example[/bold]

      PLOGQ_NUM_THREADS=1 plogq explain
    """
    from .kernels import describe

    facts = describe()
    if format is Format.json:
        _print_json(facts)
        return
    with _printed() as console:
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
    marked: str | None = None,
) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in header:
        # A name that is cut short by an ellipsis is of no use to whoever wants to copy it.
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = [cell(text, console.encoding) for text in row]
        table.add_row(*cells, style="bold green" if marked in row else None)
    console.print(table)


def _print_json(value: Any) -> None:
    emit(as_json(value, getattr(sys.stdout, "encoding", None) or "utf-8") + "\n")


@contextmanager
def _printed() -> Generator[Console, None, None]:
    """What is printed here goes out at the end, and not at all after an error."""
    console = Console()
    with console.capture() as captured:
        yield console
    emit(captured.get())


def _stop(command: str, sentence: str) -> NoReturn:
    """End with exit code 2 and one sentence on stderr."""
    say(f"plogq {command}", sentence)
    raise typer.Exit(2)


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

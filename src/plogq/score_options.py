"""What the commands that score take alike: their options, and the bar of their progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from .console import stop
from .score.read import open_source
from .score.report import Report
from .score.scale import Content
from .score.shown import shown


def _columns(context: typer.Context, incomplete: str) -> list[str]:
    """Tab completion: the columns of the file that stands on the line already."""
    # An option that still waits for its value leaves the file among the unread arguments.
    files = context.params.get("files") or context.args
    path = context.params.get("file") or next(iter(files), None)
    if path is None:
        return []
    try:
        fields = open_source(Path(path)).fields
    except Exception:
        # Between two keystrokes there is nothing to say.
        return []
    return [f.name for f in fields if f.name.startswith(incomplete) and shown(f.name) == f.name]


def column_option(name: str, what: str) -> Any:
    """An option that names a column, and completes to those of the file."""
    return typer.Option(
        name, metavar="COLUMN", help=what, autocompletion=_columns, show_default=False
    )


Target = Annotated[
    str | None,
    column_option(
        "--target",
        "What is true: class indices from 0, names of classes, or for soft targets a list "
        "column or a pattern such as 't*'.",
    ),
]
Probs = Annotated[
    str | None,
    column_option(
        "--probs",
        "The prediction, as probabilities: a list column, a pattern such as 'p*', names with "
        "commas, or with yes/no outcomes one column.",
    ),
]
Logits = Annotated[
    str | None, column_option("--logits", "The prediction, as scores before the softmax.")
]
LogProbs = Annotated[
    str | None, column_option("--log-probs", "The prediction, as log-probabilities.")
]
Binary = Annotated[
    bool,
    typer.Option("--binary", help="Yes/no outcomes: one column with the prediction of yes."),
]
Multilabel = Annotated[
    bool,
    typer.Option(
        "--multilabel", help="Yes/no outcomes beside each other: every column is one of them."
    ),
]
Weight = Annotated[
    str | None, column_option("--weight", "Weights of the rows: every mean is Σ w x / Σ w.")
]
Positive = Annotated[
    str | None,
    typer.Option(metavar="LABEL", help="The label that means yes, in a column of two labels."),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LABEL",
        help="Leave out rows with this label, for example -100; may be given several times.",
    ),
]
FirstLabel = Annotated[
    int | None, typer.Option(help="The label of the first class, where it is not 0.")
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        help="How far from 1 the probabilities of a row may sum. [default: 0.001, or what "
        "rounding to the decimals that they have comes to]",
        show_default=False,
    ),
]
Renormalize = Annotated[
    bool,
    typer.Option("--renormalize", help="Divide every row of probabilities by its sum."),
]
Clip = Annotated[
    float | None,
    typer.Option(
        metavar="EPS", help="Keep probabilities from EPS to 1 - EPS, after --renormalize."
    ),
]
LogLikelihood = Annotated[
    str | None,
    column_option(
        "--log-likelihood", "log q of what happened: a token a row, or a list of tokens."
    ),
]
By = Annotated[
    list[str] | None,
    column_option("--by", "Slices: H for each value of this column; may be given several times."),
]
Cluster = Annotated[
    str | None,
    column_option(
        "--cluster", "Rows of one value belong together, and the standard error knows it."
    ),
]
Truth = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The file that holds the target, where it is another."),
]
Header = Annotated[
    bool,
    typer.Option(
        "--header/--no-header",
        help="Whether the first line of a text file names the columns; without, they are "
        "column0, column1, ….",
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Stop at the first bad row instead of counting it."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Score files, and parts of large ones, in N processes.",
        show_default=False,
    ),
]  # fmt: skip


class EngineName(StrEnum):
    """What rows are scored by."""

    processes = "processes"
    ray = "ray"
    dask = "dask"


EngineOption = Annotated[
    EngineName | None,
    typer.Option(
        "--engine",
        help="What the workers are: processes of this machine, or those of a Ray or Dask cluster.",
        show_default=False,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Where the cluster is, such as ray://head:10001 or tcp://scheduler:8786; without, one "
        "is started here.",
        show_default=False,
    ),
]


def spread(
    workers: int | None, engine: EngineName | None, address: str | None
) -> Callable[..., Report] | None:
    """What scores with several workers; None where one is to do it all."""
    if workers is None and engine is None and address is None:
        return None
    from .score.engines import score_spread

    name = EngineName.processes if engine is None else engine
    return partial(score_spread, engine=name.value, workers=workers, address=address)


def prediction(
    command: str, probs: str | None, logits: str | None, log_probs: str | None
) -> tuple[Content | None, str | None]:
    """What the prediction holds and where it is, by the one option of three that names it."""
    pairs: tuple[tuple[Content, str | None], ...] = (
        ("probs", probs), ("logits", logits), ("log-probs", log_probs)
    )  # fmt: skip
    given: dict[Content, str] = {content: text for content, text in pairs if text is not None}
    if len(given) > 1:
        stop(command, "give one of --probs, --logits and --log-probs: they are one prediction")
    content = next(iter(given), None)
    return content, given[content] if content else None


@contextmanager
def progress(name: str) -> Generator[Callable[[float], None] | None, None, None]:
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

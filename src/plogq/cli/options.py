"""What the commands that score take alike: their options, and the bar of their progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import partial, wraps
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ..score import InputError, Report, Wish
from ..score.read import open_source
from ..score.scale import Content
from ..score.shown import shown
from ..score.terminal import say, trace
from .console import FOUND_WANTING, stop


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
Bytes = Annotated[
    str | None, column_option("--bytes", "With --log-likelihood: how many bytes each row has.")
]
Text = Annotated[
    str | None, column_option("--text", "With --log-likelihood: the text of each row.")
]
On = Annotated[
    str | None,
    column_option("--on", "The column of ids by which rows are matched; without, by order."),
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
    typer.Option("--strict", help="End with exit code 1 if any row is bad."),
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
    from ..score.engines import score_spread

    name = EngineName.processes if engine is None else engine
    return partial(score_spread, engine=name.value, workers=workers, address=address)


def _wish(
    target: Target = None,
    probs: Probs = None,
    logits: Logits = None,
    log_probs: LogProbs = None,
    binary: Binary = False,
    multilabel: Multilabel = False,
    weight: Weight = None,
    positive: Positive = None,
    ignore: Ignore = None,
    first_label: FirstLabel = None,
    tolerance: Tolerance = None,
    renormalize: Renormalize = False,
    clip: Clip = None,
    log_likelihood: LogLikelihood = None,
    by: By = None,
    cluster: Cluster = None,
    truth: Truth = None,
    header: Header = True,
) -> Wish:
    pairs: tuple[tuple[Content, str | None], ...] = (
        ("probs", probs), ("logits", logits), ("log-probs", log_probs)
    )  # fmt: skip
    given: dict[Content, str] = {content: text for content, text in pairs if text is not None}
    if len(given) > 1:
        raise InputError("give one of --probs, --logits and --log-probs: they are one prediction")
    content = next(iter(given), None)
    return Wish(
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
        log_likelihood=log_likelihood,
        by=tuple(by or ()),
        cluster=cluster,
        truth=truth,
        header=header,
    )


def with_wish(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameter `wish` is made of the options that say what a file holds; what is
    wrong with files and options ends it with a sentence and exit code 2."""
    own, shared = signature(command, eval_str=True), signature(_wish, eval_str=True)

    @wraps(command)
    def run(**given: Any) -> None:
        said = {name: given.pop(name) for name in shared.parameters}
        try:
            command(wish=_wish(**said), **given)
        except InputError as error:
            trace(error)
            stop(command.__name__, str(error))

    every = [
        parameter
        for each in own.parameters.values()
        for parameter in (shared.parameters.values() if each.name == "wish" else [each])
    ]
    ordered: Any = run
    ordered.__signature__ = own.replace(parameters=every)
    ordered.__annotations__ = {each.name: each.annotation for each in every}
    return run


def found_wanting(command: str, reports: Sequence[Report]) -> None:
    """Under --strict: end with exit code 1 if rows of these files are bad."""
    bad, rows = sum(each.bad_rows for each in reports), sum(each.row_count for each in reports)
    if bad:
        have = "row is" if bad == 1 else "rows are"
        say(
            f"plogq {command}",
            f"{bad:,} of {rows:,} {have} bad, which --strict is not content with",
        )
        raise typer.Exit(FOUND_WANTING)


@contextmanager
def progress(name: str, done: str = "was read") -> Generator[Callable[[float], None], None, None]:
    """A bar on stderr where that is a terminal; after Ctrl-C the interrupt says how far it came."""
    at = 0.0
    with _bar(name) as move:

        def moved(part: float) -> None:
            nonlocal at
            at = part
            move(part)

        try:
            yield moved
        except KeyboardInterrupt as stopped:
            if 0 < at < 1:
                stopped.add_note(f"{at:.0%} of {name} {done}")
            raise


@contextmanager
def _bar(name: str) -> Generator[Callable[[float], None], None, None]:
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task(shown(name), total=1.0)
        yield lambda done: bar.update(task, completed=done)

"""The command `doctor`: run a program, look at its losses, say what is wrong."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .. import __version__
from ..doctor.output.delivery import deliver, stop
from ..doctor.output.machine import as_github, as_sarif
from ..doctor.output.names import Output
from ..doctor.watch.processes import rank
from ..doctor.watch.report import Seen, printed, report_of, show
from ..doctor.watch.run import Missing, run


def doctor(
    context: typer.Context,
    program: Annotated[
        str,
        typer.Argument(
            metavar="SCRIPT", help="A script, or with -m a module; its arguments follow."
        ),
    ],
    module: Annotated[
        bool, typer.Option("-m", "--module", help="The program is a module: -m package.train.")
    ] = False,
    format: Annotated[
        Output, typer.Option("--format", help="For a reader, a program, GitHub or a scanner.")
    ] = Output.text,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there instead of to the terminal.")
    ] = None,
) -> None:
    """Is this the loss you think it is? Run a program and look at the losses that it calls.

    Each call of a loss of PyTorch, Keras, TensorFlow, optax or scikit-learn is looked at a few
    times: what made the prediction, over which axis, and what the labels are. No number of the run
    changes. The report comes at the end, on standard error; in another format on standard output,
    and as JSON or SARIF what the program itself prints goes to standard error.

    Exit code: the program's own; else 1 where an error was found, 0 under torchrun; 2 for bad
    input.

    [bold]Examples[/bold]

      plogq doctor train.py --epochs 1

      plogq doctor -m package.train

      plogq doctor --format sarif --output plogq.sarif train.py

      torchrun --nproc-per-node 2 -m plogq doctor train.py
    """
    try:
        with _apart() if output is None and format in _WHOLE else nullcontext():
            ended = run(program, context.args, module)
    except Missing as missing:
        stop("doctor", str(missing))
    under = rank()
    if not under:
        _print(ended.seen, format, output)
    code = ended.code or (1 if ended.seen.bad and under is None else 0)
    raise typer.Exit(code)


# Formats that are one document: nothing of the program's own may stand in it.
_WHOLE = (Output.json, Output.sarif)


@contextmanager
def _apart() -> Generator[None]:
    """Inside, what is written to standard output goes to standard error, by programs called too."""
    try:
        kept = os.dup(1)
    except OSError:
        yield  # there is no standard output
        return
    sys.stdout.flush()
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _print(seen: Seen, format: Output, output: Path | None) -> None:
    sys.stdout.flush()
    if format is Output.text and output is None:
        show(seen, Console(stderr=True, highlight=False, markup=False, emoji=False))
        return
    if format is Output.text:
        text = printed(seen)
    elif format is Output.json:
        text = json.dumps(seen.as_dict(), indent=2, ensure_ascii=False)
    elif format is Output.github:
        text = as_github(report_of(seen))
    else:
        text = as_sarif(report_of(seen), __version__)
    deliver("doctor", text, output)


SETTINGS = {"allow_interspersed_args": False, "allow_extra_args": True}
app = typer.Typer(name="plogq", pretty_exceptions_enable=False, rich_markup_mode="rich")
app.command(context_settings=SETTINGS)(doctor)


@app.callback()
def plogq() -> None:
    """Cross-entropy on the command line."""

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

from ..doctor.watch.processes import rank
from ..doctor.watch.report import Seen, printed, report_of, show
from ..doctor.watch.run import Missing, run
from .findings import FileOption, FormatOption, Output, deliver, stop


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
    format: FormatOption = Output.text,
    output: FileOption = None,
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
    terminal = Console(stderr=True, highlight=False, markup=False, emoji=False)
    deliver(
        "doctor",
        lambda: report_of(seen),
        format,
        output,
        show=lambda: show(seen, terminal),
        text=lambda: printed(seen),
        json=lambda: json.dumps(seen.as_dict(), indent=2, ensure_ascii=False),
    )


SETTINGS = {"allow_interspersed_args": False, "allow_extra_args": True}
app = typer.Typer(name="plogq", pretty_exceptions_enable=False, rich_markup_mode="rich")
app.command(context_settings=SETTINGS)(doctor)


@app.callback()
def plogq() -> None:
    """Cross-entropy on the command line."""

"""How many files have been linted: on stderr where that is a terminal, and after Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn


@contextmanager
def progress() -> Generator[Callable[[int], None], None, None]:
    """What is to be called with the number of files; the interrupt of a Ctrl-C says the last."""
    last = 0
    with _counter() as show:

        def moved(files: int) -> None:
            nonlocal last
            last = files
            show(files)

        try:
            yield moved
        except KeyboardInterrupt as stopped:
            if last:
                stopped.add_note(
                    "1 file was linted" if last == 1 else f"{last:,} files were linted"
                )
            raise


@contextmanager
def _counter() -> Generator[Callable[[int], None], None, None]:
    if not sys.stderr.isatty():
        yield lambda files: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} files"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda files: bar.update(task, completed=files)

"""Running a script or a module under watch: its own arguments, its own exit code."""

from __future__ import annotations

import builtins
import os
import runpy
import sys
import threading
import traceback
from dataclasses import dataclass
from io import open_code
from pathlib import Path
from types import ModuleType, TracebackType

from .processes import Family
from .report import Seen, seen_by
from .session import Session

INTERRUPTED = 130
_OURS = str(Path(__file__).parents[1]) + os.sep


class Missing(Exception):
    """What was asked for cannot be run: a sentence."""


@dataclass
class Ended:
    """How a run ended, and what was seen of it."""

    code: int
    seen: Seen


def run(target: str, arguments: list[str], module: bool) -> Ended:
    """Run a script, or a module, under watch.

    Raises:
        Missing: there is no such file.
    """
    if not module:
        path = Path(target)
        if not path.exists():
            raise Missing(f"there is no file {target}")
        if path.is_dir() and not (path / "__main__.py").exists():
            raise Missing(f"{target} is a folder without a __main__.py")
    session = Session()
    family = Family(session)
    argv, first, before = sys.argv, sys.path[0], sys.modules["__main__"]
    sys.argv = [target, *arguments]
    sys.path[0] = os.getcwd() if module else str(Path(target).resolve().parent)
    session.start()
    family.start()
    try:
        code = _run(target, module, session)
        _with_streams()
        _wait_for_threads()
        if not session.watch.forked:
            _wait_for_processes()
    finally:
        sys.argv, sys.modules["__main__"] = argv, before
        if sys.path and sys.path[0] != first:
            sys.path[0] = first
        watch = session.stop()
    if watch.forked:
        family.forks.leave()
        os._exit(code)  # a copy of the process: the report is the parent's
    return Ended(code, family.merged(seen_by(watch)))


def _run(target: str, module: bool, session: Session) -> int:
    try:
        _as_main(target, module)
    except SystemExit as ended:
        return _code_of(ended)
    except KeyboardInterrupt as error:
        _print(error)
        return INTERRUPTED
    except BaseException as error:
        session.watch.autopsy(error)
        _print(error)
        return 1
    return 0


def _as_main(target: str, module: bool) -> None:
    """As Python itself runs it; runpy's public functions put back a sys.argv that is not theirs."""
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    if module:
        vars(runpy)["_run_module_as_main"](target)
    elif Path(target).is_dir() or target.endswith((".pyc", ".zip", ".pyz")):
        runpy.run_path(target, run_name="__main__")
    else:
        main.__file__ = target
        with open_code(str(Path(target).resolve())) as file:
            code = compile(file.read(), target, "exec")
        exec(code, main.__dict__)


def _code_of(ended: SystemExit) -> int:
    """As Python ends a program with it."""
    _with_streams()
    if ended.code is None:
        return 0
    if isinstance(ended.code, int):
        return ended.code
    print(ended.code, file=sys.stderr)
    return 1


def _with_streams() -> None:
    """What a program has closed of its output leads nowhere from now on, and is no error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or getattr(stream, "closed", False):
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _print(error: BaseException) -> None:
    """The script's traceback, without the frames of what runs it."""
    _with_streams()
    sys.stdout.flush()
    kept: TracebackType | None = error.__traceback__
    while kept is not None and (
        kept.tb_frame.f_code.co_filename.startswith((_OURS, "<frozen runpy>"))
        or kept.tb_frame.f_code.co_filename == runpy.__file__
    ):
        kept = kept.tb_next
    traceback.print_exception(type(error), error, kept if kept is not None else error.__traceback__)


def _wait_for_threads() -> None:
    """Python waits for these at its end; the report comes after."""
    try:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    except KeyboardInterrupt:
        return


def _wait_for_processes() -> None:
    """Python waits for the children of multiprocessing too, but for daemons."""
    if "multiprocessing.process" not in sys.modules:
        return
    from multiprocessing import active_children

    try:
        for child in active_children():
            if not child.daemon:
                child.join()
    except KeyboardInterrupt:
        return

"""The command `plogq`: an entry point, and the one boundary that no error passes.

What can be wrong with a file or an option is a sentence and exit code 2. What passes all of that is
a fault of ours, and says so.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

from .. import __version__
from .interrupted import Interrupted

_EXTRA = ("typer", "rich", "pyarrow")
_COMMANDS = ("score", "compare", "report", "choose", "explain", "lint", "doctor")
# What <sysexits.h> calls EX_SOFTWARE: 1 says something of the files.
_OURS = 70
# As a shell counts: 128 and the number of the signal, SIGINT or SIGPIPE.
_INTERRUPTED, _LEFT_ALONE = 130, 141


def main() -> None:
    """Run the command line.

    Raises:
        SystemExit: always, with the exit code: 0; 1 where files are found wanting; 2 for bad input
            or output that cannot be written; 70 for a fault of plogq's own; 130 after Ctrl-C; 141
            where nobody reads what it prints.
    """
    how_far = ""
    try:
        code = _run()
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]
            sys.stdout.flush()
    except SystemExit as ended:
        # typer ends so where nobody reads on, and where a shell asked for completions.
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        code = _unwritten(ended.__context__)
    except (KeyboardInterrupt, Interrupted) as stopped:
        code, how_far = _INTERRUPTED, str(stopped)
    except Exception as error:
        code = _end(error)
        how_far = str(error.__cause__ or "")
    if code == _INTERRUPTED:
        _say(how_far or "stopped")
    raise SystemExit(code)


def _run() -> int:
    try:
        if sys.argv[1:2] == ["doctor"]:
            # A program of the user's runs here: nothing that it does not load is loaded before it.
            from .doctor import app as alone

            return alone(prog_name="plogq", standalone_mode=False) or 0
        from ..score.terminal import prepare
        from .commands import app
    except ModuleNotFoundError as missing:
        package = (missing.name or "").split(".")[0]
        if package not in _EXTRA:
            raise
        print(
            f"plogq: the command line needs {package}, which is not installed: "
            "pip install plogq[cli]",
            file=sys.stderr,
        )
        return 2
    prepare()
    return app(prog_name="plogq", standalone_mode=False) or 0


def _end(error: Exception) -> int:
    """Say what went wrong, and the exit code for it."""
    if isinstance(error, OSError) and error.filename is None:
        # Every file that is read has a boundary of its own, so this is one that is written.
        return _unwritten(error)
    if isinstance(error, MemoryError):
        _say("this needs more memory than there is")
        return 2
    # Of typer's, or of the click that typer was built on: a mistake in the options, and Ctrl-C.
    said = getattr(error, "format_message", None)
    if said is not None:
        if type(error).__name__ != "NoArgsIsHelpError":
            _say(f"{said()} ({_command()} --help tells more)")
        return 2
    if type(error).__name__ == "Abort":
        return _INTERRUPTED
    _say(_bug(error))
    with suppress(ImportError):
        from ..score.terminal import trace

        trace(error)
    return _OURS


def _unwritten(error: OSError) -> int:
    from ..score.terminal import silence

    silence(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return _LEFT_ALONE
    _say(f"the output cannot be written: {error.strerror or error}")
    return 2


def _bug(error: Exception) -> str:
    """What there is to report of an error that nobody expected."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if f"{os.sep}plogq{os.sep}" in f.filename] or frames
    place = f" in {os.path.basename(ours[-1].filename)}, line {ours[-1].lineno}" if ours else ""
    message = str(error).split("\n")[0]
    what = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return (
        f"this is a bug in plogq {__version__} ({what}{place}): please report it with this line "
        "and with what the same command prints where PLOGQ_TRACEBACK=1 is set"
    )


def _command() -> str:
    return " ".join(["plogq", *(a for a in sys.argv[1:2] if a in _COMMANDS)])


def _say(sentence: str) -> None:
    try:
        from ..score.terminal import say
    except ImportError:
        # A sentence of ours, as no file has been read.
        print(f"{_command()}: {sentence}", file=sys.stderr)
        return
    say(_command(), sentence)

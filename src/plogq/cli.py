"""The command `plogq`: an entry point that says what to install where the extra is missing."""

from __future__ import annotations

import sys

_EXTRA = ("typer", "rich", "pyarrow")


def main() -> None:
    """Run the command line.

    Raises:
        SystemExit: always, with the exit code: 0, or 2 for bad input.
    """
    try:
        from .commands import app
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] not in _EXTRA:
            raise
        print(
            f"plogq: the command line needs {missing.name}, which is not installed: "
            "pip install plogq[cli]",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    app(prog_name="plogq")


if __name__ == "__main__":
    main()

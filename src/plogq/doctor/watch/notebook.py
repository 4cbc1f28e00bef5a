"""A notebook under watch: after each cell, what was wrong in it."""

from __future__ import annotations

import sys
from typing import Any

from .report import printed, seen_by
from .session import Session

_running: dict[int, tuple[Session, Any]] = {}


def load(shell: Any) -> None:
    """Watch the cells of a shell from now on."""
    if id(shell) in _running:
        return
    session = Session().start()
    told: set[Any] = set()

    def after(result: Any = None) -> None:
        seen = seen_by(session.watch)
        seen.findings = [f for f in seen.findings if (f.rule, f.place) not in told]
        told.update((f.rule, f.place) for f in seen.findings)
        if seen.findings or seen.crash:
            print(printed(seen), file=sys.stderr)
        session.watch.renew()

    shell.events.register("post_run_cell", after)
    _running[id(shell)] = session, after


def unload(shell: Any) -> None:
    """Watch no more."""
    found = _running.pop(id(shell), None)
    if found is not None:
        session, after = found
        shell.events.unregister("post_run_cell", after)
        session.stop()

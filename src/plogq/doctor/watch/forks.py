"""Forked processes: each begins anew with nothing seen, and leaves what it saw for its parent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .report import Seen, seen_by, written
from .session import Session

# Whose processes load data: there is no loss in them, and many of them.
_LOADERS = ("torch.utils.data", "tensorflow", "keras")


class Forks:
    """The forks of one process of a run."""

    def __init__(self, session: Session, folder: Callable[[], Path]) -> None:
        self.session = session
        self.folder = folder  # made when it is asked for
        self.pid = os.getpid()
        self.parent = 0
        self.count = 0
        self.done = False

    def start(self) -> None:
        """Be told of every fork, and of the beginning of a forked process of multiprocessing."""
        self.session.forks = self
        try:
            from multiprocessing import util
        except ImportError:
            return
        util.register_after_fork(self, Forks.begun)

    def before(self) -> None:
        """A fork comes: its child needs to know the folder."""
        self.folder()
        self.count += 1

    def in_child(self) -> None:
        """This process is the child: nothing that its parent saw is its own."""
        self.parent, self.pid = self.pid, os.getpid()
        self.count, self.done = 0, False
        self.session.watch.active = True
        self.session.watch.renew()

    def begun(self) -> None:
        """multiprocessing begins its work in the child: at its end what was seen is left."""
        from multiprocessing import process, util

        target: Any = getattr(process.current_process(), "_target", None)
        if str(getattr(target, "__module__", "")).startswith(_LOADERS):
            self.session.watch.active = False
            self.done = True
            self._file("loader").touch()
            return
        util.Finalize(None, self.leave, exitpriority=1)

    def leave(self) -> None:
        """The child ends: its parent finds what it saw."""
        if self.done or not self.folder().is_dir():
            return
        self.done = True
        self.session.watch.active = False
        written(self.told(seen_by(self.session.watch)), self._file("fork", ".json"))

    def told(self, seen: Seen) -> Seen:
        """The same, with the children of this process that left no word."""
        if self.count:
            names = [p.name for p in self.folder().glob(f"*-{self.pid}-*")]
            missing = self.count - sum(n.startswith(("fork-", "loader-")) for n in names)
            if missing > 0:
                seen.unseen.append(
                    f"{missing} of {self.count} forked processes (ended at once, or still running)"
                )
        return seen

    def _file(self, kind: str, suffix: str = "") -> Path:
        return self.folder() / f"{kind}-{self.parent}-{self.pid}{suffix}"

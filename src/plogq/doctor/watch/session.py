"""A watch over whatever is imported: each framework from its import on, and none before."""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import os
import sys
import threading
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol

from ..contracts import LIBRARIES
from .watch import Watch

# What is watched, and by which module.
FRAMEWORKS = {
    "torch": "torch_watch",
    "tensorflow": "tensorflow_watch",
    "keras": "keras_watch",
    "jax": "jax_watch",
    "optax": "optax_watch",
    "sklearn.metrics": "sklearn_watch",
}
NAMES = {name: LIBRARIES[name.partition(".")[0]] for name in FRAMEWORKS}


class Finder(importlib.abc.MetaPathFinder):
    """Begins to watch a framework at the end of its import."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.local = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in FRAMEWORKS or getattr(self.local, "busy", False):
            return None
        self.local.busy = True
        try:
            spec = None
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                if finder is not self and find is not None:
                    spec = find(fullname, path, target)
                    if spec is not None:
                        break
        finally:
            self.local.busy = False
        if spec is not None and spec.loader is not None:
            self._follow(spec.loader, fullname)
        return spec

    def _follow(self, loader: Any, name: str) -> None:
        run = getattr(loader, "exec_module", None)
        if run is None:
            return

        @functools.wraps(run)
        def exec_module(module: ModuleType) -> None:
            run(module)
            self.session.begin(name)

        try:
            loader.exec_module = exec_module
        except AttributeError:
            self.session.watch.unseen[f"{NAMES[name]} (its loader cannot be followed)"] = None


class Forked(Protocol):
    """Who is told of forks."""

    def before(self) -> None: ...
    def in_child(self) -> None: ...


class Session:
    """One watch from its start to its end."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.begun: set[str] = set()
        self.finder = Finder(self)
        self.forks: Forked | None = None  # who looks after forked processes

    def start(self) -> Session:
        """Watch what is imported by now, and what will be."""
        sys.meta_path.insert(0, self.finder)
        self._threads()
        _at_fork(self)
        for name in FRAMEWORKS:
            if name in sys.modules:
                self.begin(name)
        return self

    def begin(self, name: str) -> None:
        """Watch a framework that is imported."""
        if name in self.begun or not self.watch.active:
            return
        self.begun.add(name)
        try:
            module = importlib.import_module(f".{FRAMEWORKS[name]}", __package__)
            module.begin(self.watch)
        except Exception as error:
            # Another version, or half installed: the run goes on without being looked at.
            self.watch.fault(NAMES[name], error)
            self.watch.unseen[f"{NAMES[name]} (this version cannot be watched)"] = None

    def stop(self) -> Watch:
        """End the watch: what was put in place is taken away."""
        if self.finder in sys.meta_path:
            sys.meta_path.remove(self.finder)
        self.watch.stop()
        if self in _running:
            _running.remove(self)
        return self.watch

    def _threads(self) -> None:
        """Enter every new thread: function modes and callbacks belong to one thread each."""
        watch = self.watch
        before = threading.Thread.run

        # Subclasses override run, and what calls it is this.
        name = "_bootstrap_inner"
        inner = getattr(threading.Thread, name, None)
        if inner is None:
            name, inner = "run", before

        def bootstrap(thread: threading.Thread) -> None:
            outs: list[Any] = []
            if watch.active:
                for enter in watch.threads:
                    try:
                        outs.append(enter())
                    except Exception as error:
                        watch.fault("threads", error)
            try:
                inner(thread)
            finally:
                for out in outs:
                    if out is not None:
                        try:
                            out()
                        except Exception as error:
                            watch.fault("threads", error)

        watch.replace(threading.Thread, name, bootstrap)


_running: list[Session] = []
_registered: list[bool] = []


def _at_fork(session: Session) -> None:
    """A forked process looks at nothing by itself: its parent's findings are not its own."""
    _running.append(session)
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(before=_forking, after_in_child=_forked)


def _forking() -> None:
    for session in _running:
        if not session.watch.active:
            continue
        if session.forks is None:
            session.watch.unseen["forked processes"] = None
            continue
        try:
            session.forks.before()
        except Exception as error:
            session.watch.fault("forks", error)


def _forked() -> None:
    for session in _running:
        active, session.watch.active = session.watch.active, False
        session.watch.forked = True
        if active and session.forks is not None:
            try:
                session.forks.in_child()
            except Exception as error:
                session.watch.active = False
                session.watch.fault("forks", error)

"""What all watchers share: the sightings, the faults, what was not seen; and who watches now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..facts import Array
from .sightings import Sightings

_FAULTS = 20  # of one watcher before it stands back


@dataclass
class Watch:
    """One watch over a run."""

    sightings: Sightings = field(default_factory=Sightings)
    active: bool = True
    forked: bool = False  # this process is a copy of the one that is watched
    faults: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    unseen: dict[str, None] = field(default_factory=dict[str, None])
    watched: dict[str, str] = field(default_factory=dict[str, str])  # framework and its version
    undo: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    threads: list[Callable[[], Callable[[], None] | None]] = field(
        default_factory=list[Callable[[], "Callable[[], None] | None"]]
    )
    readers: list[Callable[[Any], Any]] = field(default_factory=list[Callable[[Any], Any]])
    local: threading.local = field(default_factory=threading.local)

    autopsies: list[Callable[[Any], None]] = field(default_factory=list[Callable[[Any], None]])
    renewals: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    ticks: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    @property
    def inside(self) -> int:
        """How many losses of a library are being worked out: what they do inside is theirs."""
        return getattr(self.local, "inside", 0)

    @contextmanager
    def within(self) -> Generator[None]:
        """While a library works out a loss."""
        self.local.inside = self.inside + 1
        try:
            yield
        finally:
            self.local.inside -= 1

    def fault(self, watcher: str, error: BaseException) -> None:
        """Note an error of our own: it never reaches the run."""
        n, said = self.faults.get(watcher, (0, ""))
        self.faults[watcher] = (n + 1, said or f"{type(error).__name__}: {error}")

    def trusts(self, watcher: str) -> bool:
        """Whether a watcher has not failed too often."""
        return self.active and self.faults.get(watcher, (0, ""))[0] < _FAULTS

    def replace(self, holder: Any, name: str, new: Any) -> Any:
        """Put something in place of an attribute until the watch ends; gives what was there."""
        old = holder.__dict__[name] if name in getattr(holder, "__dict__", {}) else None
        had = old is not None
        setattr(holder, name, new)

        def back() -> None:
            if had:
                setattr(holder, name, old)
            else:
                delattr(holder, name)

        self.undo.append(back)
        return old

    def describe(self, x: Any) -> Any:
        """What is known of an array of any framework, and how its numbers are read."""
        for reader in self.readers:
            found = reader(x)
            if found is not None:
                return found
        if not isinstance(x, np.ndarray | list | tuple):
            return None
        numbers = np.asarray(x)
        if numbers.dtype.kind not in "biuf":
            return None
        kind = {"b": "bool", "f": "float"}.get(numbers.dtype.kind, "int")
        return Array(shape=numbers.shape, kind=kind), lambda: numbers

    def autopsy(self, error: BaseException) -> None:
        """The run ended in an error: was it in a loss?"""
        if self.sightings.crashes and self.sightings.crashes[-1][1].failed.startswith(
            type(error).__name__
        ):
            return
        for look in self.autopsies:
            try:
                look(error.__traceback__)
            except Exception as fault:
                self.fault("the end of the run", fault)
        for _, kind in self.sightings.crashes:
            if kind.failed == "it":
                kind.failed = f"{type(error).__name__}: {error}"

    def renew(self) -> None:
        """Begin to look anew, with nothing seen yet: the next test, the next cell."""
        self.sightings = Sightings()
        for again in self.renewals:
            try:
                again()
            except Exception as fault:
                self.fault("renewal", fault)

    def stop(self) -> None:
        """End the watch: everything is as it was."""
        self.active = False
        for back in reversed(self.undo):
            try:
                back()
            except Exception as error:
                self.fault("end", error)
        self.undo.clear()

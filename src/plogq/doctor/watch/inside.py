"""`with plogq.doctor():`, a watch over a part of a program."""

from __future__ import annotations

import sys
from types import TracebackType

from ..findings import Finding
from .report import Seen, printed, seen_by
from .session import Session


class Checkup:
    """A watch over what runs inside a `with`.

    ```python
    with plogq.doctor() as seen:
        loss = criterion(model(x), y)
    assert not seen.findings
    ```

    At the end the report is printed on standard error, if `quiet` does not say otherwise and there
    is something to say. Losses that were imported by name before (`from optax import …`) are seen
    in PyTorch and Keras, not in optax, TensorFlow and scikit-learn.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._session: Session | None = None
        self._seen: Seen | None = None

    def __enter__(self) -> Checkup:
        if self._session is not None:
            raise RuntimeError("this doctor is watching already; make another: plogq.doctor()")
        self._session, self._seen = Session().start(), None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        if error is not None:
            session.watch.autopsy(error)
        self._seen = seen_by(session.stop())
        if not self.quiet and (self._seen.findings or self._seen.faults):
            print(self.report, file=sys.stderr)

    @property
    def findings(self) -> list[Finding]:
        """What was found by now."""
        return self._now().findings

    @property
    def report(self) -> str:
        """The report as text."""
        return printed(self._now())

    def _now(self) -> Seen:
        if self._session is not None:
            return seen_by(self._session.watch)
        return self._seen if self._seen is not None else Seen()


__all__ = ["Checkup"]

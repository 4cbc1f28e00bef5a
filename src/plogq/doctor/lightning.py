"""Lightning's callback: `Trainer(callbacks=[plogq.doctor.lightning.Doctor()])`."""

from __future__ import annotations

from typing import Any

try:
    from lightning.pytorch import Callback
except ImportError:
    from pytorch_lightning import Callback

from .watch.inside import Checkup


class Doctor(Callback):
    """Watches the first steps of a fit, and prints at its end what is wrong with its loss.

    The watch begins where the callback is made. `findings` is what was found.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.checkup = Checkup(quiet=quiet)
        self.checkup.__enter__()

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        self.checkup.__exit__(None, None, None)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self.checkup.__exit__(type(exception), exception, exception.__traceback__)

    @property
    def findings(self) -> Any:
        """What was found by now."""
        return self.checkup.findings

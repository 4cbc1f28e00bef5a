"""transformers' callback: `Trainer(…, callbacks=[plogq.doctor.transformers.Doctor()])`."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from .watch.inside import Checkup


class Doctor(TrainerCallback):
    """Watches the first steps of a training, and prints at its end what is wrong with its loss.

    The watch begins where the callback is made. `findings` is what was found.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.checkup = Checkup(quiet=quiet)
        self.checkup.__enter__()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.checkup.__exit__(None, None, None)

    @property
    def findings(self) -> Any:
        """What was found by now."""
        return self.checkup.findings

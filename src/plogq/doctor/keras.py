"""Keras' callback: `model.fit(…, callbacks=[plogq.doctor.keras.Doctor()])`."""

from __future__ import annotations

from typing import Any

import keras

from .watch.inside import Checkup


class Doctor(keras.callbacks.Callback):
    """Watches a fit, and prints at its end what is wrong with its loss.

    The watch begins where the callback is made: before `compile` it knows the line of the loss,
    before `fit` the labels. `findings` is what was found.
    """

    def __init__(self, quiet: bool = False) -> None:
        super().__init__()
        self.checkup = Checkup(quiet=quiet)
        self.checkup.__enter__()

    def on_train_end(self, logs: Any = None) -> None:
        self.checkup.__exit__(None, None, None)

    @property
    def findings(self) -> Any:
        """What was found by now."""
        return self.checkup.findings

"""Objectives for boosting trees: gradient and Hessian, beside the same in NumPy, and a round of it.

The objective in NumPy is the library's own written in Python, as its documentation has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import inputs
from .case import OURS, Case, Contender, Run, Work
from .targets import Faster, Within


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective: whose layout and bound, and whether labels are soft."""

    name: str
    library: str
    soft: bool
    times: float

    def work(self, quick: bool) -> Work:
        shape = (5000, 10) if quick else (200_000, 10)
        return Work(
            contenders=(
                Contender(OURS, "plogq", lambda: self._ours(shape)),
                Contender("numpy", "NumPy by hand", lambda: self._by_hand(shape)),
            ),
            elements=shape[0] * shape[1],
            result_bytes=8 * shape[0] * shape[1],
            close=inputs.forget,
        )

    def _given(self, shape: tuple[int, int]) -> tuple[Any, Any]:
        """Scores as the library hands them over, and P."""
        z = inputs.scores(shape)
        if self.library == "LightGBM":
            z = np.asarray(z, np.float64, order="F")
        return z, inputs.probs(shape) if self.soft else inputs.labels(*shape)

    def _ours(self, shape: tuple[int, int]) -> Run:
        import plogq

        z, p = self._given(shape)
        target = plogq.Probs(p) if self.soft else plogq.Labels(p)
        objective = getattr(plogq.boost, self.library)(target).objective
        data = _Data(np.zeros(len(z), np.float32))
        return lambda: (None, objective(z, data))

    def _by_hand(self, shape: tuple[int, int]) -> Run:
        z, p = self._given(shape)
        factor = shape[1] / (shape[1] - 1) if self.library == "LightGBM" else 2
        rows = np.arange(len(z))

        def run() -> Any:
            q = np.exp(z - z.max(axis=1, keepdims=True))
            q /= q.sum(axis=1, keepdims=True)
            hessian = factor * q * (1 - q)
            if self.soft:
                return None, (q - p, hessian)
            gradient = q.copy()
            gradient[rows, p] -= 1
            return None, (gradient, hessian)

        return run

    def case(self) -> Case:
        kind = "soft labels" if self.soft else "labels"
        title = f"an objective for {self.library}, {kind}, 200000×10: gradient and Hessian"
        return Case(self.name, title, self.work, (Faster("numpy", self.times),))


@dataclass(frozen=True, slots=True)
class _Data:
    """What an objective asks a library's data for."""

    labels: Any

    def get_label(self) -> Any:
        return self.labels

    def get_weight(self) -> Any:
        return None


def _round(quick: bool) -> Work:
    rows, classes = (5000, 5) if quick else (100_000, 10)
    x = inputs.normal((rows, 10))
    y = (x[:, :classes] + inputs.normal((rows, classes), 1)).argmax(axis=1)

    def trained(objective: Callable[[], Any]) -> Callable[[], Run]:
        def prepare() -> Run:
            import lightgbm

            data = lightgbm.Dataset(x, y)
            booster = lightgbm.Booster(
                {
                    "num_class": classes,
                    "verbosity": -1,
                    "seed": 1,
                    "metric": "None",
                    "objective": "multiclass" if objective() is None else "none",
                },
                data,
            )
            return lambda: booster.update(fobj=objective())

        return prepare

    def ours() -> Any:
        import plogq

        return plogq.boost.LightGBM(plogq.Labels(y)).objective

    made = ours()
    return Work(
        contenders=(
            Contender(OURS, "plogq", trained(lambda: made), ("lightgbm",)),
            Contender("lightgbm", "LightGBM's own, in C++", trained(lambda: None), ("lightgbm",)),
        ),
        elements=rows * classes,
        close=inputs.forget,
    )


CASES = (
    Objective("boost-rows", "XGBoost", True, 5).case(),
    Objective("boost-columns", "LightGBM", True, 5).case(),
    Objective("boost-labels", "XGBoost", False, 1).case(),
    Case(
        "boost-round",
        "one round of LightGBM, labels, 100000×10, with its trees",
        _round,
        (Within("lightgbm", 1.1),),
        memory=False,
    ),
)

"""The reliability curve as scikit-learn's displays are made: from predictions or an estimator."""

from __future__ import annotations

from typing import Any

from .column import InputError
from .plots import reliability
from .python import evaluate
from .report import Report


class ReliabilityDisplay:
    """What a model says beside how often it is right, drawn by matplotlib.

    `report` is what `plogq.evaluate` found, with calibration; once it is drawn, `ax_` and
    `figure_` are matplotlib's.

    >>> from plogq.score import ReliabilityDisplay
    >>> display = ReliabilityDisplay.from_predictions([0, 1] * 50, [[0.9, 0.1], [0.4, 0.6]] * 50)
    >>> round(display.report.cross_entropy, 4)
    0.3081
    """

    ax_: Any
    figure_: Any

    def __init__(self, report: Report) -> None:
        self.report = report

    def plot(self, ax: Any = None) -> ReliabilityDisplay:
        """Draw the curve, on new axes where none are given.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
            InputError: the report has no calibration.
        """
        self.ax_ = reliability(self.report, ax)
        self.figure_ = self.ax_.figure
        return self

    @classmethod
    def from_predictions(
        cls, y_true: Any, y_pred: Any, *, ax: Any = None, name: str | None = None, **options: Any
    ) -> ReliabilityDisplay:
        """Evaluate and draw; the arguments and the errors are those of `plogq.evaluate`."""
        report = evaluate(y_true, y_pred, name=name, calibration=True, **options)
        return cls(report).plot(ax)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, ax: Any = None, name: str | None = None,
        **options: Any,
    ) -> ReliabilityDisplay:  # fmt: skip
        """Predict with a fitted classifier, evaluate and draw.

        Raises:
            InputError: the estimator has no `predict_proba`, or its predictions of `y` cannot be
                scored.
        """
        name = name or type(estimator).__name__
        if not hasattr(estimator, "predict_proba"):
            raise InputError(
                f"{name} has no predict_proba: give a classifier that has, or wrap it in "
                "scikit-learn's CalibratedClassifierCV"
            )
        options = {"classes": list(estimator.classes_)} | options
        predicted = estimator.predict_proba(X)
        return cls.from_predictions(y, predicted, ax=ax, name=name, **options)

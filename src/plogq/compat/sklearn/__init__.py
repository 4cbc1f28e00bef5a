"""scikit-learn's log loss and what is made of it, with scorers that take soft labels."""

from .log_loss import LogLossScorer, log_loss
from .scores import (
    D2LogLossScorer,
    MultilabelLogLossScorer,
    d2_log_loss_score,
    multilabel_log_loss,
)

__all__ = [
    "D2LogLossScorer",
    "LogLossScorer",
    "MultilabelLogLossScorer",
    "d2_log_loss_score",
    "log_loss",
    "multilabel_log_loss",
]

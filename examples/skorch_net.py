"""A loss module of plogq's in skorch, inside scikit-learn's cross-validation.

skorch's criterion is a loss module of PyTorch, and its options are parameters of the estimator:
`criterion__smoothing`. What turns scores into probabilities has to be said, since skorch knows only
that of PyTorch's own losses: `predict_nonlinearity`.

    python examples/skorch_net.py
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from skorch import NeuralNetClassifier

from plogq.nn.torch import CrossEntropy

EPOCHS, EVENTS = 5, 600


class Module(torch.nn.Sequential):
    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))


def net(criterion: type[torch.nn.Module], **options: Any) -> NeuralNetClassifier:
    return NeuralNetClassifier(
        Module,
        criterion=criterion,
        predict_nonlinearity=partial(torch.softmax, dim=-1),
        optimizer=torch.optim.Adam,
        lr=0.01,
        max_epochs=EPOCHS,
        batch_size=128,
        train_split=None,
        iterator_train__shuffle=False,
        verbose=0,
        **options,
    )


def data() -> tuple[np.ndarray, np.ndarray]:
    digits = load_digits()
    return (digits.data[:EVENTS] / 16).astype(np.float32), digits.target[:EVENTS]


if __name__ == "__main__":
    x, y = data()
    nets = {
        "torch.nn.CrossEntropyLoss": net(torch.nn.CrossEntropyLoss, criterion__label_smoothing=0.1),
        "plogq.nn.torch.CrossEntropy": net(CrossEntropy, criterion__smoothing=0.1),
    }
    for name, made in nets.items():
        found = made.fit(x, y).history[:, "train_loss"]
        print(f"{name:32}", " ".join(f"{x:.6f}" for x in found))
    search = GridSearchCV(
        net(CrossEntropy),
        {"criterion__smoothing": [0.0, 0.8]},
        scoring="neg_log_loss",
        cv=StratifiedKFold(2),
    ).fit(x, y)
    scores = " ".join(f"{-s:.3f}" for s in search.cv_results_["mean_test_score"])
    print(f"log loss of held-back digits, smoothed by 0 and by 0.8: {scores}")
    print(f"best: {search.best_params_['criterion__smoothing']}")

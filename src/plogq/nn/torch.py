"""Loss modules for PyTorch that say in their arguments what they take.

P and Q are declared once, where the module is made; what differs from batch to batch (weights per
event, the mass to divide by) is given where it is called. `forward` takes the prediction first, as
PyTorch's losses do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

import plogq

from .. import (
    BinaryLogits,
    BinaryProbs,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    Probs,
    Smoothed,
    SparseProbs,
    Weighted,
)
from ..algebra.labels import listed
from ..class_weights import in_order, pair
from ..frameworks import as_array
from ..options import integers, not_negative, number, shown

Tensor = torch.Tensor

_TARGETS = {"classes": ("labels", "probs", "sparse_probs"), "yes/no": ("binary_probs",)}
_PREDICTIONS = {
    "classes": ("logits", "log_probs", "probs"),
    "yes/no": ("binary_logits", "binary_probs"),
}
# Whose softmax or sigmoid is Q: only these have a log-normaliser.
_SCORES = ("logits", "binary_logits", "hidden states")


class _Loss(torch.nn.Module):
    """What every loss module declares: P, and what is made of the losses."""

    class_weight: Tensor | None

    def __init__(
        self,
        *,
        target: str,
        prediction: str,
        outcomes: str,
        ignore: int | Sequence[int] | None,
        smoothing: float,
        class_weight: Any,
        z_loss: float,
        reduction: str,
    ) -> None:
        super().__init__()
        if target not in _TARGETS[outcomes]:
            raise ValueError(
                f"target takes {_listed(_TARGETS[outcomes])} where the prediction is {prediction},"
                f" got {target!r}"
            )
        if ignore is not None and target not in ("labels", "binary_probs"):
            raise ValueError(
                f"ignore marks labels or yes/no outcomes that do not count, and the target is "
                f"{target}; give sample_weight=0 where the module is called"
            )
        if z_loss and prediction not in _SCORES:
            raise ValueError(
                f"z_loss penalises log Z, and {prediction} have none; it goes with "
                f"{_listed(_SCORES)}"
            )
        self.target, self.prediction = target, prediction
        self.ignore = None if ignore is None else integers(ignore, "ignore")
        self.smoothing = number(smoothing, "smoothing", "a share in [0, 1]")
        self.z_loss, self.reduction = not_negative(z_loss, "z_loss"), reduction
        held: Tensor | None = None
        self.numbers: tuple[float, float] | None = None
        if class_weight is not None and outcomes == "yes/no":
            sides = pair(class_weight)
            if isinstance(class_weight, Tensor):
                held = class_weight
            else:
                # Numbers stay numbers, which the kernels take.
                no, yes = (w.item() if isinstance(w, Tensor) else w for w in sides)
                self.numbers = number(no, "class_weight"), number(yes, "class_weight")
        elif class_weight is not None:
            held = _tensor(in_order(class_weight))
        self.register_buffer("class_weight", held)

    def extra_repr(self) -> str:
        parts = [f"{self.target} against {self.prediction}", *self._layout()]
        if self.ignore is not None:
            parts.append(f"{', '.join(map(str, listed(self.ignore)))} ignored")
        if self.smoothing:
            parts.append(f"smoothed by {self.smoothing}")
        if self.numbers is not None:
            parts.append(f"no weighs {self.numbers[0]} and yes {self.numbers[1]}")
        elif self.class_weight is not None:
            parts.append("weighted by class")
        if self.z_loss:
            parts.append(f"z-loss {self.z_loss}")
        return ", ".join([*parts, f"reduced by {self.reduction}"])

    def _layout(self) -> list[str]:
        raise NotImplementedError

    def _target(self, target: Any, axis: int) -> Any:
        if self.target == "labels":
            return Labels(target, ignore=self.ignore)
        if self.target == "probs":
            return Probs(target, axis=axis)
        if self.target == "sparse_probs":
            held: Any = target
            if not isinstance(target, tuple | list) or len(held) != 2:
                raise TypeError(
                    "a target of sparse_probs is the pair (index, probs), two tensors in a tuple, "
                    f"got {shown(target)}"
                )
            return SparseProbs(*held)
        return BinaryProbs(target, ignore=self.ignore)

    def _reduced(
        self, q: Any, target: Any, axis: int, sample_weight: Tensor | None, normalizer: Any
    ) -> Tensor:
        p = self._target(target, axis)
        if self.smoothing:
            p = Smoothed(p, self.smoothing)
        class_weight = self.class_weight if self.numbers is None else self.numbers
        if class_weight is not None or sample_weight is not None:
            p = Weighted(p, sample_weight=sample_weight, class_weight=class_weight)
        return plogq.cross_entropy(
            p, q, reduction=self.reduction, normalizer=normalizer, z_loss=self.z_loss
        )


class CrossEntropy(_Loss):
    """The cross-entropy of a declared target and a declared prediction.

    `target` is "labels", "probs" or "sparse_probs" (a pair: index and probabilities) where
    `prediction` is "logits", "log_probs" or "probs", whose classes are on `axis`; "binary_probs"
    where it is "binary_logits" or "binary_probs". H(P, Q) = -Σ p log q with
    P = Weighted(Smoothed(target, smoothing), class_weight=…): smoothing first, then each class's
    share weighs what its class weighs. `class_weight` is a buffer [K]; for yes/no outcomes it is
    the pair (no, yes), two numbers or a tensor [2, …]. Called as `loss(prediction, target)`;
    `sample_weight` has the shape of the events, `normalizer` divides the sum in place of the mass
    of this batch (gradient accumulation).

    Raises:
        ValueError: a target, a prediction or an option that does not exist or does not fit.
        PlogqError: when called, whatever `plogq.cross_entropy` raises.

    Examples:
        >>> import torch
        >>> from plogq.nn.torch import CrossEntropy
        >>> loss = CrossEntropy(target="labels", prediction="logits", ignore=-100)
        >>> loss
        CrossEntropy(labels against logits, classes on axis -1, -100 ignored, reduced by mean)
        >>> loss(torch.tensor([[2.0, 5.0, 1.0], [0.0, 0.0, 0.0]]), torch.tensor([1, -100]))
        tensor(0.0659)
    """

    def __init__(
        self,
        target: str = "labels",
        prediction: str = "logits",
        *,
        axis: int = -1,
        ignore: int | Sequence[int] | None = None,
        smoothing: float = 0.0,
        class_weight: Any = None,
        softcap: float | None = None,
        z_loss: float = 0.0,
        reduction: str = "mean",
    ) -> None:
        fitting = [outcomes for outcomes, names in _PREDICTIONS.items() if prediction in names]
        if not fitting:
            raise ValueError(
                f"prediction takes {_listed(sum(_PREDICTIONS.values(), ()))}, got {prediction!r}; "
                "for hidden states that a linear layer makes scores of, write LinearCrossEntropy"
            )
        if softcap is not None and prediction != "logits":
            raise ValueError(f"softcap caps logits, and the prediction is {prediction}")
        if axis != -1 and fitting[0] == "yes/no":
            raise ValueError("yes/no outcomes have no class axis; leave axis out")
        super().__init__(
            target=target,
            prediction=prediction,
            outcomes=fitting[0],
            ignore=ignore,
            smoothing=smoothing,
            class_weight=class_weight,
            z_loss=z_loss,
            reduction=reduction,
        )
        self.axis, self.softcap = axis, softcap

    def forward(
        self,
        prediction: Tensor,
        target: Any,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Any = None,
    ) -> Tensor:
        """The loss; float64 for float64 predictions, float32 for all others."""
        q = self._prediction(prediction)
        return self._reduced(q, target, self.axis, sample_weight, normalizer)

    def _prediction(self, x: Tensor) -> Any:
        if self.prediction == "logits":
            return Logits(x, axis=self.axis, softcap=self.softcap)
        if self.prediction == "log_probs":
            return LogProbs(x, axis=self.axis)
        if self.prediction == "probs":
            return Probs(x, axis=self.axis)
        return BinaryLogits(x) if self.prediction == "binary_logits" else BinaryProbs(x)

    def _layout(self) -> list[str]:
        if self.prediction in _PREDICTIONS["yes/no"]:
            return []
        capped = [] if self.softcap is None else [f"capped at {self.softcap}"]
        return [f"classes on axis {self.axis}", *capped]


class LinearCrossEntropy(_Loss):
    """The cross-entropy of a declared target and the scores that a linear layer makes.

    `linear` is a module with a `weight` [K, D] and perhaps a `bias` [K]: a layer of its own, or
    the model's last one, which then stays shared. Called as `loss(hidden, target)` with hidden
    [*events, D], in place of that layer: the scores are never stored, in the loss or in the
    gradients. All else is that of `CrossEntropy`.

    Raises:
        ValueError: a target or an option that does not exist or does not fit.
        TypeError: a `linear` without a weight.
        PlogqError: when called, whatever `plogq.cross_entropy` raises.

    Examples:
        >>> import torch
        >>> from plogq.nn.torch import LinearCrossEntropy
        >>> head = torch.nn.Linear(2, 3, bias=False)
        >>> loss = LinearCrossEntropy(head, target="labels")
        >>> bool(loss(torch.ones(4, 2), torch.tensor([0, 1, 2, 0])) > 0)
        True
    """

    def __init__(
        self,
        linear: torch.nn.Module,
        target: str = "labels",
        *,
        ignore: int | Sequence[int] | None = None,
        smoothing: float = 0.0,
        class_weight: Any = None,
        softcap: float | None = None,
        z_loss: float = 0.0,
        reduction: str = "mean",
    ) -> None:
        if getattr(getattr(linear, "weight", None), "ndim", None) != 2:
            raise TypeError(
                "linear is a module with a weight [K, D], such as torch.nn.Linear(D, K), got "
                f"{type(linear).__name__}"
            )
        super().__init__(
            target=target,
            prediction="hidden states",
            outcomes="classes",
            ignore=ignore,
            smoothing=smoothing,
            class_weight=class_weight,
            z_loss=z_loss,
            reduction=reduction,
        )
        self.linear, self.softcap = linear, softcap

    def forward(
        self,
        hidden: Tensor,
        target: Any,
        *,
        sample_weight: Tensor | None = None,
        normalizer: Any = None,
    ) -> Tensor:
        """The loss; float64 for float64 hidden states, float32 for all others."""
        held: Any = self.linear
        bias = getattr(held, "bias", None)
        q = LinearLogits(hidden, held.weight, bias, softcap=self.softcap)
        return self._reduced(q, target, -1, sample_weight, normalizer)

    def _layout(self) -> list[str]:
        return [] if self.softcap is None else [f"capped at {self.softcap}"]


def _tensor(weight: Any) -> Tensor:
    """Weights of classes as a tensor."""
    if isinstance(weight, Tensor):
        return weight
    return torch.as_tensor(as_array(weight, "class_weight"))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, names[:-1])) + f" or {names[-1]!r}" if names[1:] else repr(names[0])

"""What stands in for Keras' base classes where Keras is not installed."""

from __future__ import annotations

from typing import Any

from .inputs import floatx

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss:
    """`keras.losses.Loss` without Keras: a name, a reduction and a dtype."""

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"Invalid value for argument `reduction`. Expected one of {REDUCTIONS}. Received: "
                f"reduction={reduction}"
            )
        self.name = name or type(self).__name__
        self.reduction = reduction
        self.dtype = dtype_name(dtype)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


class Mean:
    """`keras.metrics.Mean` without Keras: a total and a count."""

    def __init__(self, name: str = "mean", dtype: Any = None) -> None:
        self.name = name
        self.dtype = dtype_name(dtype)
        self.total, self.count = Number(), Number()

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.update_state(*args, **options)
        return self.result()

    def update_state(self, *args: Any, **options: Any) -> None:
        raise TypeError(f"{type(self).__name__} does not say what it is the mean of")

    def result(self) -> float:
        """The mean so far, 0 of nothing."""
        return self.total.value / self.count.value if self.count.value else 0.0

    def reset_state(self) -> None:
        self.total.value = self.count.value = 0.0

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class Number:
    """A number that is added to."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def assign_add(self, more: Any) -> None:
        self.value += float(more)

    def __float__(self) -> float:
        return self.value


def dtype_name(dtype: Any) -> str:
    """The name of a dtype, of a policy's dtype of computation, or of the default."""
    if dtype is None:
        return floatx()
    return getattr(dtype, "compute_dtype", None) or getattr(dtype, "name", None) or str(dtype)

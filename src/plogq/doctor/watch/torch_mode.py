"""PyTorch: a function mode that sees every call, and hands it to its thread's hands."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any

import torch
import torch.nn.functional as functional
from torch.overrides import TorchFunctionMode

from .store import Store
from .torch_hands import Hands
from .torch_verbs import Plan, plan_of
from .watch import Watch

_plans: dict[Any, Plan | None] = {}


class Mode(TorchFunctionMode):
    """Sees every function of PyTorch that is called in a thread."""

    def __init__(self, watch: Watch, store: Store, built: Store) -> None:
        super().__init__()
        self.watch, self.store, self.built = watch, store, built
        self.passive = False
        self.rows = Store()  # of flattened labels: the rows that they came from
        self.local = threading.local()

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        try:
            plan = _plans[func]
        except KeyError:
            plan = _plans[func] = plan_of(func, functional)
        except TypeError:
            plan = None
        watch = self.watch
        if (
            plan is None
            or self.passive
            or not watch.active
            or watch.inside
            or (torch.compiler.is_compiling())
        ):
            return func(*args, **kwargs)
        hands = self.hands(sys._getframe(1))
        if plan.kind == "loss":
            return self._loss(hands, plan, func, args, kwargs)
        out = func(*args, **kwargs)
        try:
            hands.follow(plan, args, kwargs, out)
        except Exception as error:
            self.watch.fault("PyTorch", error)
            if not self.watch.trusts("PyTorch"):
                self.passive = True
        return out

    def hands(self, frame: FrameType) -> Hands:
        """Those of this thread, at a frame."""
        hands = getattr(self.local, "hands", None)
        if hands is None:
            hands = self.local.hands = Hands(self.watch, self.store, self.built, self.rows)
        hands.at(frame)
        return hands

    def _loss(
        self, hands: Hands, plan: Plan, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        noted: Any = None
        try:
            noted = hands.loss(plan.name, args, kwargs)
        except Exception as error:
            self.watch.fault("PyTorch", error)
        try:
            return func(*args, **kwargs)
        except Exception as error:
            if noted is not None:
                self.watch.sightings.failed(noted, f"{type(error).__name__}: {error}")
            raise


__all__ = ["Mode"]

"""PyTorch: when the mode looks, when it leaves, and where layers were made."""

from __future__ import annotations

import functools
import sys
import threading
from collections import OrderedDict
from importlib import import_module
from types import FrameType, TracebackType
from typing import Any

import torch
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.overrides import _get_current_function_mode_stack as stack

from ..facts import Array
from .bench import settled
from .places import place_of, user_frame
from .store import Store
from .torch_arrays import kind_of, plain, read
from .torch_mode import Mode
from .torch_verbs import LOSSES
from .watch import Watch

_optimizer: Any = import_module("torch.optim.optimizer")
_STEPS, _MOST = 6, 24  # optimiser steps before it leaves: at the least, and in any case
_CALLS = 400  # of losses, where no optimiser steps
_AGAIN = 6  # how often it comes back when a model changes between training and evaluation


class TorchWatch:
    """One watch of PyTorch."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.store, self.built = Store(), Store()
        self.mode = Mode(watch, self.store, self.built)
        self.steps = self.again = 0
        self.until = _MOST
        self.compiled = False
        self.depth = 0
        self.hook: Any = None  # that counts the optimisers' steps while it looks
        self.pause: Any = None  # before each of them
        self.paused: int | None = None  # the thread whose optimiser is at work
        watch.watched["PyTorch"] = torch.__version__
        watch.readers.append(self.describe)
        watch.ticks.append(self._stepped)

    def start(self) -> None:
        """Begin to look."""
        watch = self.watch
        self._remember_layers()
        self._come_back()
        self._eager_first()
        self._count_steps()
        watch.undo.append(self._leave)
        watch.threads.append(self._in_thread)
        watch.autopsies.append(self._autopsy)
        watch.renewals.append(self.renew)
        self.mode.__enter__()

    def _count_steps(self) -> None:
        if self.hook is None:
            self.hook = register_optimizer_step_post_hook(self._after_step)
        if self.pause is None:
            self.pause = register_optimizer_step_pre_hook(self._before_step)

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """An optimiser calls no loss, but in a closure: nothing is looked at while it works."""
        closure = any(callable(x) for x in (*args, *kwargs.values()))
        modes = stack()
        if not closure and modes and modes[-1] is self.mode:
            self.mode.__exit__(None, None, None)
            self.paused = threading.get_ident()

    def _after_step(self, *rest: Any) -> None:
        if self.paused == threading.get_ident():
            self.paused = None
            if self.mode not in stack():
                self.mode.__enter__()
        self._stepped()

    def _count_no_more(self) -> None:
        """Take the hook away, which may be at work: PyTorch goes through the hooks that it had."""
        if self.hook is None:
            return
        if self.pause is not None:
            self.pause.remove()
            self.pause = None
        hooks = _optimizer._global_optimizer_post_hooks
        if list(hooks) == [self.hook.id]:
            _optimizer._global_optimizer_post_hooks = OrderedDict()
            self.hook = None
        elif not self.watch.active:
            self.hook.remove()
            self.hook = None

    def describe(self, x: Any) -> Any:
        """For Keras: facts and numbers of a tensor."""
        if not isinstance(x, torch.Tensor):
            return None
        known = self.store.get(x)
        facts = settled(known, tuple(x.shape), kind_of(x)) if isinstance(known, Array) else plain(x)
        return facts, lambda: read(x)

    def _in_thread(self) -> Any:
        """Look in another thread too."""
        if self.mode.passive or not self.watch.active:
            return None
        mode = Mode(self.watch, self.store, self.built)
        mode.__enter__()

        def out() -> None:
            if stack() and stack()[-1] is mode:
                mode.__exit__(None, None, None)

        return out

    def _stepped(self, *rest: Any) -> None:
        self.steps += 1
        if self.mode.passive:
            return
        enough = self.steps >= _STEPS and self.watch.sightings.looked_enough
        if self.steps >= self.until or enough:
            self._leave()

    def _leave(self) -> None:
        """Get out of the way: nothing is looked at any more, and a step costs what it cost."""
        self.mode.passive = True
        self._count_no_more()
        if threading.current_thread() is threading.main_thread():
            modes = stack()
            if modes and modes[-1] is self.mode:
                self.mode.__exit__(None, None, None)
        self.store.clear()
        if self.compiled:
            torch.compiler.set_stance("default")
            self.compiled = False
            self.again = _AGAIN

    def _return(self) -> None:
        """Look again for some steps: the model is used in another way now."""
        modes = stack()
        ours = bool(modes) and modes[-1] is self.mode
        if modes and not ours:
            return
        self.again += 1
        self.until = self.steps + 4
        self.mode.passive = False
        self._count_steps()
        if not ours:
            self.mode.__enter__()

    def renew(self) -> None:
        """Begin to look anew."""
        self.steps, self.again, self.until = 0, 0, _MOST
        modes = stack()
        if self.mode.passive and (not modes or modes[-1] is self.mode):
            self.mode.passive = False
            self._count_steps()
            if not modes:
                self.mode.__enter__()

    def _autopsy(self, trace: TracebackType | None) -> None:
        """A loss in which the run ended, after nothing was looked at any more."""
        while trace is not None:
            frame = trace.tb_frame
            name = frame.f_code.co_name
            if name in LOSSES and frame.f_code.co_filename == torch.nn.functional.__file__:
                hands = self.mode.hands(frame.f_back or frame)
                noted: Any = hands.loss(name, (), dict(frame.f_locals))
                if noted is not None:
                    self.watch.sightings.failed(noted, "it")
                return
            trace = trace.tb_next

    def _remember_layers(self) -> None:
        built, watch = self.built, self.watch
        before = torch.nn.Module.__init__

        @functools.wraps(before)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            if type(self).__module__.startswith("torch.nn") and watch.active:
                try:
                    built.set(self, made_at(self, sys._getframe(1)))
                except Exception as error:
                    watch.fault("PyTorch", error)
            before(self, *args, **kwargs)

        watch.replace(torch.nn.Module, "__init__", __init__)

    def _come_back(self) -> None:
        before = torch.nn.Module.train
        watch = self.watch

        @functools.wraps(before)
        def train(module: Any, mode: bool = True) -> Any:
            if (
                self.mode.passive
                and watch.active
                and self.again < _AGAIN
                and mode != module.training
            ):
                try:
                    self._return()
                except Exception as error:
                    watch.fault("PyTorch", error)
            return before(module, mode)

        watch.replace(torch.nn.Module, "train", train)

    def _eager_first(self) -> None:
        """What is compiled runs eagerly while it is looked at."""
        before = torch.compile
        watch = self.watch

        @functools.wraps(before)
        def compile(*args: Any, **kwargs: Any) -> Any:
            if watch.active and not self.mode.passive and not self.compiled:
                torch.compiler.set_stance("force_eager")
                self.compiled = True
            elif self.mode.passive:
                self.again = _AGAIN
            return before(*args, **kwargs)

        watch.replace(torch, "compile", compile)


def made_at(module: Any, frame: FrameType | None) -> Any:
    """Where a layer was made, and how that was written."""
    while frame is not None and frame.f_code.co_name == "__init__":
        if frame.f_locals.get("self") is not module:
            break
        frame = frame.f_back
    outer = user_frame(frame)
    place, text = place_of(outer)
    return place, text if outer is frame else f"nn.{type(module).__name__}"


def begin(watch: Watch) -> None:
    """Watch PyTorch from now on."""
    TorchWatch(watch).start()

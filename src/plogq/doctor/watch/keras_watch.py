"""Keras 3: losses at the functions that all spellings reach, with the backend's own facts."""

from __future__ import annotations

import functools
import sys
from dataclasses import replace
from types import FrameType
from typing import Any, cast

import numpy as np

from ..contracts import CONTRACTS, Contract, with_logits
from ..facts import OUTPUTS, Array, Cut, Made, Place
from . import layers
from .evidence import Numbers
from .keras_graph import head_of
from .keras_source import argument
from .pipelines import Yielded, labels_of
from .places import is_library, place_of, user_frame
from .sightings import Kind
from .store import Store
from .tensorflow_verbs import fed
from .watch import Watch

_BASES = ("categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy")
_OTHERS = ("categorical_focal_crossentropy", "kl_divergence")
_HALVES = ("accuracy", "acc", "binary_accuracy", "BinaryAccuracy")


class Keras:
    """One watch of Keras."""

    def __init__(self, watch: Watch) -> None:
        import keras

        self.watch = watch
        self.built, self.compiled, self.fitted = Store(), Store(), Store()
        self.late: list[tuple[Yielded, Contract, Kind]] = []
        self.backend = keras.backend.backend()
        watch.watched["Keras"] = f"{keras.__version__} on {self.backend}"

    def start(self) -> None:
        """Look at losses, layers, compile and fit."""
        from keras.src import backend
        from keras.src.layers.layer import Layer
        from keras.src.losses import losses
        from keras.src.ops.operation import Operation
        from keras.src.trainers.trainer import Trainer

        for name in _BASES:
            self._loss(backend.nn, name, name)
        for name in _OTHERS:
            self._loss(losses, name, name)
        self._layers(Operation, Layer)
        self._trainer(Trainer)

    # Losses

    def _loss(self, module: Any, name: str, contract: str) -> None:
        before = getattr(module, name)

        @functools.wraps(before)
        def loss(target: Any, output: Any, *args: Any, **kwargs: Any) -> Any:
            watch = self.watch
            noted: Any = None
            if watch.trusts("Keras") and not watch.inside:
                try:
                    given = dict(zip(("from_logits", "axis"), args, strict=False)) | kwargs
                    if name == "categorical_focal_crossentropy":
                        given = kwargs
                    noted = self._note(contract, target, output, given, sys._getframe(1))
                except Exception as error:
                    watch.fault("Keras", error)
            try:
                with watch.within():
                    return before(target, output, *args, **kwargs)
            except Exception as error:
                if noted is not None:
                    watch.sightings.failed(noted, f"{type(error).__name__}: {error}")
                raise

        self.watch.replace(module, name, loss)

    def _note(
        self, name: str, target: Any, output: Any, given: dict[str, Any], frame: FrameType
    ) -> Any:
        site = self._site(name, frame)
        if site is None:
            return None
        contract, place, model, aside, counted = site
        if bool(given.get("from_logits")):
            contract = with_logits(contract)
        with self.watch.within():
            seen_q, seen_p = self.watch.describe(output), self.watch.describe(target)
            if seen_q is None or seen_p is None:
                return None
            (q, read_q), (p, read_p) = seen_q, seen_p
            if q.made is None and p.made in OUTPUTS and not contract.divergence:
                known = fed(q, output)
                q = known if isinstance(known, Array) else q
            options: dict[str, object] = {} if aside is None else {"ignore_class": aside}
            if not counted:
                options["reduction"] = "none"
            axis = given.get("axis", -1)
            if isinstance(axis, int) and axis not in (-1, (q.rank or 0) - 1):
                options["axis"] = axis
            y = self._labels(model, q)
            if isinstance(y, np.ndarray) and p.made is None:
                p = Array(shape=(None, *y.shape[1:]), kind=_kind(y))
                read_p = lambda: y  # noqa: E731
            kind = self.watch.sightings.note(contract, place, q, p, options, read_q, read_p)
            if isinstance(y, Yielded) and kind is not None:
                self.late.append((y, contract, kind))
            self._metrics(model, contract, q)
        for tick in self.watch.ticks:
            tick()
        return contract, place, kind

    def _labels(self, model: Any, q: Array) -> Numbers | Yielded | None:
        """What fit was given, where it is one array."""
        return self.fitted.get(model) if model is not None else None

    def _site(
        self, name: str, frame: FrameType | None
    ) -> tuple[Contract, Place, Any, Any, bool] | None:
        """The loss as the user wrote it, and where; its model, the class that it ignores, and
        whether it takes the mean over all events itself."""
        written, cls, model, aside, counted = name, "", None, None, None
        while frame is not None and is_library(frame.f_code):
            code = frame.f_code
            if "compile_utils" in code.co_filename and "Metrics" in str(
                getattr(code, "co_qualname", "")
            ):
                return None  # beside the loss; only the loss is judged
            if code.co_filename.endswith(("losses/losses.py", "losses\\losses.py")):
                if code.co_name == "call":
                    found = type(frame.f_locals.get("self")).__name__
                    cls = found if found != "LossFunctionWrapper" else cls
                elif f"keras.losses.{code.co_name}" in CONTRACTS:
                    written = code.co_name
                    aside = frame.f_locals.get("ignore_class", aside)
            if (
                counted is None
                and code.co_name == "__call__"
                and "reduction" in vars(frame.f_locals.get("self"))
            ):
                counted = _counts(frame.f_locals)
            if code.co_name == "compute_loss":
                model = frame.f_locals.get("self")
                break
            frame = frame.f_back
        contract = CONTRACTS[f"keras.losses.{cls or written}"] if (
            f"keras.losses.{cls or written}" in CONTRACTS
        ) else CONTRACTS[f"keras.losses.{written}"]  # fmt: skip
        if model is None:
            return contract, place_of(frame)[0], None, aside, bool(counted)
        known = self.compiled.get(model)
        if known is None:
            return contract, place_of(user_frame(frame))[0], model, aside, bool(counted)
        place, _, _, string = known
        named = replace(contract, name=f"'{string}'") if string else contract
        return named, place, model, aside, bool(counted)

    def _metrics(self, model: Any, contract: Contract, q: Array) -> None:
        """Metrics that say yes from 0.5 on, beside a loss on scores."""
        known = self.compiled.get(model) if model is not None else None
        if known is None or contract.exclusive or q.made is not Made.SCORES:
            return
        for place, text in known[2]:
            self.watch.sightings.cuts[Cut(place, q, 0.5, text)] = None

    # Layers

    def _layers(self, operation: Any, layer: Any) -> None:
        watch, built = self.watch, self.built
        make = operation.__dict__["__new__"]
        before = make.__func__ if isinstance(make, staticmethod) else make

        @functools.wraps(before)
        def __new__(cls: Any, *args: Any, **kwargs: Any) -> Any:
            made = before(cls, *args, **kwargs)
            if watch.active:
                try:
                    built.set(made, place_of(user_frame(sys._getframe(1))))
                except Exception as error:
                    watch.fault("Keras", error)
            return made

        watch.replace(operation, "__new__", staticmethod(__new__))
        called = layer.__call__

        @functools.wraps(called)
        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
            if not watch.active:
                return called(self, *args, **kwargs)
            module = type(self).__module__
            own = module.startswith("keras.src.layers") and "Wrapper" not in type(self).__name__
            layers.enter(built.get(self) if own else None)
            try:
                return called(self, *args, **kwargs)
            finally:
                layers.leave()

        watch.replace(layer, "__call__", __call__)

    # Models

    def _trainer(self, trainer: Any) -> None:
        watch = self.watch
        compiled = trainer.compile

        @functools.wraps(compiled)
        def compile(model: Any, *args: Any, **kwargs: Any) -> Any:
            out = compiled(model, *args, **kwargs)
            if watch.trusts("Keras"):
                try:
                    self._compiled(model, args, kwargs, sys._getframe(1))
                except Exception as error:
                    watch.fault("Keras", error)
            return out

        watch.replace(trainer, "compile", compile)
        module = sys.modules.get(f"keras.src.backend.{self.backend}.trainer")
        names = ("TensorFlowTrainer", "JAXTrainer", "TorchTrainer")
        homes = {trainer, *(getattr(module, name) for name in names if hasattr(module, name))}
        for home in homes:
            for name in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
                if name in home.__dict__:
                    self._fits(home, name)

    def _fits(self, home: Any, name: str) -> None:
        before = getattr(home, name)
        watch = self.watch

        @functools.wraps(before)
        def fit(model: Any, *args: Any, **kwargs: Any) -> Any:
            if watch.trusts("Keras"):
                try:
                    y = args[1] if len(args) > 1 else kwargs.get("y")
                    if y is None:
                        y = labels_of(args[0] if args else kwargs.get("x"))
                    self.fitted.set(model, y if isinstance(y, Yielded) else _numbers(y, watch))
                except Exception as error:
                    watch.fault("Keras", error)
            try:
                return before(model, *args, **kwargs)
            finally:
                self.fitted.drop(model)
                self._at_last()

        watch.replace(home, name, fit)

    def _at_last(self) -> None:
        """Labels that generators have yielded by now."""
        late, self.late = self.late, []
        for labels, contract, kind in late:
            try:
                numbers = labels.numbers()
                if numbers is not None:
                    self.watch.sightings.labelled(contract, kind, numbers)
            except Exception as error:
                self.watch.fault("Keras", error)

    def _compiled(self, model: Any, args: Any, kwargs: dict[str, Any], frame: FrameType) -> None:
        loss = args[1] if len(args) > 1 else kwargs.get("loss")
        outer = user_frame(frame)
        if outer is None:
            return
        place = argument(outer, "compile", "loss", 1)
        string = loss if isinstance(loss, str) else ""
        metrics = args[3] if len(args) > 3 else kwargs.get("metrics")
        cuts: list[tuple[Place, str]] = []
        for item in metrics if isinstance(metrics, list | tuple) else [metrics]:
            half = isinstance(item, str) and item in _HALVES
            threshold = getattr(item, "_fn_kwargs", None) or {}
            if type(item).__name__ == "BinaryAccuracy" and threshold.get("threshold") == 0.5:
                half = True
            if half:
                text = repr(item) if isinstance(item, str) else "BinaryAccuracy()"
                cuts.append((argument(outer, "compile", "metrics", 3), text))
        self.compiled.set(model, (place, loss, cuts, string))
        self._before_fit(model, loss, place, string)

    def _before_fit(self, model: Any, loss: Any, place: Place, string: str) -> None:
        """What the layers show as soon as the model is compiled: a fit may never come."""
        name = string or getattr(loss, "__name__", "") or type(loss).__name__
        contract = CONTRACTS.get(f"keras.losses.{name}")
        outputs = getattr(model, "outputs", None) if getattr(model, "built", False) else None
        if contract is None or not isinstance(outputs, list) or len(outputs) != 1:
            return
        q = head_of(outputs[0], self.built)
        if q is None:
            return
        given = getattr(loss, "_fn_kwargs", None) or {}
        if given.get("from_logits"):
            contract = with_logits(contract)
        if string:
            contract = replace(contract, name=f"'{string}'")
        shown = Array(shape=None)
        self.watch.sightings.note(contract, place, q, shown, {}, lambda: None, lambda: None)
        self._metrics(model, contract, q)


def _counts(call: dict[str, Any]) -> bool:
    """Whether a call of a loss of Keras takes every event into a mean."""
    reduces = getattr(call.get("self"), "reduction", None) not in (None, "none")
    return reduces and call.get("sample_weight") is None and call.get("in_mask") is None


def _numbers(y: Any, watch: Watch) -> Numbers | None:
    if isinstance(y, np.ndarray):
        found = y
    elif isinstance(y, list) and y and not isinstance(y[0], list | tuple | np.ndarray):
        found = np.asarray(y)
    elif hasattr(y, "to_numpy"):
        found = cast("Any", y).to_numpy()
    else:
        seen = watch.describe(y) if hasattr(y, "shape") else None
        found = seen[1]() if seen is not None else None
    return found if found is not None and found.dtype.kind in "biuf" and found.ndim else None


def _kind(y: Numbers) -> str:
    return {"b": "bool", "f": "float"}.get(y.dtype.kind, "int")


def begin(watch: Watch) -> None:
    """Watch Keras from now on."""
    Keras(watch).start()

"""P × Logits in what XLA compiles for the CPU: one call of the C++ kernel each way.

XLA takes functions of C as custom calls, and the XLA in TensorFlow has a registry of them. The
functions that enter one there are none of TensorFlow's public ones: where they are not found,
`missing` says so, and the formula runs. So it does where a length is left open, as XLA asks for the
shapes of results when the program is recorded.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

from ...algebra.plain import OF_YES_NO, PlainLoss
from ...native import _cpu
from . import operation

Tensor = Any

_OPERATION, _TARGET = "XlaCustomCallV2", "plogq_program"
# What is a list of numbers among the words, of no axes an empty one.
_LISTS = ("shape", "types")
_REGISTRY = "_ZN3xla24CustomCallTargetRegistry6GlobalEv"
_ENTER = (
    "_ZN3xla24CustomCallTargetRegistry8RegisterE"
    "RKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEPvS8_"
)


def _connect() -> str | None:
    """Why XLA cannot call the kernels, or None once it can."""
    if operation.missing:
        return operation.missing
    library = Path(tf.sysconfig.get_lib(), "libtensorflow_cc.so.2")
    try:
        its_own = ctypes.CDLL(str(library))
        addresses = [ctypes.cast(its_own[name], ctypes.c_void_p) for name in (_REGISTRY, _ENTER)]
        _ = gen_xla_ops.xla_custom_call_v2
    except (OSError, AttributeError) as error:
        return f"TensorFlow {tf.__version__} lets no custom call in: {error}"
    operation.library.plogq_connect_xla(ctypes.c_void_p(_cpu.program_call), *addresses)
    return None


missing = _connect()


def refuses(arrays: tuple[Tensor, ...]) -> str | None:
    """Why these arrays go another way, or None."""
    if any(not x.shape.is_fully_defined() for x in arrays):
        return "XLA's custom calls take no length that the graph leaves open"
    return missing


def loss_of(loss: PlainLoss, *given: Tensor, keep: bool) -> Tensor:
    """The loss, reduced or one for each event; `keep`: its gradient is likely to be asked for.

    It is then made in the same pass for what mostly flows back to a loss, a 1.
    """
    scores = given[0]
    wide = tf.float64 if scores.dtype == tf.float64 else tf.float32
    results = [(wide, _events(loss, scores)), (wide, [3])]
    results += [(scores.dtype, scores.shape)] if keep else []
    return _called(_told(loss, given, keep), list(given), results)[0]


def _gradient(op: Any, d_loss: Tensor, *_: Any) -> list[Tensor | None]:
    """The gradients of a loss by all that it is given."""
    given, (_, *kept) = list(op.inputs), op.outputs
    loss, keep = _loss(op), len(kept) > 1
    of_p = [i for i in operation.floating(given) if i]
    # XLA leaves out what nobody asks for.
    found = operation.slopes(loss, given, of_p, d_loss) if of_p else [None] * len(given)
    known = tf.get_static_value(d_loss)
    if keep and known is not None and np.all(known == 1):
        found[0] = _as_it_is(loss, kept[1], *given, d_loss)
    else:
        results = [(given[0].dtype, given[0].shape)]
        operands = [*given, kept[0], d_loss, *kept[1:]]
        words = {**_words(op), "forward": "0"}
        found[0] = _called(words, operands, results)[0]
    return found


def _as_it_is(loss: PlainLoss, gradient: Tensor, *inputs: Tensor) -> Tensor:
    """The gradient that is there, with a gradient of its own."""

    @tf.custom_gradient
    def plogq_gradient(gradient: Tensor, *inputs: Tensor) -> Any:
        def again(d_gradient: Tensor) -> list[Tensor | None]:
            *given, d_loss = inputs
            slopes, of_loss = operation.slopes_again(loss, given, d_loss, d_gradient)
            return [None, *slopes, of_loss]

        return tf.identity(gradient), again

    return plogq_gradient(gradient, *inputs)


def _gradient_again(op: Any, d_gradient: Tensor) -> list[Tensor | None]:
    """The gradient of a gradient."""
    count = _words(op)["types"].count(",") + 1
    given, (_, d_loss, *made) = list(op.inputs)[:count], list(op.inputs)[count:]
    slopes, of_loss = operation.slopes_again(_loss(op), given, d_loss, d_gradient)
    return [*slopes, None, of_loss, *(None for _ in made)]


def _of_call(op: Any, *flowing: Tensor) -> list[Tensor | None]:
    """The gradient of a custom call: tapes and graphs look for it by the name of the operation."""
    target = op.get_attr("call_target_name").decode()
    if target != _TARGET:
        raise LookupError(f"gradient registry has no entry for: {_OPERATION} of {target}")
    back = _gradient if _words(op)["forward"] == "1" else _gradient_again
    return back(op, *flowing)


if missing is None:
    try:
        tf.RegisterGradient(_OPERATION)(_of_call)
    except KeyError:
        missing = f"TensorFlow {tf.__version__} has a gradient of {_OPERATION} already"


def _events(loss: PlainLoss, scores: Tensor) -> list[int]:
    """The shape of the loss."""
    if loss.reduction != "none":
        return []
    lengths = scores.shape.as_list()
    if loss.target != OF_YES_NO:
        del lengths[loss.axis]
    return lengths


def _told(loss: PlainLoss, given: Sequence[Tensor], keep: bool) -> dict[str, str]:
    """What the kernel is told of a loss and of its arrays."""
    tells = {**operation.attributes(loss), "forward": True, "keep": keep}
    words = {name: str(int(value)) for name, value in tells.items()}
    words["shape"] = ",".join(map(str, given[0].shape.as_list()))
    words["types"] = ",".join(str(x.dtype.as_datatype_enum) for x in given)
    return words


def _words(op: Any) -> dict[str, str]:
    """What the kernel was told."""
    said = op.get_attr("backend_config").decode()
    return dict(word.split("=") for word in said.split())


def _loss(op: Any) -> PlainLoss:
    words = _words(op)
    return operation.loss_of_attributes({k: int(v) for k, v in words.items() if k not in _LISTS})


def _called(words: dict[str, str], operands: Any, results: list[Any]) -> list[Tensor]:
    """A call of the kernel."""
    types, shapes = zip(*results, strict=True)
    made: Any = gen_xla_ops.xla_custom_call_v2(
        operands,
        call_target_name=_TARGET,
        backend_config="".join(f"{name}={value} " for name, value in words.items()),
        has_side_effect=False,
        result_dtypes=types,
        result_shapes=shapes,
    )
    return made

"""P × Logits in what XLA compiles for the CPU: one call of the C++ kernel each way.

XLA takes functions of C as custom calls, and the XLA in TensorFlow has a registry of them. The
functions that enter one there are none of TensorFlow's public ones: where they are not found,
`missing` says so, and the formula runs. So it does where a length is left open, as XLA asks for the
shapes of results when the program is recorded.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

from ...algebra.plain import OF_YES_NO, PlainLoss
from ...native import _cpu
from . import operation

Tensor = Any

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

    @tf.custom_gradient
    def plogq_loss(*given: Tensor) -> Any:
        scores = given[0]
        wide = tf.float64 if scores.dtype == tf.float64 else tf.float32
        results = [(wide, _events(loss, scores)), (wide, [3])]
        results += [(scores.dtype, scores.shape)] if keep else []
        found, *kept = _called(loss, given, given, results, forward=True, keep=keep)

        def backward(d_loss: Tensor) -> list[Tensor | None]:
            of_p = [i for i in operation.floating(given) if i]
            # XLA leaves out what nobody asks for.
            found = operation.slopes(loss, given, of_p, d_loss) if of_p else [None] * len(given)
            return [_gradient(loss, given, kept, d_loss), *found[1:]]

        return found, backward

    return plogq_loss(*given)


def _gradient(
    loss: PlainLoss, given: tuple[Tensor, ...], kept: list[Tensor], d_loss: Tensor
) -> Tensor:
    """The gradient of the scores, which can be differentiated in turn."""

    @tf.custom_gradient
    def plogq_gradient(*inputs: Tensor) -> Any:
        *given, d_loss = inputs
        keep, known = len(kept) > 1, tf.get_static_value(d_loss)
        if keep and known is not None and np.all(known == 1):
            found = kept[1]
        else:
            results = [(given[0].dtype, given[0].shape)]
            operands = (*given, kept[0], d_loss, *kept[1:])
            found = _called(loss, given, operands, results, forward=False, keep=keep)[0]

        def again(d_gradient: Tensor) -> list[Tensor | None]:
            slopes, of_loss = operation.slopes_again(loss, given, d_loss, d_gradient)
            return [*slopes, of_loss]

        return found, again

    return plogq_gradient(*given, d_loss)


def _events(loss: PlainLoss, scores: Tensor) -> list[int]:
    """The shape of the loss."""
    if loss.reduction != "none":
        return []
    lengths = scores.shape.as_list()
    if loss.target != OF_YES_NO:
        del lengths[loss.axis]
    return lengths


def _called(
    loss: PlainLoss, given: Any, operands: Any, results: list[Any], *, forward: bool, keep: bool
) -> list[Tensor]:
    """The kernel, told in words of what arrays it gets."""
    tells = {**operation.attributes(loss), "forward": forward, "keep": keep}
    words = {name: str(int(value)) for name, value in tells.items()}
    words["shape"] = ",".join(map(str, given[0].shape.as_list()))
    words["types"] = ",".join(str(x.dtype.as_datatype_enum) for x in given)
    types, shapes = zip(*results, strict=True)
    made: Any = gen_xla_ops.xla_custom_call_v2(
        operands,
        call_target_name="plogq_program",
        backend_config="".join(f"{name}={value} " for name, value in words.items()),
        has_side_effect=False,
        result_dtypes=types,
        result_shapes=shapes,
    )
    return made

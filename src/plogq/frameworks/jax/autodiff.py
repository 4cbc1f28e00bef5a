"""JAX's transformations around a kernel: three primitives, each the derivative of the one before.

`losses` gives the loss and log Z per event with the residual; `pushed` is its change along a change
of the scores, linear in that, and transposes to `gradients`, which is the kernel's backward. What
is differentiated further is the formula in JAX's own operations. All three are lowered by the
kernel where it runs, and by the formula where it does not: on another platform, in a program that
XLA divides over devices, and in one that is exported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.sharding import AbstractMesh, NamedSharding, PartitionSpec

from ...algebra import derivatives as closed
from ...algebra.contract import Forward
from . import arrays as xp
from .batching import batched
from .calls import Array, Arrays, Call, formula, taken_apart


def losses(kernel: Any, measure: Any, scores: Any, log_z: bool) -> tuple[Array, Array]:
    """The loss per event, and log Z per event, differentiable."""
    call, arrays = taken_apart(kernel, measure, scores)
    if not jax.sharding.get_abstract_mesh().empty:
        arrays = _varying(arrays)
    loss, found_log_z, _, _ = losses_p.bind(*arrays, call=call)
    return loss, found_log_z


def _varying(arrays: Arrays) -> list[Array]:
    """The arrays, all of them as different over the devices of a shard_map as one of them is.

    What is the same on every device gets the sum of all devices' gradients by that.
    """
    axes = [_axes(jax.typeof(x)) for x in arrays]
    every = frozenset[str]().union(*axes)
    return [
        x if own == every else jax.lax.pcast(x, tuple(every - own), to="varying")
        for x, own in zip(arrays, axes, strict=True)
    ]


def _axes(aval: Any) -> frozenset[str]:
    """The axes of a shard_map along which an array differs from device to device."""
    return getattr(getattr(aval, "mat", None), "varying", frozenset[str]())


# What the primitives compute, by whichever kernel.


def _losses(*arrays: Array, call: Call, kernel: Any) -> list[Array]:
    measure, scores = call.pair(arrays)
    found: Forward = kernel.forward(measure, scores, log_z=True)
    residual = found.residual
    if residual is None:
        residual = (found.log_z, found.log_z)
    return [found.loss, found.log_z, *(jnp.asarray(x, xp.wide()) for x in residual)]


def _gradients(*arrays: Array, call: Call, kernel: Any) -> list[Array]:
    *given, greatest, rest, d_loss, d_log_z = arrays
    measure, scores = call.pair(given)
    residual = None if call.scores[0] in ("binary", "versus") else (greatest, rest)
    found = zip(
        kernel.backward(measure, scores, residual, d_loss, d_log_z), scores.arrays(), strict=True
    )
    # What is not asked for is nothing.
    return [jnp.zeros_like(x) if g is None else g for g, x in found if x is not None]


def _anew(*arrays: Array, call: Call) -> list[Array]:
    """The gradients without the residual, which changes as the scores do."""
    *given, _, _, d_loss, d_log_z = arrays
    measure, scores = call.pair(given)
    found = formula.backward(measure, scores, None, d_loss, d_log_z)
    return [g for g in found if g is not None]


def _pushed(*arrays: Array, call: Call, moving: tuple[bool, ...]) -> list[Array]:
    """The change of the loss and of log Z, linear in the changes that come first."""
    changes, given = iter(arrays[: sum(moving)]), arrays[sum(moving) : len(arrays) - 2]
    measure, scores = call.pair(given)
    of_p, of_q = call.own([next(changes) if moves else None for moves in moving])
    like = call.outputs(given)
    loss, log_z = (jnp.zeros(x.shape, x.dtype) for x in like[:2])
    if any(x is not None for x in of_p):
        loss = loss + closed.along_target(formula, measure, scores, of_p)
    if any(x is not None for x in of_q):
        found: Any = closed.along_scores(formula, measure, scores, of_q)
        loss, log_z = loss + found[0], log_z + found[1]
    return [jnp.asarray(x, s.dtype) for x, s in zip((loss, log_z), like, strict=False)]


# The primitives. Arrays come as P's, then Q's; then the residual; then what flows back.

losses_p = Primitive("plogq_losses")
pushed_p = Primitive("plogq_pushed")
gradients_p = Primitive("plogq_gradients")


def eagerly(
    primitive: Any, steps: Callable[..., Any], static: tuple[str, ...] = ("call", "moving")
) -> Callable[..., Any]:
    """What runs eagerly: a program of this primitive, or its steps where jit is disabled."""
    compiled = jax.jit(primitive.bind, static_argnames=static)
    config: Any = jax.config

    def run(*arrays: Array, **params: Any) -> Any:
        function = steps if config.jax_disable_jit else compiled
        return function(*arrays, **params)

    return run


for _p, _steps in (
    (losses_p, partial(_losses, kernel=formula)),
    (pushed_p, _pushed),
    (gradients_p, partial(_gradients, kernel=formula)),
):
    _p.multiple_results = True
    _p.def_impl(eagerly(_p, _steps))


def _avals(shapes: Any, arrays: Any) -> list[Any]:
    """Results of these shapes, which differ over a shard_map's devices as the arrays do."""
    differing = next((x for x in arrays if _axes(x)), None)
    if differing is None:
        return [ShapedArray(s.shape, s.dtype) for s in shapes]
    return [
        ShapedArray(
            s.shape,
            s.dtype,
            sharding=NamedSharding(differing.sharding.mesh, PartitionSpec(*(None,) * len(s.shape))),
            manual_axis_type=differing.mat,
        )
        for s in shapes
    ]


@losses_p.def_abstract_eval
def _(*arrays: Any, call: Call) -> list[Any]:
    return _avals(call.outputs(arrays), arrays)


@pushed_p.def_abstract_eval
def _(*arrays: Any, call: Call, moving: tuple[bool, ...]) -> list[Any]:
    return _avals(call.outputs(arrays[sum(moving) : len(arrays) - 2])[:2], arrays)


@gradients_p.def_abstract_eval
def _(*arrays: Any, call: Call) -> list[Any]:
    return _avals(arrays[call.of_p() : len(arrays) - 4], arrays)


def _lowered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The rule that lowers a primitive by the kernel where it runs, and else by the formula."""

    def rule(ctx: Any, *operands: Any, call: Call) -> Any:
        kernel = call.kernel
        if not alone(ctx):
            kernel = getattr(kernel, "elsewhere", formula)
            if getattr(kernel, "in_turn", False) and not _one_device(ctx):
                kernel = formula
        traced = partial(function, call=call, kernel=kernel)
        return written(ctx, traced, operands)

    return rule


def written(ctx: Any, function: Callable[..., Any], operands: Any) -> Any:
    """`function` in a program, in which it no longer matters what a type says of a mesh."""
    plain = ctx.replace(avals_in=[ShapedArray(a.shape, a.dtype) for a in ctx.avals_in])
    with jax.sharding.use_abstract_mesh(AbstractMesh((), ())):
        return mlir.lower_fun(function, multiple_results=True)(plain, *operands)


def alone(ctx: Any) -> bool:
    """Whether this program is for one CPU of this process, here and now."""
    module = ctx.module_context
    exported = module.lowering_parameters.for_export
    return tuple(module.platforms) == ("cpu",) and _one_device(ctx) and not exported


def _one_device(ctx: Any) -> bool:
    """Whether XLA divides nothing of this program over devices."""
    context = ctx.module_context.axis_context
    manual = getattr(context, "manual_axes", None)
    if manual is not None:
        return set(manual) == set(context.mesh.axis_names)
    return getattr(context, "num_devices", 1) == 1


mlir.register_lowering(losses_p, _lowered(_losses))
mlir.register_lowering(gradients_p, _lowered(_gradients))
mlir.register_lowering(
    pushed_p, lambda ctx, *operands, **params: written(ctx, partial(_pushed, **params), operands)
)


def _losses_jvp(primals: Arrays, tangents: Arrays, *, call: Call) -> tuple[Any, Any]:
    found = losses_p.bind(*primals, call=call)
    moving, changes = _moving(tangents)
    residual = found[2:]
    moved = pushed_p.bind(*changes, *primals, *residual, call=call, moving=moving)
    return found, [*moved, *map(still, residual)]


def _moving(tangents: Arrays) -> tuple[tuple[bool, ...], list[Array]]:
    """Which arrays change, and how. Integers have no tangents."""
    moving = tuple(type(t) is not ad.Zero for t in tangents)
    return moving, [t for t, moves in zip(tangents, moving, strict=True) if moves]


def still(x: Array) -> Any:
    """The tangent of what does not change."""
    return ad.Zero(jax.typeof(x).to_tangent_aval())


def _pushed_jvp(
    primals: Arrays, tangents: Arrays, *, call: Call, moving: tuple[bool, ...]
) -> tuple[Any, Any]:
    found = pushed_p.bind(*primals, call=call, moving=moving)
    own, residual = sum(moving), primals[len(primals) - 2 :]
    total: Any = [still(x) for x in found]
    if any(_moving(tangents[:own])[0]):
        changes = [ad.instantiate_zeros(t) for t in tangents[:own]]
        total = pushed_p.bind(*changes, *primals[own:], call=call, moving=moving)
    if any(_moving(tangents[own : len(tangents) - 2])[0]):
        moved = along(
            lambda *given: _pushed(*primals[:own], *given, *residual, call=call, moving=moving),
            primals[own : len(primals) - 2],
            tangents[own : len(tangents) - 2],
        )
        total = [ad.add_tangents(a, b) for a, b in zip(total, moved, strict=True)]
    return found, total


def _gradients_jvp(primals: Arrays, tangents: Arrays, *, call: Call) -> tuple[Any, Any]:
    found = gradients_p.bind(*primals, call=call)
    return found, along(partial(_anew, call=call), primals, tangents)


def along(function: Callable[..., Any], primals: Arrays, tangents: Arrays) -> Any:
    """The change of `function` along tangents, of which integers have none."""
    moving = [i for i, moves in enumerate(_moving(tangents)[0]) if moves]

    def of_moving(*moved: Array) -> Any:
        given = list(primals)
        for i, x in zip(moving, moved, strict=True):
            given[i] = x
        return function(*given)

    return jax.jvp(of_moving, [primals[i] for i in moving], [tangents[i] for i in moving])[1]


def _pushed_transpose(
    cotangents: Any, *arrays: Any, call: Call, moving: tuple[bool, ...]
) -> list[Any]:
    own = sum(moving)
    given, residual = arrays[own : len(arrays) - 2], arrays[len(arrays) - 2 :]
    d_loss, d_log_z = (ad.instantiate_zeros(c) for c in cotangents)
    of_p, of_q = call.own(moving)
    found: list[Any] = [None] * len(given)
    if any(of_q):
        asked = call.wanting(of_q)
        found[call.of_p() :] = gradients_p.bind(*given, *residual, d_loss, d_log_z, call=asked)
    if any(of_p):
        measure, scores = call.pair(given)
        gradients = closed.of_target(formula, measure, scores, of_p, d_loss)
        found[: call.of_p()] = [
            g for g, there in zip(gradients, call.present, strict=False) if there
        ]
    linear = [g for g, moves in zip(found, moving, strict=True) if moves]
    linear = [
        g if ad.is_undefined_primal(x) else None for g, x in zip(linear, arrays, strict=False)
    ]
    return [*linear, *(None for _ in arrays[own:])]


ad.primitive_jvps[losses_p] = _losses_jvp
ad.primitive_jvps[pushed_p] = _pushed_jvp
ad.primitive_jvps[gradients_p] = _gradients_jvp
ad.primitive_transposes[pushed_p] = _pushed_transpose
batching.primitive_batchers[losses_p] = batched(losses_p, partial(_losses, kernel=formula))
batching.primitive_batchers[gradients_p] = batched(gradients_p, _anew, alone=True)
batching.primitive_batchers[pushed_p] = lambda arrays, axes, **params: (
    jax.vmap(partial(_pushed, **params), tuple(axes))(*arrays),
    [0, 0],
)

"""P and Q as arguments of Triton kernels: where arrays lie, what is per event, what is refused."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from ....algebra.measure import Measure
from .. import arrays as verbs
from .layout import per_class

Tensor = torch.Tensor


def per_event(x: Any, events: tuple[int, ...]) -> Tensor | None:
    """x as one float64 per event without gaps, or None for None."""
    return None if x is None else x.to(torch.float64).broadcast_to(events).contiguous()


def upstream(x: Any, events: tuple[int, ...]) -> tuple[Tensor | None, float, int]:
    """What flows back: a tensor, a number that it is times, and the step between events."""
    if not isinstance(x, torch.Tensor):
        return None, float(x), 0
    if x.numel() == 1 or not any(x.stride()):
        return x, 1.0, 0
    return x.broadcast_to(events).contiguous(), 1.0, 1


def parts(measure: Measure) -> dict[str, Any]:
    """The weights of P as the kernels want them."""
    background = measure.background[0] if measure.background else None
    dense = measure.dense is not None
    return {
        "event_weight": per_event(measure.event, measure.events) if dense else None,
        "class_weight": per_class(measure.class_weight) if dense else None,
        "factor": None if background is None else per_event(background.factor, measure.events),
        "spread": None if background is None else per_class(background.classes),
    }


def mass_of(measure: Measure) -> Tensor | None:
    """The mass of every event, None where it is 1 by construction."""
    return None if measure.unit_mass() else per_event(measure.mass(verbs), measure.events)


def sparse_of(m: Measure) -> tuple[Tensor | None, Tensor | None, int]:
    """The sparse part of P without gaps, and how many entries an event has."""
    if m.index is None:
        return None, None, 0
    value = None if m.value is None else m.value.contiguous()
    return m.index.contiguous(), value, m.index.shape[-1]


class Entries(NamedTuple):
    """The sparse part of P with the entries of an event by class; `last` of each one's class."""

    classes: Tensor
    value: Tensor | None
    last: Tensor


def in_runs(index: Tensor, value: Tensor | None) -> Entries:
    """Entries [..., T] in the order of their classes, in time T log T."""
    index, order = index.sort(dim=-1, stable=True)
    last = torch.searchsorted(index, index, right=True) - 1
    return Entries(index, None if value is None else value.gather(-1, order), last)


def flowing(d_loss: Any, d_log_z: Any, events: tuple[int, ...], like: Tensor) -> dict[str, Any]:
    """What flows back to losses and to log Z, as the kernels' arguments on the device of `like`."""
    loss, number, step = upstream(d_loss, events)
    if not isinstance(d_log_z, torch.Tensor) and d_log_z:
        d_log_z = torch.full((), d_log_z, device=like.device)
    z, _, z_step = upstream(d_log_z, events)
    return {
        "d_loss": loss,
        "d_all": number,
        "loss_step": step,
        "d_log_z": z,
        "log_z_step": z_step,
    }

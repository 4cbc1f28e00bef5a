"""Mass 0 takes an event out of everything, over ranks as on one."""

from __future__ import annotations

import numpy as np
import torch

import plogq

from ..on_torch.tensors import leaves, on_torch, recorded
from ..spoiled import pairs
from .exact import sharded
from .slices import gradient, own, sliced


def events_without_mass(rank: int, world: int) -> None:
    """Whatever stands there: the loss and the gradient of the other events."""
    for case in pairs(np.float64):
        if not isinstance(case.q, plogq.Logits | plogq.LinearLogits):
            continue
        for z_loss in (0.0, 0.1):
            expected = recorded(on_torch(case.kept_q))
            right = plogq.cross_entropy(on_torch(case.kept_p), expected, z_loss=z_loss)
            right.backward()
            over, local = sharded(on_torch(case.q), rank, world)
            loss = plogq.cross_entropy(sliced(on_torch(case.p), rank, world), over, z_loss=z_loss)
            loss.backward()
            torch.testing.assert_close(loss, right, rtol=1e-12, atol=0.0, msg=case.name)
            for name, x in leaves(expected).items():
                want, got = gradient(x), gradient(local[name])
                if name in ("scores", "hidden"):
                    assert not got[case.out].any(), f"{case.name}: {name}"
                    got = got[~case.out]
                if name != "hidden":
                    want = own(want, rank, world, -1 if name == "scores" else 0)
                torch.testing.assert_close(
                    got, want, rtol=1e-11, atol=1e-13, msg=lambda m, c=case, n=name: f"{c}: {n} {m}"
                )

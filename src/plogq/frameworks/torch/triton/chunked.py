"""LinearLogits in chunks on a GPU: the vendor's matrix products, and our kernel for scores."""

from __future__ import annotations

from ....algebra.chunked import Chunked
from ....algebra.scores import Projection
from .. import arrays as verbs
from .binding import stored

# Enough for a product to run at full speed, whatever the weights.
_LEAST_BYTES = 64 << 20


def room(q: Projection, events: int) -> int:
    """The room of a chunk where the caller has not said: what the weight takes in float32.

    Where the scores of all events fit, one product makes the gradient of the weight, and no sum of
    float32 is kept beside it, which would take as much.
    """
    return max(4 * q.weight.numel(), _LEAST_BYTES)


chunked = Chunked(verbs, stored, room, own=True)

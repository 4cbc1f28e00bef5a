"""Who called: whether Keras is training a model.

It is for sentences and warnings. Nothing that is computed depends on it.
"""

from __future__ import annotations

import sys
from types import FrameType


def in_keras() -> bool:
    """Whether a loss is being asked for by a model that Keras trains."""
    if "keras" not in sys.modules:
        return False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("keras.src.trainers"):
            return True
        frame = frame.f_back
    return False

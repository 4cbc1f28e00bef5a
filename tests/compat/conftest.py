"""Which tests belong to a process that runs Keras on one backend."""

from __future__ import annotations

import os

# `test_keras.py` runs these in a process for every backend.
collect_ignore = [] if "KERAS_BACKEND" in os.environ else ["on_backend"]
if os.environ.get("KERAS_BACKEND") == "numpy":
    # NumPy has no automatic differentiation.
    collect_ignore = ["on_backend/test_gradients.py", "on_backend/test_models.py"]

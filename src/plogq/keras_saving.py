"""Keras models saved with plogq's losses: where Keras is loaded, it learns what they are.

A saved model names the losses it was trained with, and Keras imports no one else's modules to find
them.
"""

from __future__ import annotations

from importlib import import_module

from .frameworks import loaded


def offer() -> None:
    """Tell Keras of the losses of `plogq.compat.keras`, if Keras 3 is loaded already."""
    keras = loaded("keras")
    if hasattr(keras, "KerasTensor") and hasattr(keras, "saving"):
        import_module("plogq.compat.keras")

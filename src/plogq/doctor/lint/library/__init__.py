"""What is known of libraries: their functions, layers, losses, models and data sets."""

from .table import LIBRARY

__all__ = ["LIBRARY"]

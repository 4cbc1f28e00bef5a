"""Scoring files of predictions: CSV, Parquet, Arrow IPC and NPZ, larger than memory if need be."""

from .column import InputError
from .evaluate import score_file
from .report import Report
from .seen import Wish

__all__ = ["InputError", "Report", "Wish", "score_file"]

"""Kernels: what computes a pair (P, Q) fast, behind one contract."""

from .table import describe

__all__ = ["describe"]

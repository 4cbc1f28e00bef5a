"""The suites that every framework passes, by the kernels in Triton."""

from __future__ import annotations

from ..suite import laws
from .adapter import FRAMEWORK


class TestLaws(laws.Laws):
    framework = FRAMEWORK

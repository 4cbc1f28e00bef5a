"""Every kernel compiles for the least of the devices that are named, launched in every way."""

from __future__ import annotations

import pytest

from .hardware import KERNELS, check

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("part", KERNELS)
def test_every_kernel_compiles(part: str) -> None:
    check(part, "sm_80", "sm_80")

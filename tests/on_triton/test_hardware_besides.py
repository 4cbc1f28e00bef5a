"""Every kernel compiles for other devices, launched as most programs launch it."""

from __future__ import annotations

import pytest

from .compiled import TARGETS
from .hardware import KERNELS, check

pytestmark = pytest.mark.slow


OTHERS = [t for t in TARGETS if t != "sm_80"]


@pytest.mark.parametrize("target", OTHERS)
@pytest.mark.parametrize("part", KERNELS)
def test_every_kernel_compiles(part: str, target: str) -> None:
    check(part, target, ",".join(OTHERS))

"""NumPy arrays as the C++ kernels take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...native.sums import BF16, F16, F32, F64
from ..pages import LARGE, pages

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


_CODES = {np.dtype(np.float64): F64, np.dtype(np.float32): F32, np.dtype(np.float16): F16}


_DTYPES = {F64: np.dtype(np.float64), F32: np.dtype(np.float32)}


class _Memory:
    """NumPy arrays: what they export is themselves."""

    def code(self, x: Array) -> int | None:
        found = _CODES.get(x.dtype)
        if found is None and x.dtype.name == "bfloat16" and x.dtype.isnative:
            # ml_dtypes makes the dtype when it is imported; then it is looked up like the rest.
            found = _CODES[x.dtype] = BF16
        return found

    def refuses(self, x: Array, role: str) -> str | None:
        if self.code(x) is not None:
            return None
        order = "" if x.dtype.isnative else ", in a byte order that is not this machine's"
        return (
            f"{role} is {x.dtype.name}{order}; "
            "the kernels take native float64, float32, float16 and bfloat16"
        )

    def exported(self, x: Array) -> Array:
        return x.view(np.uint16) if _CODES.get(x.dtype) == BF16 else x

    def host(self, x: Array) -> Array:
        return x

    def empty(self, shape: tuple[int, ...], dtype: int) -> Array:
        return np.empty(shape, _DTYPES[dtype])

    def like(self, x: Array) -> Array:
        if x.nbytes < LARGE or not x.flags.c_contiguous:
            return np.empty_like(x)
        return pages(x.nbytes).view(x.dtype).reshape(x.shape)


memory = _Memory()

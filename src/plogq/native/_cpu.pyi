from typing import Any

program_call: int
carried: tuple[float, float]

def instruction_sets() -> tuple[str, ...]: ...
def lend(pool: int) -> None: ...
def read_tensors(api: Any, describe: Any, threads: Any) -> None: ...
def read_arrays(
    type: type,
    dtypes: dict[Any, tuple[int, int]],
    probe: Any,
    address: int,
    losses: Any,
    like: Any,
    numbers: tuple[type, type],
) -> None: ...
def read_options(kernel: Any, level: Any, reductions: dict[str, int]) -> None: ...
def read_set(set: Any) -> None: ...
def read_threads(threads: Any) -> None: ...
def read_modes(
    classes: tuple[type, ...],
    forward_ad: dict[str, Any],
    grad_enabled: Any,
    transforms: Any,
    dispatch_modes: Any,
    losses: Any,
    like: Any,
    widen: Any,
    record: Any,
) -> None: ...
def read_plain(labels: type, rows: type, yes_no: type) -> None: ...
def loss_of_pair(p: Any, q: Any, reduction: Any, gradient: bool) -> Any: ...
def taken_by_autograd(context: Any, way: Recorded, scores: Any) -> Any: ...
def ready_scores(x: Any, axis: Any) -> bool: ...
def ready_tensor(x: Any, integer: bool) -> bool: ...
def not_negative(x: Any) -> bool: ...
def xla_handlers() -> dict[str, Any]: ...

# A problem of the kernels is described once, in problem.hpp: what it is told, what it reads, and
# what it writes. A view is an array and the code of its dtype.
problems: dict[str, tuple[dict[str, int | float | bool], tuple[str, ...], tuple[str, ...]]]

def stored(
    set: int,
    threads: int,
    /,
    *,
    kind: int = 0,
    softcap: float = 0.0,
    axis: int = -1,
    dense_axis: int = -1,
    entries: int = 0,
    d_loss_all: float = 1.0,
    z_loss: float = 0.0,
    bound: float = 1.0,
    forward: bool = True,
    shard: bool = False,
    flush: bool = False,
    scores: Any,
    index: Any = None,
    value: Any = None,
    dense: Any = None,
    event: Any = None,
    class_weight: Any = None,
    factor: Any = None,
    spread: Any = None,
    mass: Any = None,
    d_loss: Any = None,
    d_log_z: Any = None,
    greatest: Any = None,
    rest: Any = None,
    loss: Any = None,
    log_z: Any = None,
    gradient: Any = None,
    hessian: Any = None,
) -> None: ...
def binary(
    set: int,
    threads: int,
    /,
    *,
    kind: int = 0,
    yes_1: float = 1.0,
    yes_0: float = 0.0,
    no_1: float = 0.0,
    no_0: float = 1.0,
    d_loss_all: float = 1.0,
    z_loss: float = 0.0,
    bound: float = 1.0,
    scores: Any,
    target: Any,
    weight: Any = None,
    d_loss: Any = None,
    d_log_z: Any = None,
    loss: Any = None,
    log_z: Any = None,
    gradient: Any = None,
    hessian: Any = None,
) -> None: ...
def versus(
    set: int,
    threads: int,
    of: int,
    scores_p: Any,
    axis_p: int,
    dtype_p: int,
    scores_q: Any,
    axis_q: int,
    dtype_q: int,
    weight: Any,
    known: Any,
    loss: Any,
    log_z: Any,
    wide: bool,
    of_p: Any,
    of_q: Any,
    d_loss: Any,
    d_loss_all: float,
    d_log_z: Any,
    forward: bool,
    flush: bool,
) -> None: ...

class Recorded:
    @property
    def divisor(self) -> float: ...
    @property
    def softcap(self) -> float: ...
    @property
    def whole(self) -> bool: ...
    def gradient(self, scores: Any, d_loss: Any) -> Any: ...

class Labels:
    """Labels as they were given, with what is kept of a forward for its backward."""

    def __init__(
        self,
        labels: Any,
        type: int,
        events: int,
        classes: int,
        ignore: tuple[int, ...],
        epsilon: float,
        sample_weight: Any,
        class_weight: Any,
        keeps: bool,
        threads: int,
    ) -> None: ...
    @property
    def fits(self) -> bool: ...
    def forward(
        self,
        set: int,
        threads: int,
        scores: Any,
        axis: int,
        dtype: int,
        softcap: float,
        reduction: int,
        loss: Any,
        gradient: Any,
    ) -> tuple[float, float]: ...
    def backward(
        self,
        set: int,
        threads: int,
        scores: Any,
        axis: int,
        dtype: int,
        softcap: float,
        d_loss_all: float,
        d_loss: Any,
        gradient: Any,
    ) -> None: ...

def row_sums(
    set: int, threads: int, array: Any, axis: int, dtype: int, weight: Any, sum: Any, least: Any
) -> None: ...
def total(array: Any, dtype: int) -> float: ...
def exact_sums(
    values: Any, times: Any, places: Any, size: int
) -> tuple[int, bytes, bytes | None]: ...
def rows_of(set: int, columns: list[Any], dtype: int, sums: Any, tops: Any, best: Any) -> float: ...
def taken(columns: list[Any], dtype: int, index: Any, out: Any) -> None: ...
def marked(index: Any, marks: Any, out: Any) -> None: ...
def halves(numbers: Any, lowest: int, bins: int, out: Any) -> None: ...
def drawn(numbers: Any, most: int, which: Any, keys: Any) -> int: ...
def squares(columns: list[Any], dtype: int, given: Any, out: Any) -> None: ...
def binned(numbers: Any, dtype: int, counts: Any, out: Any) -> None: ...
def mass(columns: list[Any], dtype: int, index: Any, units: float, out: Any) -> None: ...
def value_range(set: int, threads: int, array: Any, dtype: int) -> tuple[float, float]: ...
def read(set: int, threads: int, array: Any) -> float: ...

class Rows:
    """Rows of probabilities that sum to 1, with what is kept of a forward for its backward."""

    def __init__(
        self,
        set: int,
        probs: Any,
        probs_dtype: int,
        axis: int,
        events: int,
        classes: int,
        tolerance: float,
        keeps: bool,
        threads: int,
    ) -> None: ...
    @property
    def fits(self) -> bool: ...

class YesNo:
    """Yes/no targets in [0, 1]."""

    def __init__(self, set: int, target: Any, dtype: int, events: int, threads: int) -> None: ...
    @property
    def fits(self) -> bool: ...

class Places:
    """Which places of a program have called, and how often."""

    def __init__(self, most: int, getframe: Any) -> None: ...
    def due(self) -> tuple[int, Any, int] | None: ...
    def told(self, code: Any, at: int) -> None: ...
    def clear(self) -> None: ...

from typing import Any

labelled_call: int

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
) -> None: ...
def read_plain(labels: type, rows: type, yes_no: type) -> None: ...
def loss_of_pair(p: Any, q: Any, reduction: Any, gradient: bool) -> Any: ...
def ready_scores(x: Any, axis: Any) -> bool: ...
def ready_tensor(x: Any, integer: bool) -> bool: ...
def not_negative(x: Any) -> bool: ...
def xla_handlers() -> dict[str, Any]: ...
def stored(
    set: int,
    threads: int,
    kind: int,
    softcap: float,
    scores: Any,
    axis: int,
    dtype: int,
    index: Any,
    entries: int,
    value: Any,
    dense: Any,
    dense_axis: int,
    dense_dtype: int,
    dense_event: Any,
    class_weight: Any,
    factor: Any,
    spread: Any,
    mass: Any,
    greatest: Any,
    rest: Any,
    loss: Any,
    log_z: Any,
    gradient: Any,
    d_loss: Any,
    d_loss_all: float,
    d_log_z: Any,
    z_loss: float,
    forward: bool,
    shard: bool,
    flush: bool,
    gradient_dtype: int,
    hessian: Any,
    bound: float,
) -> None: ...
def binary(
    set: int,
    threads: int,
    kind: int,
    scores: Any,
    dtype: int,
    target: Any,
    target_dtype: int,
    yes_1: float,
    yes_0: float,
    no_1: float,
    no_0: float,
    weight: Any,
    loss: Any,
    log_z: Any,
    gradient: Any,
    d_loss: Any,
    d_loss_all: float,
    d_log_z: Any,
    z_loss: float,
    gradient_dtype: int,
    hessian: Any,
    bound: float,
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
) -> int: ...

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
def side_by_side(
    columns: list[Any],
    dtype: int,
    rows: int,
    factor: float,
    out: Any,
    sums: Any,
    tops: Any,
    best: Any,
) -> float: ...
def taken(values: Any, dtype: int, index: Any, out: Any) -> None: ...
def mass(values: Any, dtype: int, index: Any, units: float, out: Any) -> None: ...
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

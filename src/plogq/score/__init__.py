"""Scoring files of predictions: CSV, Parquet, Arrow IPC and NPZ, larger than memory if need be."""

try:
    from .column import InputError
    from .compare import compare_files
    from .comparison import Difference
    from .display import ReliabilityDisplay
    from .engines import score_spread
    from .evaluate import score_file
    from .python import totals
    from .report import Comparison, Report
    from .running import Totals
    from .survey import Wish
except ModuleNotFoundError as missing:
    if missing.name not in ("pyarrow", "rich"):
        raise
    raise ModuleNotFoundError(
        f"plogq.score needs {missing.name}, which is not installed: pip install 'plogq[cli]'",
        name=missing.name,
    ) from None

__all__ = [
    "Comparison",
    "Difference",
    "InputError",
    "ReliabilityDisplay",
    "Report",
    "Totals",
    "Wish",
    "compare_files",
    "score_file",
    "score_spread",
    "totals",
]

"""Outcomes as tables: for the terminal in columns, for the docs in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .case import OURS, READ, Case, Outcome, Outcomes, Verdict
from .machine import sentence

Row = tuple[str, ...]


def judge(case: Case, outcomes: Outcomes) -> list[Verdict]:
    return [target.judge(outcomes) for target in case.targets]


def plain(case: dict[str, Any]) -> str:
    """One case for the terminal."""
    lines = [case["title"].replace("`", ""), ""]
    lines += _columns(table(case))
    lines += [f"  left out: {name} ({why})" for name, why in case["left_out"].items()]
    lines += [f"  {_mark(v)} {v['target']}: {v['measured']}" for v in case["targets"]]
    return "\n".join(lines)


def markdown(case: dict[str, Any]) -> str:
    """One case for the docs, with the machine it was measured on."""
    lines = pipes(table(case))
    lines += [""]
    lines += [f"- {_mark(v)} target {v['target']}: {v['measured']}" for v in case["targets"]]
    lines += [f"- left out: {name} ({why})" for name, why in case["left_out"].items()]
    lines += ["", f"{sentence(case['machine'])}. Median of {case['rounds']} rounds."]
    return "\n".join(lines)


def figures(cases: Iterable[dict[str, Any]]) -> str:
    """Every target beside what was measured, for the docs."""
    rows: list[Row] = [("work", "target", "measured", "met")]
    for case in cases:
        for i, v in enumerate(case["targets"]):
            rows.append((case["title"] if i == 0 else "", v["target"], v["measured"], _mark(v)))
    return "\n".join(pipes(rows, numbers=False))


# The README's eight ratios, slower ones included: a case, the peer, and where its table stands.
HEADLINES = (
    ("labels-loss", "torch", "docs/benchmarks.md#loss-of-labels-against-logits"),
    ("labels-grad", "jax", "docs/benchmarks.md#loss-and-gradient"),
    ("torch-labels", "torch", "docs/pytorch.md#measured"),
    ("torch-small", "torch", "docs/pytorch.md#measured"),
    ("many-rows", "torch.compile", "docs/benchmarks.md#many-rows-of-ten-classes"),
    ("linear", "torch", "docs/benchmarks.md#hidden-states-and-weights"),
    ("tensorflow-labels", "tensorflow", "docs/tensorflow.md#speed"),
    ("keras-fit", "keras", "docs/compat-keras.md#speed"),
)


def headlines(cases: dict[str, dict[str, Any]]) -> str:
    """Eight ratios with a link to the table that each stands in, for the README."""
    rows: list[Row] = [("work", "beside", "times as long as plogq")]
    for name, peer, place in HEADLINES:
        case = cases[name]
        row = next(r for r in case["rows"] if r["name"] == peer)
        rows.append((case["title"], row["title"], f"[{row['ratio']:.2f}×]({place})"))
    return "\n".join(pipes(rows, numbers=False))


def record(case: Case, outcomes: Outcomes, machine: dict[str, Any], rounds: int) -> dict[str, Any]:
    """One case as plain data: what the tables are printed from."""
    read = outcomes.median(READ)
    return {
        "name": case.name,
        "title": case.title,
        "unit": case.unit,
        "scale": case.scale,
        "held": case.held,
        "yardstick": _yardstick(case, outcomes),
        "machine": machine,
        "rounds": rounds,
        "read_gb_per_s": None if read is None else outcomes.input_bytes / read / 1e9,
        "rows": [_row(row, case, outcomes) for row in outcomes.rows.values()],
        "left_out": outcomes.left_out,
        "targets": [
            {"target": v.target, "measured": v.measured, "met": v.met}
            for v in judge(case, outcomes)
        ],
    }


def _yardstick(case: Case, outcomes: Outcomes) -> dict[str, Any] | None:
    """What a yardstick reached, where the case has one and it ran."""
    if case.yardstick is None:
        return None
    name, title = case.yardstick
    rate = outcomes.rate(name)
    return None if rate is None else {"title": title, "per_s": rate}


def _row(row: Outcome, case: Case, outcomes: Outcomes) -> dict[str, Any]:
    ours, read = outcomes.median(OURS), outcomes.median(READ)
    full = outcomes.rate(case.yardstick[0]) if case.yardstick else None
    return {
        "name": row.name,
        "title": row.title,
        "seconds": row.median,
        "samples": row.samples,
        "ratio": None if ours is None else row.median / ours,
        "elements_per_s": row.elements / row.median if row.elements else None,
        "read_share": None if read is None or row.name == READ else read / row.median,
        "yardstick_share": None if full is None else row.rate / full,
        "extra_memory": row.memory,
        "over_results": row.memory / outcomes.result_bytes
        if case.over_results and row.memory is not None
        else None,
        "error": row.error,
        "gradient_error": row.gradient_error,
    }


def table(case: dict[str, Any]) -> list[Row]:
    """The rows of one case as text, header first; columns that nobody fills are left out."""
    read = case["read_gb_per_s"]
    share = "" if read is None else f"of read bandwidth ({read:.1f} GB/s)"
    # Older measurements do not say these.
    held, scale = case.get("held", "extra memory"), case.get("scale", 1e9)
    yardstick = case.get("yardstick")
    full = "" if yardstick is None else _reached(yardstick, scale, case["unit"])
    errors = ("over the gradients", "relative error", "error of the gradient")
    header: Row = ("", "median", "ratio", case["unit"], share, full, held, *errors)
    rows = [
        (
            row["title"],
            duration(row["seconds"]),
            _number(row["ratio"], "{:.2f}×"),
            _rate(row["elements_per_s"], scale),
            _number(row["read_share"], "{:.0%}"),
            _number(row.get("yardstick_share"), "{:.0%}"),
            _memory(row["extra_memory"]),
            _number(row.get("over_results"), "{:.2f}×"),
            _number(row["error"], "{:.0e}"),
            _number(row.get("gradient_error"), "{:.2e}"),
        )
        for row in case["rows"]
    ]
    filled = [0, *(i for i in range(1, len(header)) if any(row[i] for row in rows))]
    return [tuple(row[i] for i in filled) for row in [header, *rows]]


def duration(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1 or unit == "µs":
            value = seconds * scale
            return f"{value:#.3g} {unit}" if value < 99.95 else f"{value:,.0f} {unit}"
    raise AssertionError


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _reached(yardstick: dict[str, Any], scale: float, unit: str) -> str:
    return f"of {yardstick['title']} ({_rate(yardstick['per_s'], scale)} {unit})"


def _rate(value: float | None, scale: float) -> str:
    if value is None:
        return ""
    value /= scale
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"


def _memory(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:,.0f} MB"


def _mark(verdict: dict[str, Any]) -> str:
    return {True: "✓", False: "✗", None: "–"}[verdict["met"]]


def _columns(rows: Sequence[Row]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ] + [""]


def pipes(rows: Sequence[Row], numbers: bool = True) -> list[str]:
    """Rows as a table in Markdown, header first."""
    rule = [":--" if i == 0 or not numbers else "--:" for i in range(len(rows[0]))]
    lines = [rows[0], tuple(rule), *rows[1:]]
    return ["| " + " | ".join(line) + " |" for line in lines]

"""What is asked for: rules selected or ignored, files left out; pyproject.toml and options."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, cast

from ..rules import RULES

_KEYS = ("select", "ignore", "exclude", "per-file-ignores", "show-unknown")


class BadSettings(ValueError):
    """Settings that cannot be meant; the message is the sentence that says why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Which rules speak, and of which files."""

    select: tuple[str, ...] = ()  # codes or their beginnings; none: all
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = field(default=())
    show_unknown: bool = False  # what only a name or one way of a branch speaks for
    root: Path | None = None  # the folder of pyproject.toml, for patterns

    def wants(self, code: str, file: Path | None) -> bool:
        """Whether a rule may speak of a file."""
        chosen = _longest(code, self.select) if self.select else 0
        left_out = _longest(code, self.ignore)
        if chosen is None or (left_out is not None and left_out >= chosen):
            return False
        if file is None:
            return True
        return not any(
            _fits(file, pattern, self.root) and _longest(code, codes) is not None
            for pattern, codes in self.per_file_ignores
        )

    def leaves_out(self, path: Path) -> bool:
        """Whether a file or a folder is excluded."""
        return any(_fits(path, pattern, self.root) for pattern in self.exclude)


def _longest(code: str, beginnings: Sequence[str]) -> int | None:
    fitting = [len(b) for b in beginnings if code.startswith(b) or b == "ALL"]
    return max(fitting) if fitting else None


def _fits(path: Path, pattern: str, root: Path | None) -> bool:
    """Whether a pattern means a path: its name, its path, or a folder above it."""
    pattern = pattern.rstrip("/")
    if fnmatch(path.name, pattern):
        return True
    full = path.absolute()
    shown = full.as_posix()
    if root is not None and full.is_relative_to(root):
        shown = full.relative_to(root).as_posix()
    if fnmatch(shown, pattern) or fnmatch(shown, f"{pattern}/*") or fnmatch(shown, f"*/{pattern}"):
        return True
    return any(fnmatch(part, pattern) for part in shown.split("/")[:-1])


def codes(text: str | Sequence[str], where: str) -> tuple[str, ...]:
    """Codes of rules, or their beginnings.

    Raises:
        BadSettings: one that no rule has.
    """
    parts = text.split(",") if isinstance(text, str) else text
    found = tuple(part.strip().upper() for part in parts if part.strip())
    for part in found:
        if part != "ALL" and not any(code.startswith(part) for code in RULES):
            raise BadSettings(
                f"{where} takes codes of rules, PQ001 to PQ{len(RULES):03d}, or their beginnings; "
                f"there is no rule {part}"
            )
    return found


def read_settings(start: Path) -> Settings:
    """The settings of the pyproject.toml in a folder or the nearest one above it.

    Raises:
        BadSettings: it is no TOML, or [tool.plogq.lint] has what is not known.
    """
    folder = start.absolute() if start.is_dir() else start.absolute().parent
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if file.is_file():
            return _from_file(file)
    return Settings()


def _from_file(file: Path) -> Settings:
    try:
        known: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSettings(f"{file} cannot be read as TOML: {error}") from None
    table: Any = known.get("tool", {})
    for key in ("plogq", "lint"):
        table = cast("dict[str, Any]", table).get(key, {}) if isinstance(table, dict) else {}
    if not isinstance(table, dict):
        raise BadSettings(f"[tool.plogq.lint] in {file} should be a table")
    given = cast("dict[str, Any]", table)
    for key in given:
        if key not in _KEYS:
            raise BadSettings(
                f"[tool.plogq.lint] in {file} has {key!r}; it takes {', '.join(_KEYS)}"
            )
    return Settings(
        codes(_texts(given.get("select", []), "select", file), "select"),
        codes(_texts(given.get("ignore", []), "ignore", file), "ignore"),
        _texts(given.get("exclude", []), "exclude", file),
        _per_file(given.get("per-file-ignores", {}), file),
        _flag(given.get("show-unknown", False), "show-unknown", file),
        file.parent,
    )


def _per_file(given: Any, file: Path) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(given, dict):
        raise BadSettings(f"per-file-ignores in {file} should be a table of patterns and codes")
    table = cast("dict[str, Any]", given)
    return tuple(
        (pattern, codes(_texts(value, pattern, file), "per-file-ignores"))
        for pattern, value in table.items()
    )


def _flag(given: Any, key: str, file: Path) -> bool:
    if isinstance(given, bool):
        return given
    raise BadSettings(f"{key} in [tool.plogq.lint] of {file} should be true or false")


def _texts(given: Any, key: str, file: Path) -> tuple[str, ...]:
    if isinstance(given, list) and all(isinstance(x, str) for x in cast("list[Any]", given)):
        return tuple(cast("list[str]", given))
    raise BadSettings(f"{key} in [tool.plogq.lint] of {file} should be a list of texts")


def with_options(
    settings: Settings,
    select: str | None,
    ignore: str | None,
    exclude: Sequence[str],
    show_unknown: bool = False,
) -> Settings:
    """The settings with what the command line says: a selection replaces, the rest is added."""
    if select is not None:
        settings = replace(settings, select=codes(select, "--select"))
    if ignore is not None:
        settings = replace(settings, ignore=settings.ignore + codes(ignore, "--ignore"))
    return replace(
        settings,
        exclude=settings.exclude + tuple(exclude),
        show_unknown=settings.show_unknown or show_unknown,
    )

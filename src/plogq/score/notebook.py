"""What the commands print, as HTML for a notebook and as text."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 100
_PRE = '<pre style="line-height: 1.2; overflow-x: auto">{code}</pre>'


def html(show: Callable[[Console], None]) -> str:
    """The page that `show` prints; its text is escaped, and takes the colours around it."""
    from rich.console import Console

    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_jupyter=False)
    show(console)
    return console.export_html(code_format=_PRE, inline_styles=True)


def text(show: Callable[[Console], None]) -> str:
    """The lines that `show` prints, without colours."""
    from rich.console import Console

    console = Console(width=_WIDTH, file=io.StringIO(), color_system=None, force_jupyter=False)
    with console.capture() as captured:
        show(console)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")

"""What matplotlib draws, as SVG inside a page: its colours are the page's, its text is text.

matplotlib writes colours as numbers. It is given some that nobody would use, and each of them
becomes the name of a variable that the page's style sets, for light and for dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any
from xml.etree import ElementTree

_COLOURS = {
    "#010203": "ink", "#010204": "rule", "#010205": "first", "#010206": "second",
}  # fmt: skip
_NAMES = {name: colour for colour, name in _COLOURS.items()}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": False,
    "legend.frameon": False,
    "text.color": _NAMES["ink"],
    "axes.labelcolor": _NAMES["ink"],
    "axes.edgecolor": _NAMES["ink"],
    "xtick.color": _NAMES["ink"],
    "ytick.color": _NAMES["ink"],
    "grid.color": _NAMES["rule"],
}
# Left, right, at the top and at the bottom, in points.
_MARGINS = (74, 10, 10, 40)
_SVG, _LINK = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
_COLOUR = re.compile("|".join(_COLOURS))
_DROPPED = ("metadata", "style")


def drawn(
    draw: Callable[[Any], None], name: str, title: str, description: str, size: tuple[float, float]
) -> str:
    """The figure that `draw` draws on, as markup of this title for who sees it and of this
    description for who does not; `name` is that of nothing else in the page."""
    library: Any = import_module("matplotlib")
    colours = library.cycler(color=[_NAMES["first"], _NAMES["second"]])
    with library.rc_context({**_STYLE, "svg.hashsalt": name, "axes.prop_cycle": colours}):
        figure = import_module("matplotlib.figure").Figure(figsize=size)
        # Margins that hold any of the labels: to measure them takes twice as long as to draw them.
        width, height = (72 * inches for inches in size)
        left, right, top, bottom = _MARGINS
        figure.subplots_adjust(
            left=left / width, right=1 - right / width, top=1 - top / height,
            bottom=bottom / height, hspace=0.12,
        )  # fmt: skip
        draw(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return _inline(text.getvalue(), name, title, description)


def _inline(text: str, name: str, title: str, description: str) -> str:
    root = ElementTree.fromstring(text)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.removeprefix(f"{{{_SVG}}}") in _DROPPED:
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
        for key, value in list(element.attrib.items()):
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key == _LINK:
                del element.attrib[key]
                element.set("href", f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{name}-"))
            elif key == "style":
                element.set(key, _COLOUR.sub(lambda found: f"var(--{_COLOURS[found[0]]})", value))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for tag, content in (("desc", description), ("title", title)):
        element = ElementTree.Element(tag, {"id": f"{name}-{tag}"})
        element.text = content
        root.insert(0, element)
    return ElementTree.tostring(root, encoding="unicode")

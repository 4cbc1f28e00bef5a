"""Text from files as a terminal may show it: what would command the terminal is written out."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

# Controls, lone surrogates, separators of lines, and marks that nobody sees, of which some turn
# around what follows: Unicode's Cc, Cf, Cs, Zl and Zp. Not the joiners, which belong to words and
# to emoji.
_COMMANDS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e"
    "\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)

# What a terminal that knows fewer letters shows in place of ours.
_PLAIN = {
    "∞": "inf", "±": "+-", "…": "...", "–": "-", "−": "-", "Σ": "sum", "·": "*", "•": "*",
    "─": "-", "━": "-", "│": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+",
}  # fmt: skip
FALL_BACK, _JSON = "plogq", "plogq-json"


def shown(text: str) -> str:
    """The text with every character that is no text written as its escape, such as \\x1b."""
    return _COMMANDS.sub(lambda found: _escape(found[0]), text)


def excerpt(text: str, most: int = 80) -> str:
    """The text, or its beginning: a field of a file can be a megabyte long."""
    return text if len(text) <= most else f"{text[:most]}…"


def plain(text: str, encoding: str) -> str:
    """The text in letters that an encoding has."""
    return text.encode(encoding, FALL_BACK).decode(encoding)


def as_json(value: Any, encoding: str) -> str:
    """JSON of the real text; what is no text, or not in this encoding, is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # Outside of its strings JSON has nothing of the kind but the ends of its lines.
    lines = (_COMMANDS.sub(lambda found: _json_escape(found[0]), line) for line in text.split("\n"))
    return "\n".join(lines).encode(encoding, _JSON).decode(encoding)


def _escape(letters: str) -> str:
    return letters.encode("unicode_escape").decode("ascii")


def _json_escape(letters: str) -> str:
    return json.dumps(letters)[1:-1]


def _fall_back(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    letters = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or _escape(c) for c in letters), error.end


def _fall_back_in_json(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return _json_escape(error.object[error.start : error.end]), error.end


codecs.register_error(FALL_BACK, _fall_back)
codecs.register_error(_JSON, _fall_back_in_json)

"""What Ctrl-C becomes on its way out of a command: no library between takes it for its own."""

from __future__ import annotations


class Interrupted(BaseException):
    """A command was stopped; its message says how far it came, where that is known."""

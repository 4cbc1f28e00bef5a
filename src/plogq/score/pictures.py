"""What a page shows beyond the numbers: the distribution of losses, and where probability goes."""

from __future__ import annotations

from .confusion import Mass
from .events import Events
from .find import Roles
from .histogram import Histogram


class Pictures:
    """Running totals of both."""

    def __init__(self, roles: Roles) -> None:
        self.histogram, self.mass = Histogram(), Mass(roles)

    def add(self, events: Events) -> None:
        """Take in the events of one batch."""
        self.histogram.add(events)
        self.mass.add(events)

    def merge(self, other: Pictures) -> None:
        """Take in what another one of the same classes has taken in."""
        self.histogram.merge(other.histogram)
        self.mass.merge(other.mass)

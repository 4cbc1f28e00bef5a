"""Call sites of losses: what each was given, a few times each; and what the rules say of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..contracts import Contract, Takes
from ..facts import Array, Cut, HandWritten, Made, Place, Seen, Sighting, ungraded
from ..findings import Finding, Level
from ..lint.measured import matters
from ..rules import judge
from .code import read_alone
from .evidence import Evidence, Numbers, cut
from .readings import prediction, target, weights

LOOKS = 4  # of one call site with one kind of arrays
LABELS = 24  # of the labels of one call site
SITES = 2000
_ORDER = (Level.ERROR, Level.WARNING, Level.INFO, Level.UNKNOWN)
Read = Callable[[], Numbers | None]


@dataclass
class Kind:
    """One kind of arrays at a call site: the same makers, the same ranks."""

    prediction: Array
    target: Array
    options: dict[str, object]
    weight: Array | None
    weights: Numbers | None
    scores: Evidence = field(default_factory=Evidence)
    labels: Evidence = field(default_factory=Evidence)
    batches: set[int] = field(default_factory=set[int])  # of labels, those that were seen
    looks: int = 0
    failed: str = ""


@dataclass
class Site:
    """One place where a loss is called."""

    contract: Contract
    place: Place
    inside: str  # the library that called it, if one did
    kinds: dict[tuple[Any, ...], Kind] = field(default_factory=dict[tuple[Any, ...], Kind])
    calls: int = 0


@dataclass
class Sightings:
    """All that was seen in a run."""

    sites: dict[tuple[str, Takes, Place], Site] = field(
        default_factory=dict[tuple[str, Takes, Place], Site]
    )
    cuts: dict[Cut, None] = field(default_factory=dict[Cut, None])
    sums: dict[tuple[Place, bool, bool], HandWritten] = field(
        default_factory=dict[tuple[Place, bool, bool], HandWritten]
    )
    crashes: list[tuple[Site, Kind]] = field(default_factory=list[tuple[Site, Kind]])
    lock: threading.RLock = field(default_factory=threading.RLock)

    def note(
        self,
        contract: Contract,
        place: Place,
        q: Array,
        p: Array,
        options: dict[str, object],
        read_q: Read,
        read_p: Read,
        weight: Array | None = None,
        read_weight: Read | None = None,
        inside: str = "",
    ) -> Kind | None:
        """Note one call; the numbers are read only as long as they may show something new."""
        with self.lock:
            key = (contract.name, contract.takes, place)
            site = self.sites.get(key)
            if site is None:
                if len(self.sites) >= SITES:
                    return None
                site = self.sites[key] = Site(contract, place, inside)
            site.calls += 1
            sort = (
                q.made, q.place, q.axis, q.scaled, q.detached, q.scrambled, q.across, q.rank,
                q.width, q.kind, p.made, p.rank, p.kind, _column(p),
                tuple(map(str, options.values())),
            )  # fmt: skip
            kind = site.kinds.get(sort)
            if kind is None:
                if len(site.kinds) >= 32:
                    return None
                numbers = read_weight() if read_weight is not None else None
                kind = site.kinds[sort] = Kind(q, p, options, weight, numbers)
            kind.looks += 1
            if kind.looks <= LOOKS:
                values = read_q()
                if values is not None:
                    kind.scores.add(values, _axis(contract, values.ndim))
            if kind.looks <= LABELS and not contract.unaligned:
                values = read_p()
                if values is not None:
                    self.labelled(contract, kind, values)
            return kind

    def labelled(self, contract: Contract, kind: Kind, values: Numbers) -> None:
        """Labels of a kind of call that were not there when it was noted."""
        with self.lock:
            rows = values.ndim == (kind.prediction.rank or 0)
            axis = _axis(contract, values.ndim) if rows else None
            given = kind.options.get("ignore_index", kind.options.get("ignore_class"))
            known = given if isinstance(given, int) else None
            batch = hash((values.shape, cut(values).tobytes()))
            if batch in kind.batches:
                return  # the same labels, step after step, are no more evidence than once
            kind.batches.add(batch)
            kind.labels.add(values, axis, ignored(contract, kind.options), known)

    def failed(self, noted: tuple[Contract, Place, Kind | None], error: str) -> None:
        """Note that a call of a loss that was noted ended in an error."""
        contract, place, kind = noted
        with self.lock:
            site = self.sites.get((contract.name, contract.takes, place))
            if site is not None and kind is not None and not kind.failed:
                kind.failed = error
                self.crashes.append((site, kind))

    @property
    def looked_enough(self) -> bool:
        """Whether every call site that is known was looked at as often as it is worth."""
        with self.lock:
            return all(k.looks >= LOOKS for s in self.sites.values() for k in s.kinds.values())

    def seen(self) -> Iterator[tuple[Seen, Site | None, Kind | None]]:
        """What the rules are asked about."""
        with self.lock:
            for site in self.sites.values():
                for kind in _told(site):
                    yield sighting(site, kind), site, kind
            heads = {
                kind.prediction.place
                for site in self.sites.values()
                if not site.contract.exclusive and site.contract.takes is Takes.SCORES
                for kind in site.kinds.values()
                if kind.prediction.made is Made.SCORES
            }
            for cut in self.cuts:
                if cut.scores.place in heads:
                    yield cut, None, None
            for by_hand in self.sums.values():
                yield by_hand, None, None

    def findings(self) -> list[Finding]:
        """What the rules say, each once at each place, the worst of it."""
        known: dict[tuple[str, Place], Finding] = {}
        for seen, _, _ in self.seen():
            if matters(seen) and read_alone(seen.place):
                seen = ungraded(seen)
            for f in judge(seen):
                old = known.get((f.rule, f.place))
                if old is None or _ORDER.index(f.level) < _ORDER.index(old.level):
                    known[f.rule, f.place] = f
        return sorted(known.values(), key=_order)


def _order(f: Finding) -> tuple[str, int, int, int, str]:
    return f.place.file, f.place.cell or 0, f.place.line, f.place.column, f.rule


def _told(site: Site) -> list[Kind]:
    """The kinds of a site, less those whose maker was not seen where it was seen at other times."""
    known = {k.prediction.rank for k in site.kinds.values() if k.prediction.made is not None}
    return [
        k for k in site.kinds.values()
        if k.failed or k.prediction.made is not None or k.prediction.rank not in known
    ]  # fmt: skip


def sighting(site: Site, kind: Kind) -> Sighting:
    """The facts of one kind of call, from what made the arrays and from their numbers."""
    q = prediction(site.contract, kind.prediction, kind.target, kind.scores)
    if site.contract.unaligned:
        return Sighting(site.contract, site.place, q, None, kind.options)
    p = target(site.contract, q, kind.target, kind.labels, kind.options)
    if q.made is None and p.made is not None:
        q = prediction(site.contract, kind.prediction, p, kind.scores)
    if p.made is not None and p.place is None:
        p = p.but(place=site.place)
    w = weights(kind.weight, kind.weights, kind.labels, site.contract)
    return Sighting(site.contract, site.place, q, p, kind.options, w)


def ignored(contract: Contract, options: dict[str, object]) -> int | None:
    """The label that the loss leaves out, where it is none of the classes."""
    given = options.get("ignore_index", options.get("ignore_class"))
    if given is None and contract.peer == "torch" and contract.exclusive:
        return -100
    return given if isinstance(given, int) and (given < 0 or given >= 100) else None


def _axis(contract: Contract, rank: int) -> int | None:
    """Where the rows of a loss lie."""
    if rank < 2:
        return None
    if contract.peer == "torch" and not contract.unaligned:
        return 1
    return rank - 1


def _column(p: Array) -> bool:
    return p.shape is not None and len(p.shape) >= 2 and p.shape[-1] == 1

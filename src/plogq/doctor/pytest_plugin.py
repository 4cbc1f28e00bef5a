"""pytest: `--plogq-doctor` fails a test in which a loss is misused; the fixture `plogq_doctor`."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .watch.inside import Checkup
    from .watch.session import Session

_KEY = pytest.StashKey["Session"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.getgroup("plogq").addoption(
        "--plogq-doctor",
        nargs="?",
        const="errors",
        choices=["errors", "warnings"],
        help="Watch the losses that tests call; a misused one fails its test. With =warnings, "
        "warnings fail too.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Watch from before the tests are imported: what they import by name is seen then."""
    if config.getoption("plogq_doctor"):
        from .watch.session import Session

        config.stash[_KEY] = Session().start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the watch."""
    session = config.stash.get(_KEY, None)
    if session is not None:
        session.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """One test, looked at anew."""
    session = item.config.stash.get(_KEY, None)
    if session is None:
        return (yield)
    session.watch.renew()
    out = yield
    _judged(session, str(item.config.getoption("plogq_doctor")))
    return out


def _judged(session: Session, level: str) -> None:
    from .findings import Level
    from .watch.report import printed, seen_by

    bad = {Level.ERROR, Level.WARNING} if level == "warnings" else {Level.ERROR}
    seen = seen_by(session.watch)
    seen.findings = [f for f in seen.findings if f.level in bad]
    if seen.findings:
        pytest.fail(f"a loss is misused\n\n{printed(seen)}", pytrace=False)


@pytest.fixture
def plogq_doctor() -> Iterator[Checkup]:
    """A watch over the test: it fails where a loss is misused; `.findings` says what was seen."""
    from .findings import Level
    from .watch.inside import Checkup

    with Checkup(quiet=True) as seen:
        yield seen
    if any(f.level is Level.ERROR for f in seen.findings):
        pytest.fail(f"a loss is misused\n\n{seen.report}", pytrace=False)

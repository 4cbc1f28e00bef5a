"""A real browser for the pages that have scripts: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright, which drives the browser, is not installed"
)
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium is here: apt install chromium, as .ci/run does"
)


@contextmanager
def launched() -> Iterator[Any]:
    """The browser, closed at the end."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()

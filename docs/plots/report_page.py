"""Takes the picture of what `plogq report` writes, in Chromium, driven by Playwright:
`python docs/plots/report_page.py` writes report.png. It wants `apt install chromium`."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT, COLOURS = 800, 1180, 48


def main(folder: Path = ROOT / "docs" / "images") -> None:
    """Write the page, and take its picture into a folder."""
    with tempfile.TemporaryDirectory() as there, sync_playwright() as started:
        page = Path(there) / "report.html"
        command = [sys.executable, "-m", "plogq", "report", "examples/digits.parquet", "-o"]
        subprocess.run([*command, str(page)], cwd=ROOT, check=True)
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        opened = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        opened.goto(page.as_uri())
        taken = opened.screenshot()
        browser.close()
    picture = Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS)
    picture.save(folder / "report.png", optimize=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

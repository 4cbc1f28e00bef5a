"""How fast `plogq lint` reads a folder, on one core: `python -m benchmarks.lint FOLDER`."""

from __future__ import annotations

import sys
import sysconfig
import time
from pathlib import Path

from plogq.doctor.lint.run import lint


def main() -> None:
    """Lint each folder that was named, or what is installed, and print files a minute."""
    for name in sys.argv[1:] or [sysconfig.get_paths()["purelib"]]:
        start, cpu = time.perf_counter(), time.process_time()
        report = lint([Path(name)])
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(
            f"{name}: {report.files:,} files in {wall:.1f} s ({cpu:.1f} s of one core), "
            f"{60 * report.files / cpu:,.0f} files a minute of a core, {len(report.findings)} "
            f"findings, {len(report.refused)} not read"
        )


if __name__ == "__main__":
    main()

"""One process of a run: seeds in turn, each named before it starts, so that a crash has a seed.

`python -m tests.fuzz.worker PART FIRST STEP PROGRAMS UNTIL` prints lines of JSON: {"seed": n}
before each, and what was noted since the last time every few seconds and at the end.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import time

# Set before anything is imported: TensorFlow and XLA log to stderr, and neither needs a GPU.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from .notes import Notes

EVERY = 2.0  # seconds between reports


def main() -> None:
    part = sys.argv[1]
    first, step, programs = map(int, sys.argv[2:5])
    until = float(sys.argv[5])
    faulthandler.enable()
    from .run import one

    notes, said = Notes(part), time.time()
    for i in range(programs):
        now = time.time()
        if now > until:
            break
        if now - said > EVERY:
            report(notes)
            notes, said = Notes(part), now
        seed = first + i * step
        print(json.dumps({"seed": seed}), flush=True)
        one(part, seed, notes)
    report(notes)
    print(json.dumps({"done": True}), flush=True)
    # What frameworks do at exit is a trial of its own.
    sys.stdout.flush()
    os._exit(0)


def report(notes: Notes) -> None:
    print(json.dumps({"notes": notes.as_json()}), flush=True)


if __name__ == "__main__":
    main()

"""plogq.compat.keras where Keras is not installed: the same numbers, on plain arrays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
# None in the place of a module says that there is none.
BLOCKED = "import sys; sys.modules['keras'] = None; "
WITHOUT_KERAS = (
    BLOCKED + "import runpy; runpy.run_module('tests.compat.keras_plain', run_name='__main__')"
)
WITH_KERAS = (
    BLOCKED
    + """
import tests.compat.keras_plain as plain
del sys.modules["keras"]
for name in [n for n in sys.modules if n.startswith("plogq.compat")]:
    del sys.modules[name]
import json, keras
import numpy as np
found = {}
for name in plain.FUNCTIONS:
    found[name] = getattr(keras.losses, name)(plain.target(name), plain.Q).tolist()
for name in plain.CLASSES:
    loss = getattr(keras.losses, name)()
    found[name] = float(loss(plain.target(name), plain.Q, sample_weight=plain.WEIGHT))
for name in plain.ours.metrics.__all__:
    metric = getattr(keras.metrics, name)()
    for weight in (None, plain.WEIGHT):
        metric.update_state(plain.target(name), plain.Q, weight)
    found["metrics." + name] = float(metric.result())
print(json.dumps(found))
"""
)


def numbers(program: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "numpy"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_numbers_are_those_of_keras() -> None:
    ours = numbers(WITHOUT_KERAS)
    theirs = numbers(WITH_KERAS)
    assert len(ours) == 16
    assert set(ours) == set(theirs)
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], rtol=2e-5, err_msg=name)

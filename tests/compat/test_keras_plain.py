"""plogq.compat.keras where Keras is not installed: the same numbers, on plain arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ..forked import KERAS, commands

ROOT = Path(__file__).parents[2]
# None in the place of a module says that there is none. Ours are computed so, and then Keras' own.
BOTH = f"""
sys.path.insert(0, {str(ROOT)!r})
import warnings
warnings.simplefilter("ignore")
sys.modules["keras"] = None
import json
import tests.compat.keras_plain as plain

plain.check()
ours = plain.losses()
assert sys.modules["keras"] is None
del sys.modules["keras"]
for name in [n for n in sys.modules if n.startswith("plogq.compat")]:
    del sys.modules[name]
import keras

theirs = {{}}
for name in plain.FUNCTIONS:
    theirs[name] = getattr(keras.losses, name)(plain.target(name), plain.Q).tolist()
for name in plain.CLASSES:
    loss = getattr(keras.losses, name)()
    theirs[name] = float(loss(plain.target(name), plain.Q, sample_weight=plain.WEIGHT))
for name in plain.ours.metrics.__all__:
    metric = getattr(keras.metrics, name)()
    for weight in (None, plain.WEIGHT):
        metric.update_state(plain.target(name), plain.Q, weight)
    theirs["metrics." + name] = float(metric.result())
print(json.dumps([ours, theirs]))
main = sys.exit
"""


@pytest.mark.slow
def test_the_numbers_are_those_of_keras() -> None:
    done = commands(KERAS).run(code=BOTH, env={"KERAS_BACKEND": "numpy"}, folder=ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    ours, theirs = json.loads(done.stdout)
    assert len(ours) == 16
    assert set(ours) == set(theirs)
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], rtol=2e-5, err_msg=name)

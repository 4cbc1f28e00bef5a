"""Saved models in other processes: what must be imported for a loss of ours to be found again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ..forked import KERAS, commands

SAVING = """
import keras
import numpy as np
import plogq.compat.keras as ours

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
loss = ours.CategoricalCrossentropy(label_smoothing=0.1)
model.compile("sgd", loss=loss, metrics=[ours.metrics.CategoricalCrossentropy()])
model.fit(np.ones((2, 4)), np.eye(3)[:2], verbose=0)
model.save(sys.argv[1])
"""
LOADING = """
{0}
from keras.models import load_model

model = load_model(sys.argv[1])
print(type(model.loss).__module__, type(model.loss).__name__, model.loss.label_smoothing)
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Keras on PyTorch, in a process that has loaded neither it nor plogq."""
    code = f"import warnings\nwarnings.simplefilter('ignore')\n{program}\nmain = sys.exit"
    return commands(KERAS).run(*arguments, code=code, env={"KERAS_BACKEND": "torch"})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("saved") / "model.keras")
    done = run(SAVING, path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert Path(path).exists()
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "imports",
    ["import keras, plogq", "import plogq.compat.keras", "import plogq, plogq.compat.keras, keras"],
)
def test_a_model_loads_without_custom_objects(model: str, imports: str) -> None:
    done = run(LOADING.format(imports), model)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["plogq.compat.keras.losses", "CategoricalCrossentropy", "0.1"]


@pytest.mark.slow
@pytest.mark.parametrize("imports", ["import keras", "import plogq, keras"])
def test_without_the_import_the_error_names_it(model: str, imports: str) -> None:
    done = run(LOADING.format(imports), model)
    assert done.returncode != 0
    assert "make sure they are all imported" in done.stderr
    assert "'registered_name': 'plogq.compat.keras>CategoricalCrossentropy'" in done.stderr


@pytest.mark.slow
def test_plogq_alone_does_not_load_keras() -> None:
    done = run("import plogq, sys; assert 'keras' not in sys.modules")
    assert done.returncode == 0, done.stderr[-2000:]

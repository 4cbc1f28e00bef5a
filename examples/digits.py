"""Train scikit-learn's logistic regression on its digits, with two penalties, and write what it
predicts for the test set to digits.parquet and digits-penalty.parquet, next to this script; `plogq
score` reads such a file, and `plogq compare` both.

    python examples/digits.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODELS = {
    "digits.parquet": LogisticRegression(max_iter=1000),
    # A stronger penalty on the weights.
    "digits-penalty.parquet": LogisticRegression(C=0.5, max_iter=1000),
}


def write(path: Path) -> None:
    """Train the model of this file, predict, and write columns p0 to p9 and label."""
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=0.5, random_state=0, stratify=labels
    )
    model = make_pipeline(StandardScaler(), MODELS[path.name])
    model.fit(train_x, train_y)
    probabilities = model.predict_proba(test_x)
    columns = {
        f"p{k}": probabilities[:, k].astype("float32") for k in range(probabilities.shape[1])
    }
    pq.write_table(pa.table(columns | {"label": test_y}), path, compression="zstd")


if __name__ == "__main__":
    for name in MODELS:
        write((Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent) / name)

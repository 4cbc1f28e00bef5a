"""The columns that other programs write: each file holds the same numbers, and is read as such."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import plogq
from plogq.score import InputError, Wish, score_file

NAMES = ("setosa", "versicolor", "virginica")
ROWS = 12
_raw = np.random.default_rng(5).dirichlet(np.ones(3), ROWS)
Q = np.round(_raw, 6)
Y = [i % 3 for i in range(ROWS)]
H = -sum(log(Q[i, y]) for i, y in enumerate(Y)) / ROWS
YES = [i % 2 for i in range(ROWS)]
H_YES = -sum(log(Q[i, 0] if y else 1 - Q[i, 0]) for i, y in enumerate(YES)) / ROWS

Line = Callable[[int], str]


def probs(i: int, mark: str = ",") -> str:
    return mark.join(f"{x:.6f}" for x in Q[i])


def name(i: int) -> str:
    return NAMES[Y[i]]


SEVERAL: dict[str, tuple[str, Line]] = {
    "RapidMiner": (
        "row no.,species,prediction(species),confidence(setosa),confidence(versicolor),"
        "confidence(virginica)",
        lambda i: f"{i},{name(i)},setosa,{probs(i)}",
    ),
    "KNIME": (
        "row ID,sepal length,species,P (species=setosa),P (species=versicolor),"
        "P (species=virginica),Prediction (species)",
        lambda i: f"Row{i},5.{i},{name(i)},{probs(i)},setosa",
    ),
    "WEKA": (
        "inst#,actual,predicted,error,distribution",
        lambda i: f"{i + 1},{Y[i] + 1}:Iris-{name(i)},1:Iris-setosa,+,*{probs(i)}",
    ),
    "H2O": ("predict,setosa,versicolor,virginica,class", lambda i: f"x,{probs(i)},{name(i)}"),
    "Azure": (
        "sepal,species,Scored Probabilities_setosa,Scored Probabilities_versicolor,"
        "Scored Probabilities_virginica,Scored Labels",
        lambda i: f"5.{i},{name(i)},{probs(i)},setosa",
    ),
    "Azure, older": (
        'Label,"Scored Probabilities for Class ""setosa""",'
        '"Scored Probabilities for Class ""versicolor""",'
        '"Scored Probabilities for Class ""virginica""",Scored Labels',
        lambda i: f"{name(i)},{probs(i)},setosa",
    ),
    "caret": (
        "pred,obs,setosa,versicolor,virginica,rowIndex,mtry,Resample",
        lambda i: f"setosa,{name(i)},{probs(i)},{i + 1},2,Fold1",
    ),
    "tidymodels": (
        "id,.pred_setosa,.pred_versicolor,.pred_virginica,.row,.pred_class,Species,.config",
        lambda i: f"Fold1,{probs(i)},{i + 1},setosa,{name(i)},pre",
    ),
    "mlr3": (
        "row_ids,truth,response,prob.setosa,prob.versicolor,prob.virginica",
        lambda i: f"{i + 1},{name(i)},setosa,{probs(i)}",
    ),
    "Kaggle": ("id,Class_1,Class_2,Class_3,target", lambda i: f"{i},{probs(i)},Class_{Y[i] + 1}"),
    "ranger": ("X1,X2,X3,truth", lambda i: f"{probs(i)},{Y[i] + 1}"),
    "pandas": (",0,1,2,y", lambda i: f"{i},{probs(i)},{Y[i]}"),
    "endings": ("setosa_p,versicolor_p,virginica_p,actual", lambda i: f"{probs(i)},{name(i)}"),
    "stars": ("1 star,2 stars,3 stars,rating", lambda i: f"{probs(i)},{Y[i] + 1}"),
    "NumPy's brackets": ("label,proba", lambda i: f"{Y[i]},[{probs(i, ' ')}]"),
    "one-hot in another order": (
        "t_virginica,t_setosa,t_versicolor,setosa,versicolor,virginica",
        lambda i: ",".join(str(int(Y[i] == k)) for k in (2, 0, 1)) + f",{probs(i)}",
    ),
    "costs": (
        "nll_0,nll_1,nll_2,label",
        lambda i: ",".join(repr(-log(x)) for x in Q[i]) + f",{Y[i]}",
    ),
}


def write(path: Path, header: str, line: Line) -> Path:
    path.write_text("\n".join([header, *map(line, range(ROWS))]) + "\n")
    return path


@pytest.mark.parametrize("program", SEVERAL)
def test_several_classes(tmp_path: Path, program: str) -> None:
    report = score_file(write(tmp_path / "x.csv", *SEVERAL[program]))
    assert report.cross_entropy == pytest.approx(H, abs=2e-6)
    assert (report.events, report.bad_rows) == (ROWS, 0)


def yes(i: int) -> str:
    return "yes" if YES[i] else "no"


ANSWERS: dict[str, tuple[str, Line, dict[str, Any]]] = {
    "H2O": ("predict,pno,pyes,response", lambda i: f"no,{1 - Q[i, 0]},{Q[i, 0]},{yes(i)}", {}),
    "mlr": (
        "truth,prob.yes,prob.no,response", lambda i: f"{yes(i)},{Q[i, 0]},{1 - Q[i, 0]},no", {}
    ),
    "Kaggle": ("Id,Predicted,Label", lambda i: f"{i},{Q[i, 0]},{YES[i]}", {}),
    "spam": ("p_spam,label", lambda i: f"{Q[i, 0]},{'spam' if YES[i] else 'ham'}", {}),
    "Azure": (
        "age,income,Scored Labels,Scored Probabilities",
        lambda i: f"{30 + i},{'>50K' if YES[i] else '<=50K'},>50K,{Q[i, 0]}",
        {"positive": ">50K"},
    ),
    "-1 and 1": ("prob,label", lambda i: f"{Q[i, 0]},{2 * YES[i] - 1}", {"positive": "1"}),
    "1 and 2": ("prob,label", lambda i: f"{Q[i, 0]},{1 + YES[i]}", {"positive": "2"}),
    "ja and nein": ("score,Antwort", lambda i: f"{Q[i, 0]},{'ja' if YES[i] else 'nein'}", {}),
    "WAHR and FALSCH": ("p,label", lambda i: f"{Q[i, 0]},{'WAHR' if YES[i] else 'FALSCH'}", {}),
    "that of no": (
        "prob_no,churn", lambda i: f"{1 - Q[i, 0]},{1 - YES[i]}", {"positive": "1"}
    ),
    "positive first": (
        "positive,negative,label", lambda i: f"{Q[i, 0]},{1 - Q[i, 0]},{YES[i]}", {}
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", ANSWERS)
def test_yes_and_no(tmp_path: Path, program: str) -> None:
    header, line, wish = ANSWERS[program]
    report = score_file(write(tmp_path / "x.csv", header, line), Wish(**wish))
    assert report.cross_entropy == pytest.approx(H_YES, rel=1e-9)
    assert report.bad_rows == 0


@pytest.mark.parametrize(
    ("header", "line", "sentence"),
    [
        *(
            (f"{column},{label}", line, "is named after no, and one number a row is the prob")
            for column, label, line in (
                ("prob_no", "churn", lambda i: f"{Q[i, 0]},{yes(i)}"),
                ("prob_negative", "label", lambda i: f"{Q[i, 0]},{YES[i]}"),
                ("p_class_0", "y", lambda i: f"{Q[i, 0]},{YES[i]}"),
                ("proba_0", "target", lambda i: f"{Q[i, 0]},{bool(YES[i])}"),
            )
        ),
        (
            "prob,diagnosis",
            lambda i: f"{Q[i, 0]},{'MB'[YES[i]]}",
            "add --positive B or --positive M, whichever means yes",
        ),
        (
            "pred,conf,label",
            lambda i: f"{i % 2},{max(Q[i, 0], 1 - Q[i, 0])},{YES[i]}",
            "never below 0.5 and stands beside 'pred': it looks like the probability of the class",
        ),
        (
            "pred,label",
            lambda i: f"{i % 2},{YES[i]}",
            "'pred' holds classes that were chosen, and H is made of how probable each class was",
        ),
        (
            "a,b,c,y",
            lambda i: f"{probs(i)},{Y[i] + 1}",
            "add --first-label 1 if label 1 means the first of them",
        ),
        (
            "p_1,p_3,p_7,label",
            lambda i: f"{probs(i)},{Y[i]}",
            "are numbers of columns of p_1…p_7 and some are not",
        ),
        (
            "p0,p1,p2,label",
            lambda i: f"{probs(i)},{Y[i] + 100}",
            "add --first-label 100 if label 100 means the first of them",
        ),
        (
            "p_cat,p_dog,t_cat,t_cow",
            lambda i: f"{Q[i, 0]},{1 - Q[i, 0]},{YES[i]},{1 - YES[i]}",
            "could each be the target",
        ),
    ],
)
def test_what_is_asked(tmp_path: Path, header: str, line: Line, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        score_file(write(tmp_path / "x.csv", header, line))
    assert sentence in str(caught.value)


def test_a_label_for_yes_does_not_make_a_confidence_that_of_yes(tmp_path: Path) -> None:
    """Which label means yes says nothing of a column beside the classes that were chosen."""

    def line(i: int) -> str:
        return f"{'MB'[i % 2]},{max(Q[i, 0], 1 - Q[i, 0])},{'MB'[YES[i]]}"

    path = write(tmp_path / "x.csv", "pred,conf,label", line)
    with pytest.raises(InputError, match="'conf' where 'pred' says yes and 1 - 'conf' elsewhere"):
        score_file(path, Wish(positive="M"))
    assert score_file(path, Wish(positive="M", binary=True, prediction="conf")).events


def test_labels_that_go_on_from_the_last_class_are_no_bad_rows(tmp_path: Path) -> None:
    """In a sorted file the first rows do not show that labels count from 1."""
    lines = [f"{probs(i % ROWS)},{1 + i // 1500}" for i in range(4500)]
    (tmp_path / "x.csv").write_text("\n".join(["p0,p1,p2,label", *lines]))
    with pytest.raises(InputError, match=r"1,500 of the 4,500 rows .* add --first-label 1"):
        score_file(tmp_path / "x.csv")
    assert score_file(tmp_path / "x.csv", Wish(first_label=1)).bad_rows == 0


def test_many_classes_that_count_from_1(tmp_path: Path) -> None:
    """The first rows do not have the last label, and it is rare."""
    q = ",".join(["0.05"] * 20)
    lines = [f"{q},{1 + i // 100}" for i in range(2000)]
    (tmp_path / "x.csv").write_text(
        "\n".join([",".join([*(f"p{k}" for k in range(20)), "label"]), *lines])
    )
    with pytest.raises(InputError, match=r"100 rows have the label 20 .* add --first-label 1"):
        score_file(tmp_path / "x.csv")
    assert score_file(tmp_path / "x.csv", Wish(first_label=1)).bad_rows == 0
    assert score_file(tmp_path / "x.csv", Wish(ignore=20)).left_out == 100


def test_json_lines(tmp_path: Path) -> None:
    """Objects within, fractions after whole numbers, and lines that are broken."""
    path = tmp_path / "x.jsonl"
    rows = [{"label": NAMES[y], "p": dict(zip(NAMES, Q[i], strict=True))} for i, y in enumerate(Y)]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert score_file(path).cross_entropy == pytest.approx(H, rel=1e-12)
    whole = [{"z0": 2, "z1": 0, "label": 0}] * 3
    lines = [json.dumps(row) for row in (*whole, {"z0": 0.5, "z1": -2.5, "label": 1})]
    path.write_text("\n".join([*lines, '{"z0": 1', '{"z0": "a", "z1": 2, "label": 1}']))
    report = score_file(path)
    assert (report.row_count, report.events) == (6, 4)
    assert [(bad.row, bad.reason) for bad in report.first_bad] == [
        (4, "is no JSON object: '{\"z0\": 1'"), (5, 'z0 is "a", not a number')
    ]  # fmt: skip
    expected = (3 * log(1 + exp(-2)) + 3 + log(1 + exp(-3))) / 4
    assert report.cross_entropy == pytest.approx(expected, rel=1e-12)


def test_multilabel(tmp_path: Path) -> None:
    """Every column is an outcome of its own, matched by name; H is the mean of theirs."""
    draw = np.random.default_rng(2)
    y, q = draw.integers(0, 2, (40, 3)), np.round(draw.random((40, 3)), 4)
    header = "y_b,y_c,y_a,p_a,p_b,p_c"
    path = tmp_path / "x.csv"
    lines = [",".join(map(str, [*y[i, [1, 2, 0]], *q[i]])) for i in range(40)]
    path.write_text("\n".join([header, *lines]))
    losses = -np.where(y == 1, np.log(q), np.log1p(-q))
    report = score_file(path, batch_rows=7)
    assert report.cross_entropy == pytest.approx(losses.mean(), rel=1e-12)
    assert [c.label for c in report.classes] == ["a", "b", "c"]
    assert [c.count for c in report.classes] == y.sum(axis=0).tolist()
    shown = [c.cross_entropy for c in report.classes]
    assert shown == pytest.approx(losses.mean(axis=0).tolist(), rel=1e-12)
    assert report.accuracy == pytest.approx(((q > 0.5) == (y == 1)).mean())


@pytest.mark.parametrize(
    "header", ["a,b,c,a_pred,b_pred,c_pred", "toxic,rude,b,prob_toxic,prob_rude,prob_b"]
)
def test_multilabel_beside_columns_of_the_same_names(tmp_path: Path, header: str) -> None:
    draw = np.random.default_rng(2)
    y, q = draw.integers(0, 2, (40, 3)), np.round(draw.random((40, 3)), 4)
    path = tmp_path / "x.csv"
    path.write_text(
        "\n".join([f"id,{header}", *(",".join(map(str, [i, *y[i], *q[i]])) for i in range(40))])
    )
    losses = -np.where(y == 1, np.log(q), np.log1p(-q))
    for wish in (None, Wish(multilabel=True)):
        assert score_file(path, wish).cross_entropy == pytest.approx(losses.mean(), rel=1e-12)


PRINTED: tuple[Callable[[list[float]], str], ...] = (
    lambda row: str(np.array(row)),
    lambda row: f"array({row}, dtype=float32)",
    lambda row: f"np.array({row})",
    lambda row: f"tensor({row}, device='cuda:0')",
    lambda row: f"tensor([{row}], grad_fn=<SoftmaxBackward0>)",
    lambda row: str([np.float64(x) for x in row]),
    lambda row: str(tuple(row)),
    lambda row: str(row).replace(", ", ",\n       "),
)


@pytest.mark.parametrize("written", PRINTED)
def test_lists_as_they_are_printed(tmp_path: Path, written: Callable[[list[float]], str]) -> None:
    path = tmp_path / "x.csv"
    cells = (f'{y},"{written(Q[i].tolist())}"' for i, y in enumerate(Y))
    path.write_text("\n".join(["label,probs", *cells]))
    assert score_file(path).cross_entropy == pytest.approx(H, rel=1e-12)


def test_lists_that_printing_has_shortened_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("label,probs\n0,[0.1 0.2 ... 0.3 0.4]\n1,[0.3 0.2 ... 0.1 0.4]\n")
    why = "in the first probs is '[0.1 0.2 ... 0.3 0.4]', not a list of numbers"
    with pytest.raises(InputError, match=re.escape(why)):
        score_file(path)


def test_renormalize_and_clip(tmp_path: Path) -> None:
    """As Kaggle does it: divide each row by its sum, then keep away from 0 and 1."""
    header = "a,b,c,y"
    path = tmp_path / "x.csv"
    rows = [f"{3 * Q[i, 0]},{3 * Q[i, 1]},{3 * Q[i, 2]},{'abc'[Y[i]]}" for i in range(ROWS)]
    path.write_text("\n".join([header, *rows, "0,1,0,a"]))
    report = score_file(path, Wish(prediction="a,b,c", renormalize=True, clip=1e-15))
    expected = (-np.log((Q / Q.sum(1, keepdims=True))[range(ROWS), Y]).sum() - log(1e-15)) / 13
    assert report.cross_entropy == pytest.approx(expected, rel=1e-12)
    assert any("--renormalize" in reason for reason in report.reasons)


@pytest.mark.parametrize("end", ["parquet", "arrow"])
def test_names_that_hugging_face_gives_to_labels(tmp_path: Path, end: str) -> None:
    features = {"label": {"names": NAMES, "_type": "ClassLabel"}, "text": {"_type": "Value"}}
    said = {"huggingface": json.dumps({"info": {"features": features}})}
    turned = (2, 0, 1)
    columns = {"label": Y, **{NAMES[k]: Q[:, k] for k in turned}}
    table = pa.table(columns).replace_schema_metadata(said)
    path = tmp_path / f"named.{end}"
    if end == "arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    else:
        pq.write_table(table, path)
    lists = pa.table({"label": Y, "probs": Q.tolist()}).replace_schema_metadata(said)
    for report in (score_file(path), plogq.evaluate(table), plogq.evaluate(lists)):
        assert report.cross_entropy == pytest.approx(H, rel=1e-9)
        assert {line.label for line in report.classes} == set(NAMES)
    broken = table.replace_schema_metadata({"huggingface": "{"})
    assert plogq.evaluate(broken).cross_entropy != pytest.approx(H)

"""The classifier of the second notebook."""

import numpy as np
import pytest

from examples.lab.classifier import (
    Cases,
    Classifier,
    Settings,
    confusion,
    description,
    load_cases,
    measure,
    train,
)


@pytest.fixture(scope="module")
def cases() -> Cases:
    return load_cases(Settings())


@pytest.fixture(scope="module")
def model(cases: Cases) -> Classifier:
    return train(cases, Settings())


def test_the_split_keeps_the_share_of_classes(cases: Cases) -> None:
    assert (len(cases.train), len(cases.test)) == (398, 171)
    assert cases.train_classes.mean() == pytest.approx(cases.test_classes.mean(), abs=0.01)
    assert cases.classes == ("malignant", "benign")


def test_it_classifies_well(model: Classifier, cases: Cases) -> None:
    metrics = measure(model, cases)
    assert metrics["test_accuracy"] > 0.95
    assert metrics["test_f1"] > 0.95
    assert metrics["test_roc_auc"] > 0.98


def test_training_is_deterministic(model: Classifier, cases: Cases) -> None:
    again = train(cases, Settings())
    for name, value in model.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], value)


def test_a_seed_decides_the_split(cases: Cases) -> None:
    assert not np.array_equal(load_cases(Settings(seed=8)).test, cases.test)


def test_probabilities_are_probabilities(model: Classifier, cases: Cases) -> None:
    odds = model.probability(cases.test)
    assert odds.shape == (171,)
    assert ((odds >= 0) & (odds <= 1)).all()


def test_the_confusion_matrix_agrees_with_the_accuracy(model: Classifier, cases: Cases) -> None:
    matrix = confusion(model, cases)
    assert list(matrix.index) == list(matrix.columns) == ["malignant", "benign"]
    assert matrix.to_numpy().sum() == 171
    right = matrix.to_numpy().trace() / 171
    assert right == pytest.approx(measure(model, cases)["test_accuracy"])


def test_the_description_names_the_classes(model: Classifier) -> None:
    assert description(model) == {
        "kind": "logistic-regression",
        "classes": ["malignant", "benign"],
    }

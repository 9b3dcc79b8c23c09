"""A classifier of tumours on the breast-cancer data that scikit-learn ships.

Source of the data: W. N. Street, W. H. Wolberg and O. L. Mangasarian, Wisconsin diagnostic breast
cancer, 1993; 569 cases, 30 measurements each, malignant (0) or benign (1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

Numbers = npt.NDArray[np.float64]

_EVEN = 0.5


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is chosen before training.

    Attributes:
        c: Inverse strength of the L2 penalty.
        test_share: Share of the cases held out.
        seed: Seed of the split.
    """

    c: float = 0.5
    test_share: float = 0.3
    seed: int = 7


@dataclass(frozen=True, kw_only=True)
class Cases:
    """The data, split; the held-out cases have the same share of each class."""

    train: Numbers
    train_classes: Numbers
    test: Numbers
    test_classes: Numbers
    classes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A logistic regression on standardised measurements, as plain arrays.

    Attributes:
        classes: Names of the classes, in the order of their numbers.
        arrays: ``mean``, ``scale``, ``weights`` (measurements,) and ``bias`` (1,).
    """

    classes: tuple[str, ...]
    arrays: dict[str, Numbers] = field(repr=False)

    def probability(self, measurements: Numbers) -> Numbers:
        """Probability of the second class for cases of shape (n, measurements)."""
        standard = (measurements - self.arrays["mean"]) / self.arrays["scale"]
        odds = standard @ self.arrays["weights"] + self.arrays["bias"][0]
        return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float64)

    def predict(self, measurements: Numbers) -> list[str]:
        """Name of the likelier class of each case."""
        return [self.classes[int(odds >= _EVEN)] for odds in self.probability(measurements)]


def load_cases(settings: Settings) -> Cases:
    """The data set, split by the settings."""
    data = load_breast_cancer()
    train, test, train_classes, test_classes = train_test_split(
        data.data,
        data.target,
        test_size=settings.test_share,
        random_state=settings.seed,
        stratify=data.target,
    )
    return Cases(
        train=train,
        train_classes=train_classes,
        test=test,
        test_classes=test_classes,
        classes=tuple(str(name) for name in data.target_names),
    )


def train(cases: Cases, settings: Settings) -> Classifier:
    """Fit the model and take it apart into arrays, so that no pickle is needed to keep it."""
    scaler = StandardScaler().fit(cases.train)
    fitted = LogisticRegression(C=settings.c, max_iter=500).fit(
        scaler.transform(cases.train), cases.train_classes
    )
    return Classifier(
        classes=cases.classes,
        arrays={
            "mean": scaler.mean_,
            "scale": scaler.scale_,
            "weights": fitted.coef_[0],
            "bias": fitted.intercept_,
        },
    )


def measure(model: Classifier, cases: Cases) -> dict[str, float]:
    """Metrics on the held-out cases."""
    odds = model.probability(cases.test)
    guessed = (odds >= _EVEN).astype(int)
    return {
        "test_accuracy": float(accuracy_score(cases.test_classes, guessed)),
        "test_f1": float(f1_score(cases.test_classes, guessed)),
        "test_roc_auc": float(roc_auc_score(cases.test_classes, odds)),
    }


def confusion(model: Classifier, cases: Cases) -> pd.DataFrame:
    """Held-out cases by true class (rows) and predicted class (columns)."""
    truth = [model.classes[int(number)] for number in cases.test_classes]
    counts = confusion_matrix(truth, model.predict(cases.test), labels=list(model.classes))
    return pd.DataFrame(
        counts,
        index=pd.Index(model.classes, name="true"),
        columns=pd.Index(model.classes, name="predicted"),
    )


def description(model: Classifier) -> dict[str, Any]:
    """What a model file says about the model besides its arrays."""
    return {"kind": "logistic-regression", "classes": list(model.classes)}

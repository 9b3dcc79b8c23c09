"""The network behind the text model: forward, backward and the optimiser's step, in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]
Weights = dict[str, Floats]

_ADAM_B1, _ADAM_B2, _ADAM_EPS = 0.9, 0.999, 1e-8


def copy(weights: Weights) -> Weights:
    """The weights as they are now."""
    return {name: value.copy() for name, value in weights.items()}


def hidden_layer(weights: Weights, windows: Codes) -> tuple[Floats, Floats]:
    """Values of the hidden layer for windows (n, context), and what it saw."""
    seen = weights["embedding"][windows].reshape(len(windows), -1)
    return np.tanh(seen @ weights["w1"] + weights["b1"]), seen


def log_softmax(scores: Floats) -> Floats:
    """Logarithms of the odds of each row of scores."""
    shifted: Floats = scores - scores.max(axis=1, keepdims=True)
    total: Floats = np.exp(shifted).sum(axis=1, keepdims=True)
    return shifted - np.log(total)


def gradients(weights: Weights, windows: Codes, targets: Codes) -> Weights:
    """Gradient of the mean cross-entropy of one mini-batch, by backpropagation."""
    hidden, seen = hidden_layer(weights, windows)
    error = np.exp(log_softmax(hidden @ weights["w2"] + weights["b2"]))
    error[np.arange(len(targets)), targets] -= 1
    error /= len(targets)
    back = (error @ weights["w2"].T) * (1 - hidden**2)
    embedding = np.zeros_like(weights["embedding"])
    parts = (back @ weights["w1"].T).reshape(-1, embedding.shape[1])
    np.add.at(embedding, windows.reshape(-1), parts)
    return {
        "embedding": embedding,
        "w1": seen.T @ back,
        "b1": back.sum(axis=0),
        "w2": hidden.T @ error,
        "b2": error.sum(axis=0),
    }


@dataclass
class Adam:
    """The optimiser's running means; Kingma and Ba (2015), with their default constants."""

    mean: Weights
    square: Weights
    steps: int = 0

    @classmethod
    def like(cls, weights: Weights) -> Adam:
        """An optimiser that has not moved yet."""
        return cls(
            mean={name: np.zeros_like(value) for name, value in weights.items()},
            square={name: np.zeros_like(value) for name, value in weights.items()},
        )

    def step(self, weights: Weights, gradients: Weights, rate: float) -> None:
        """Change the weights against their gradients."""
        self.steps += 1
        scale = rate * (1 - _ADAM_B2**self.steps) ** 0.5 / (1 - _ADAM_B1**self.steps)
        for name, gradient in gradients.items():
            self.mean[name] += (1 - _ADAM_B1) * (gradient - self.mean[name])
            self.square[name] += (1 - _ADAM_B2) * (gradient**2 - self.square[name])
            weights[name] -= scale * self.mean[name] / (np.sqrt(self.square[name]) + _ADAM_EPS)

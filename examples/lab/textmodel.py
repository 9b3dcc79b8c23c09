"""A small neural language model over characters, in numpy.

The network is the one of Bengio et al., "A Neural Probabilistic Language Model" (2003), on
characters instead of words: an embedding of each of the last ``context`` characters, one hidden
layer with tanh, and a softmax over the next character. It is trained with Adam on mini-batches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import network
from .network import Codes, Floats, Weights

_PAD = "\n"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is chosen before training; all of it is logged as the run's parameters.

    Attributes:
        context: Characters the model sees.
        embedding: Numbers that stand for one character.
        hidden: Units of the hidden layer.
        epochs: Passes over the training text.
        batch: Windows in a mini-batch.
        learning_rate: Adam's step size.
        seed: Seed of the weights and of the order of the mini-batches.
    """

    context: int = 8
    embedding: int = 16
    hidden: int = 96
    epochs: int = 8
    batch: int = 64
    learning_rate: float = 3e-3
    seed: int = 1609


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """How well the model predicts after an epoch; perplexity is exp of the mean loss."""

    epoch: int
    train_perplexity: float
    validation_perplexity: float


@dataclass(frozen=True, kw_only=True)
class TextModel:
    """A model: its alphabet and its weights.

    Attributes:
        alphabet: Every character it knows; a character's code is its place here.
        context: Characters it sees.
        weights: ``embedding`` (alphabet, e), ``w1`` (context*e, h), ``b1`` (h),
            ``w2`` (h, alphabet), ``b2`` (alphabet); float32.
    """

    alphabet: str
    context: int
    weights: Weights = field(repr=False)

    def encode(self, text: str) -> Codes:
        """Codes of a text; a character outside the alphabet counts as a space."""
        blank = self.alphabet.index(" ")
        places = {char: code for code, char in enumerate(self.alphabet)}
        return np.array([places.get(char, blank) for char in text], dtype=np.int64)

    def description(self) -> dict[str, Any]:
        """What a model file says about the model besides its weights."""
        return {"kind": "character-mlp", "alphabet": self.alphabet, "context": self.context}

    def logits(self, windows: Codes) -> Floats:
        """Scores of the next character for windows of shape (n, context)."""
        hidden, _ = network.hidden_layer(self.weights, windows)
        return hidden @ self.weights["w2"] + self.weights["b2"]


def split_poems(text: str, validation: int) -> tuple[str, str]:
    """Training and validation text; the last ``validation`` poems are held out whole.

    Raises:
        ValueError: If that would leave nothing on one of the two sides.
    """
    poems = [poem.strip("\n") for poem in text.split("\n\n") if poem.strip()]
    if not 0 < validation < len(poems):
        msg = f"cannot hold out {validation} of {len(poems)} poems; hold out 1 to {len(poems) - 1}"
        raise ValueError(msg)
    held_out = len(poems) - validation
    return "\n\n".join(poems[:held_out]) + "\n", "\n\n".join(poems[held_out:]) + "\n"


def new_model(text: str, settings: Settings) -> TextModel:
    """An untrained model whose alphabet is that of a text."""
    alphabet = "".join(sorted(set(text) | {" ", _PAD}))
    rng = np.random.default_rng(settings.seed)
    wide = settings.context * settings.embedding

    def normal(rows: int, columns: int, scale: float) -> Floats:
        return (rng.standard_normal((rows, columns)) * scale).astype(np.float32)

    return TextModel(
        alphabet=alphabet,
        context=settings.context,
        weights={
            "embedding": normal(len(alphabet), settings.embedding, 0.5),
            "w1": normal(wide, settings.hidden, wide**-0.5),
            "b1": np.zeros(settings.hidden, np.float32),
            # A small last layer starts the model at the uniform guess: perplexity = alphabet.
            "w2": normal(settings.hidden, len(alphabet), 0.01),
            "b2": np.zeros(len(alphabet), np.float32),
        },
    )


def train(
    text: str,
    validation: str,
    settings: Settings,
    on_epoch: Callable[[EpochReport], None] = lambda _report: None,
) -> tuple[TextModel, tuple[EpochReport, ...]]:
    """Train a model; the same text and settings give the same weights on one machine.

    The first report, of epoch 0, is the untrained model's. The weights handed back are those of
    the epoch with the lowest validation perplexity: later ones have begun to learn by heart.
    """
    model = new_model(text, settings)
    windows, targets = _examples(model, text)
    held_out = _examples(model, validation)
    rng = np.random.default_rng(settings.seed + 1)
    state = network.Adam.like(model.weights)
    reports = [_report(0, model, (windows, targets), held_out)]
    on_epoch(reports[0])
    best, best_weights = reports[0], network.copy(model.weights)
    for epoch in range(1, settings.epochs + 1):
        order = rng.permutation(len(targets))
        for start in range(0, len(order), settings.batch):
            chosen = order[start : start + settings.batch]
            gradients = network.gradients(model.weights, windows[chosen], targets[chosen])
            state.step(model.weights, gradients, settings.learning_rate)
        reports.append(_report(epoch, model, (windows, targets), held_out))
        on_epoch(reports[-1])
        if reports[-1].validation_perplexity < best.validation_perplexity:
            best, best_weights = reports[-1], network.copy(model.weights)
    return replace(model, weights=best_weights), tuple(reports)


def perplexity(model: TextModel, text: str) -> float:
    """How many characters the model hesitates between on average, from 1 upwards."""
    return _perplexity(model, *_examples(model, text))


def sample(
    model: TextModel, prompt: str, length: int, *, temperature: float = 0.7, seed: int = 0
) -> str:
    """Continue a prompt by ``length`` characters.

    Args:
        model: The model.
        prompt: What the text begins with; it is not repeated in the answer.
        length: Number of characters to draw.
        temperature: Near 0 the likeliest character wins; above 1 the odds even out.
        seed: Seed of the draw; the same seed gives the same text.

    Raises:
        ValueError: If the temperature is not positive.
    """
    if not temperature > 0:
        msg = f"temperature {temperature!r} is not positive; take 0.2 to 1.5"
        raise ValueError(msg)
    rng = np.random.default_rng(seed)
    window = model.encode((_PAD * model.context + prompt)[-model.context :])
    drawn = []
    for _ in range(length):
        scores = model.logits(window[np.newaxis, :])[0].astype(np.float64) / temperature
        odds = np.exp(scores - scores.max())
        code = int(rng.choice(len(odds), p=odds / odds.sum()))
        drawn.append(model.alphabet[code])
        window = np.append(window[1:], code)
    return "".join(drawn)


def _examples(model: TextModel, text: str) -> tuple[Codes, Codes]:
    """Windows (n, context) and the character after each, (n,)."""
    codes = model.encode(_PAD * model.context + text)
    windows = np.lib.stride_tricks.sliding_window_view(codes[:-1], model.context)
    return windows, codes[model.context :]


def _perplexity(model: TextModel, windows: Codes, targets: Codes) -> float:
    scores = network.log_softmax(model.logits(windows))
    return float(np.exp(-scores[np.arange(len(targets)), targets].mean()))


def _report(
    epoch: int, model: TextModel, training: tuple[Codes, Codes], held_out: tuple[Codes, Codes]
) -> EpochReport:
    return EpochReport(
        epoch=epoch,
        train_perplexity=_perplexity(model, *training),
        validation_perplexity=_perplexity(model, *held_out),
    )

"""The character language model: it learns, it repeats itself, and it samples only what it may."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from examples.lab.textmodel import (
    EpochReport,
    Settings,
    TextModel,
    new_model,
    perplexity,
    sample,
    split_poems,
    train,
)

SONNETS = Path(__file__).parents[2] / "examples" / "data" / "sonnets.txt"
QUICK = Settings(epochs=2, hidden=32, embedding=8, context=6)


@pytest.fixture(scope="module")
def texts() -> tuple[str, str]:
    return split_poems(SONNETS.read_text(encoding="utf-8"), 3)


@pytest.fixture(scope="module")
def trained(texts: tuple[str, str]) -> tuple[TextModel, tuple[EpochReport, ...]]:
    return train(*texts, QUICK)


def test_the_text_is_twenty_one_sonnets() -> None:
    poems = SONNETS.read_text(encoding="utf-8").strip().split("\n\n")
    assert [len(poem.splitlines()) for poem in poems] == [14] * 21


def test_the_text_is_plain_and_more_than_ten_kilobytes() -> None:
    content = SONNETS.read_bytes()
    assert content.isascii()
    assert len(content) > 10_000


def test_held_out_poems_are_not_trained_on(texts: tuple[str, str]) -> None:
    training, validation = texts
    assert training.count("\n\n") == 17
    assert validation.count("\n\n") == 2
    assert "My mistress' eyes" in validation
    assert "My mistress' eyes" not in training


@pytest.mark.parametrize("held_out", [0, 21, 40, -1])
def test_a_split_that_empties_a_side_is_refused(held_out: int) -> None:
    with pytest.raises(ValueError, match="of 21 poems; hold out 1 to 20"):
        split_poems(SONNETS.read_text(encoding="utf-8"), held_out)


def test_an_untrained_model_guesses_evenly(texts: tuple[str, str]) -> None:
    model = new_model(texts[0], QUICK)
    assert perplexity(model, texts[1]) == pytest.approx(len(model.alphabet), rel=0.02)


def test_training_lowers_perplexity(
    trained: tuple[TextModel, tuple[EpochReport, ...]], texts: tuple[str, str]
) -> None:
    model, reports = trained
    assert [report.epoch for report in reports] == [0, 1, 2]
    seen = [report.train_perplexity for report in reports]
    assert seen == sorted(seen, reverse=True)
    assert reports[-1].validation_perplexity < reports[0].validation_perplexity / 3
    assert perplexity(model, texts[1]) == min(r.validation_perplexity for r in reports)


def test_reports_arrive_while_it_trains(texts: tuple[str, str]) -> None:
    heard: list[EpochReport] = []
    _, reports = train(*texts, replace(QUICK, epochs=1), heard.append)
    assert tuple(heard) == reports


def test_the_weights_are_those_of_the_best_epoch() -> None:
    # Twenty epochs on one line are learnt by heart; on another line that makes it worse.
    settings = replace(QUICK, epochs=20, learning_rate=0.02)
    validation = "so long lives this and this gives life to thee"
    model, reports = train("shall I compare thee to a summer's day?\n" * 8, validation, settings)
    measured = [report.validation_perplexity for report in reports]
    assert min(measured) < measured[-1]
    assert perplexity(model, validation) == min(measured)


def test_the_same_seed_gives_the_same_weights(
    trained: tuple[TextModel, tuple[EpochReport, ...]], texts: tuple[str, str]
) -> None:
    again, reports = train(*texts, QUICK)
    assert reports == trained[1]
    for name, value in trained[0].weights.items():
        np.testing.assert_array_equal(again.weights[name], value)


def test_another_seed_gives_other_weights(
    trained: tuple[TextModel, tuple[EpochReport, ...]], texts: tuple[str, str]
) -> None:
    other = new_model(texts[0], replace(QUICK, seed=2))
    assert not np.array_equal(other.weights["w1"], trained[0].weights["w1"])


def test_a_sample_has_its_length_and_knows_only_its_alphabet(
    trained: tuple[TextModel, tuple[EpochReport, ...]],
) -> None:
    text = sample(trained[0], "Shall I compare ", 80, seed=1)
    assert len(text) == 80
    assert set(text) <= set(trained[0].alphabet)


def test_a_sample_repeats_with_its_seed_only(
    trained: tuple[TextModel, tuple[EpochReport, ...]],
) -> None:
    model = trained[0]
    first = sample(model, "Shall", 60, temperature=1.0, seed=1)
    assert sample(model, "Shall", 60, temperature=1.0, seed=1) == first
    assert sample(model, "Shall", 60, temperature=1.0, seed=2) != first


def test_near_zero_temperature_takes_the_likeliest_character(
    trained: tuple[TextModel, tuple[EpochReport, ...]],
) -> None:
    model = trained[0]
    drawn = sample(model, "Shall I ", 1, temperature=1e-4, seed=5)
    window = model.encode("Shall I ")[-model.context :][np.newaxis, :]
    assert drawn == model.alphabet[int(model.logits(window)[0].argmax())]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(
    trained: tuple[TextModel, tuple[EpochReport, ...]], temperature: float
) -> None:
    with pytest.raises(ValueError, match=r"is not positive; take 0\.2 to 1\.5"):
        sample(trained[0], "x", 1, temperature=temperature)


def test_a_prompt_may_be_empty_short_or_foreign(
    trained: tuple[TextModel, tuple[EpochReport, ...]],
) -> None:
    for prompt in ("", "S", "ß§日本"):
        assert len(sample(trained[0], prompt, 5)) == 5


def test_the_weights_are_kept_out_of_the_representation(
    trained: tuple[TextModel, tuple[EpochReport, ...]],
) -> None:
    assert "array" not in repr(trained[0])

"""A secret shows itself through one door only."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from sandbox_infra.secret import MASK, Secret

VALUE = "hvs.very-secret"


def test_the_one_door() -> None:
    assert Secret(VALUE).reveal() == VALUE


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{!r}".format, lambda s: f"{s:>40}"])
def test_everything_else_is_masked(shown: object) -> None:
    assert callable(shown)
    text = shown(Secret(VALUE))
    assert VALUE not in text
    assert MASK in text


def test_inside_other_things() -> None:
    assert VALUE not in repr({"a": [Secret(VALUE)]})


def test_not_in_an_exception() -> None:
    assert VALUE not in str(ValueError("token", Secret(VALUE)))


def test_not_pickled_nor_copied_nor_json() -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(Secret(VALUE))
    with pytest.raises(TypeError, match="pickled"):
        copy.copy(Secret(VALUE))
    with pytest.raises(TypeError):
        json.dumps(Secret(VALUE))


def test_equality_is_identity() -> None:
    one = Secret(VALUE)
    assert one == one  # noqa: PLR0124 - identity is what is tested
    assert one != Secret(VALUE)
    assert len({one, Secret(VALUE)}) == 2


def test_no_attribute_holds_it_in_a_dict() -> None:
    assert not hasattr(Secret(VALUE), "__dict__")

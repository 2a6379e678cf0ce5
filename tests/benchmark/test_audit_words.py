"""The sentence of an audit: by whom it names, and where there is no verdict."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.benchmark.audit.words import HINDERS, HOLDS, LOOKERS, NOBODY, NONE, Numbers, share, too_small, verdict

FOUND = Numbers(clean=71.0, chance=10.0, tests=1000, steps=200, unaware=12.0, aware=68.0, defences=3)


def of(**changed: object) -> tuple[str, str]:
    return verdict(dataclasses.replace(FOUND, **changed))  # type: ignore[arg-type]


def test_the_sentence_of_the_default_scheme():
    code, text = of()
    assert code == LOOKERS
    assert text == (
        "Without the key and knowing the method, an attacker reaches 68 of 71 %: this scheme only deters those who do "
        "not look."
    )


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"unaware": 70.0, "aware": 70.5}, NOBODY, "deters nobody"),
        ({"unaware": 40.0}, LOOKERS, "only hinders those who do not look, who reach 40 %"),
        ({"aware": 40.0}, HINDERS, "does not stop them"),
        ({"aware": 15.0}, HOLDS, "no proof"),
        (
            {"aware": 15.0, "removals_left": ["class-patterns"]},
            NONE,
            "so far. No verdict: class-patterns was not tried",
        ),
        ({"aware": 15.0, "defences": 1}, NONE, "more defences were not tried"),
        ({"aware": 15.0, "removals_left": ["a", "b"], "defences": 0}, NONE, "a, b and more defences were not tried"),
        ({"removals_left": ["a"], "defences": 0}, LOOKERS, "do not look"),  # who succeeds needs no other attack
        ({"clean": 15.0}, NONE, "even clean training reaches only 15 %"),
        ({"tests": 12, "aware": 45.0}, NONE, "12 test images are too few"),
        ({"steps": 99}, NONE, "99 steps of training are too few"),
        ({"clean": None}, NONE, "clean and plain training were not both"),
        ({"unaware": None, "aware": None}, NONE, "clean and plain training were not both"),
    ],
)
def test_cases(changed, code, words):  # type: ignore[no-untyped-def]
    got, text = of(**changed)
    assert (got, words in text) == (code, True), text


def test_labels():
    """Those who hold the most, beside the labels alone."""
    text = of(few={100: (30.0, 28.0), 500: (60.4, 54.0)})[1]
    assert text.endswith("With 500 labelled clean images, an attacker reaches 60 %; these images alone give 54 %.")
    assert of(few={100: (30.0, None)})[1].endswith("an attacker reaches 30 %.")


@pytest.mark.parametrize(
    ("changed", "small"),
    [
        ({}, False),
        ({"aware": 15.0, "removals_left": ["a"]}, False),  # more attacks help, not larger models
        ({"steps": 99}, True),
        ({"tests": 12}, True),
        ({"clean": 15.0}, True),
        ({"clean": None}, True),
    ],
)
def test_models_that_are_too_small(changed, small):  # type: ignore[no-untyped-def]
    """Larger ones can tell more; there is no verdict before."""
    assert too_small(dataclasses.replace(FOUND, **changed)) == small
    assert not small or of(**changed)[0] == NONE


def test_more_minutes_are_advised_where_they_help():
    assert of(steps=99)[1].endswith("give more minutes.")
    assert "more minutes" not in of(tests=12)[1]
    assert of(tests=12, more_tests=True)[1].endswith("12 test images are too few to tell; give more minutes.")


percents = st.floats(0, 100)


@given(
    percents, percents, percents, percents, st.integers(1, 5000), st.integers(0, 5), st.lists(st.just("x"), max_size=2)
)
def test_every_result_has_a_sentence(clean, chance, unaware, more, tests, defences, left):  # type: ignore[no-untyped-def]
    """For any numbers: known code, one paragraph; holding is never claimed untried, and never of a larger share."""
    found = Numbers(clean, chance, tests, 200, unaware, max(unaware, more), defences, left)
    code, text = verdict(found)
    assert code in (NONE, NOBODY, LOOKERS, HINDERS, HOLDS)
    assert text.endswith(".")
    assert "\n" not in text
    if code != NONE:
        assert clean - chance >= 10
        reached = share(found.aware or 0.0, found)
        assert {HOLDS: reached <= 0.25, HINDERS: 0.25 < reached < 0.75}.get(code, reached >= 0.75)
    if code in (HOLDS, HINDERS):
        assert not left
        assert defences >= 2


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_stronger_attack_is_never_a_better_verdict(one, other):  # type: ignore[no-untyped-def]
    order = [HOLDS, HINDERS, LOOKERS, NOBODY]
    weaker, stronger = sorted((one, other))
    codes = [of(unaware=min(12.0, value), aware=value)[0] for value in (weaker, stronger)]
    assert order.index(codes[0]) <= order.index(codes[1])

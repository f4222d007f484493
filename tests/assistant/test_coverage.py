from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.coverage import (
    ANSWER,
    CASES,
    COMMON,
    HEADINGS,
    SURE,
    UNFINISHED,
    Coverage,
    coverage,
    features,
    missing_names,
    outcome_of,
    probabilities,
    sigmoid,
    weights,
)
from corpus.passages import Outline, Passage
from index.search import Found, HeadingHit, Hit, Question, SectionHit

OUTLINE = Outline("note.md", ("Docker", "Ports"), "ports", "written", 1, 2, "0" * 64)
PASSAGE = Passage("note.md", "note.md", ("Docker", "Ports"), "ports", "bullet", "words", "words", (), 2, 2, "0" * 64)
likeness = st.floats(0, 1, width=32)
score = st.floats(-20, 20, width=32)


def _found(
    text: str = "a question",
    *,
    dense: float = 0.5,
    covered: tuple[float, ...] = (0.5, 0.5),
    best: float = 0.0,
    unfinished: tuple[HeadingHit, ...] = (),
    passage: Passage = PASSAGE,
) -> Found:
    """What a search with one hit finds."""
    rarity = np.linspace(1, 2, len(covered), dtype=np.float32)
    words = np.array(covered, np.float32)
    cover = float(words @ rarity / rarity.sum()) if len(covered) else 0.0
    hit = Hit(0, passage, 0, best, dense, cover, 0.0, words)
    section = SectionHit(0, OUTLINE, best, (hit,), words, cover)
    question = Question(text, np.zeros(3, np.float32), None, rarity, [])  # type: ignore[arg-type]  # words: not looked at
    written = HeadingHit(0, OUTLINE, 0.3, 0.3, 0.0, 2.4)
    return Found(question, (hit,), (section,), unfinished, written)


def _heading(likeness: float, named: float = 0.0) -> HeadingHit:
    outline = replace(OUTLINE, heading=("Docker", "Swarm"), state="unfinished")
    return HeadingHit(1, outline, likeness, likeness, named, 8 * likeness)


@given(dense=likeness, covered=st.tuples(likeness, likeness), best=score, heading=st.none() | likeness)
def test_coverage_is_a_probability(
    dense: float, covered: tuple[float, float], best: float, heading: float | None
) -> None:
    unfinished = () if heading is None else (_heading(heading),)
    likely = coverage(_found(dense=dense, covered=covered, best=best, unfinished=unfinished))
    assert 0 <= likely.probability <= 1
    assert 0 <= likely.unfinished <= 1


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"dense": 0.2}, {"dense": 0.8}),
        ({"covered": (0.2, 0.2)}, {"covered": (0.9, 0.9)}),
        ({"covered": (0.9, 0.1)}, {"covered": (0.9, 0.8)}),
        ({"best": -3.0}, {"best": 3.0}),
    ],
)
def test_what_fits_better_is_covered_more(less: dict[str, Any], more: dict[str, Any]) -> None:
    assert coverage(_found(**less)).probability < coverage(_found(**more)).probability


def test_an_unfinished_heading_that_is_asked_about_takes_coverage_away() -> None:
    alone = coverage(_found()).probability
    beside = [coverage(_found(unfinished=(_heading(like),))).probability for like in (0.1, 0.5, 0.9)]
    assert alone >= beside[0] > beside[1] > beside[2]


def test_an_unfinished_heading_is_meant_the_more_the_more_it_is_like_the_question() -> None:
    low, high = (coverage(_found(unfinished=(_heading(like),))).unfinished for like in (0.3, 0.9))
    assert low < high


def test_without_unfinished_headings_none_is_meant_and_their_case_is_silent() -> None:
    found, fitted = _found(), weights()
    assert coverage(found).unfinished == 0
    louder = {**fitted, "empty_section": {**fitted["empty_section"], "bias": 50.0}}
    assert coverage(found, louder) == coverage(found, fitted)
    beside = _found(unfinished=(_heading(0.5),))
    assert coverage(beside, louder).probability < coverage(beside, fitted).probability


def test_how_many_unfinished_headings_there_are_says_nothing() -> None:
    one, many = (coverage(_found(unfinished=(_heading(0.5),) * count)) for count in (1, 30))
    assert one.probability == pytest.approx(many.probability)


@pytest.mark.parametrize("unfinished", [(), (_heading(0.5),)])
def test_the_cases_share_what_is_likely(unfinished: tuple[HeadingHit, ...]) -> None:
    likely = probabilities(features(_found(unfinished=unfinished)), weights())
    assert sum(likely.values()) == pytest.approx(1)
    assert (likely["empty_section"] > 0) == bool(unfinished)


def test_every_weight_belongs_to_a_feature() -> None:
    values = features(_found(unfinished=(_heading(0.5),)))
    assert values.keys() == {*COMMON, *HEADINGS}
    assert weights().keys() == {*CASES}
    for case in CASES:
        assert weights()[case].keys() == {"bias", *COMMON, *(HEADINGS if case == "empty_section" else ())}


def test_notes_without_a_passage_cover_nothing() -> None:
    nothing = replace(_found(), hits=(), sections=(), written=None)
    assert coverage(nothing) == Coverage(0.0, 0.0)
    assert outcome_of(nothing, coverage(nothing), lambda _: False) == "not_covered"
    with pytest.raises(ValueError, match="nothing was found"):
        features(nothing)


def test_among_headings_alone_only_a_like_one_is_meant() -> None:
    nothing = replace(_found(), hits=(), sections=(), written=None)
    like = coverage(replace(nothing, unfinished=(_heading(0.9, named=1.0),)))
    unlike = coverage(replace(nothing, unfinished=(_heading(0.0),)))
    assert like.probability == unlike.probability == 0
    assert like.unfinished >= UNFINISHED > unlike.unfinished


def test_a_question_without_a_word_of_its_own_has_features() -> None:
    assert 0 <= coverage(_found(covered=())).probability <= 1


@pytest.mark.parametrize(
    ("probability", "unfinished", "question", "outcome"),
    [
        (SURE, 0.0, "what is --rm", "answered"),
        (ANSWER, 0.0, "what is --rm", "partial"),
        (ANSWER, 0.0, "what is it", "answered"),
        (ANSWER - 0.01, 0.0, "what is it", "not_covered"),
        (ANSWER - 0.01, UNFINISHED, "what is it", "unfinished"),
        (ANSWER - 0.01, UNFINISHED - 0.01, "what is it", "not_covered"),
        (SURE, UNFINISHED, "what is it", "answered"),
    ],
)
def test_the_outcome_follows_from_the_thresholds(
    probability: float, unfinished: float, question: str, outcome: str
) -> None:
    found = _found(question, unfinished=(_heading(0.9),))
    assert outcome_of(found, Coverage(probability, unfinished), lambda _: False) == outcome


def test_a_passage_that_only_announces_what_is_missing_is_unfinished() -> None:
    found = _found(unfinished=(_heading(0.9),), passage=replace(PASSAGE, incomplete=True))
    assert outcome_of(found, Coverage(0.9, UNFINISHED), lambda _: True) == "unfinished"
    assert outcome_of(found, Coverage(0.9, 0.0), lambda _: True) == "answered"


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("what does --rm do", ["--rm"]),
        ("how do I read /etc/hosts.conf?", ["etc/hosts.conf"]),
        ("is there a GUI for Podman?", ["GUI", "Podman"]),
        ("How do I publish a port?", []),
        ("where is compose.yaml.", ["compose.yaml"]),
        ("does FOO BAR BAZ work", ["FOO", "BAR"]),
        ("FOO FOO FOO", ["FOO"]),
    ],
)
def test_names_that_the_notes_do_not_have(question: str, names: list[str]) -> None:
    assert missing_names(_found(question), lambda _: False) == names
    assert missing_names(_found(question), lambda _: True) == []


@given(x=st.floats(-1e4, 1e4))
def test_sigmoid_neither_overflows_nor_leaves_its_bounds(x: float) -> None:
    assert 0 <= sigmoid(x) <= 1

"""Question and what was found -> how likely the notes answer it, and what to say if they do not.

Three small logistic models, each for one way in which notes do not answer: the question is about
something else (`subject`), about a heading with nothing under it (`written`), or about something
near that the notes leave out (`said`). Their product, calibrated, is the coverage. Weights and
thresholds are fitted over notes on several subjects; `python tests/bench/coverage/fit.py` writes them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from assistant.answer import Outcome
from index.search import Found, weighted

# A question without a single word that the notes could be asked about ("how do I do it?", emoji only).
NO_WORDS = 0.0
ANSWER = 0.5  # the notes answer more likely than not; coverage is calibrated, so this needs no fitting
SURE = 0.65  # below it, an answer that leaves out a word of the question says so
UNLIKE = 0.5  # a word of the question that is less like every word of a section is not spoken of there
UNFINISHED = 0.5


@dataclass(frozen=True, slots=True)
class Coverage:
    """`probability` that the notes answer; `unfinished` that an unfinished heading is meant, if they do not."""

    probability: float
    unfinished: float


@cache
def weights() -> dict[str, Any]:
    """The fitted models and thresholds, as tests/bench/coverage/fit.py wrote them."""
    loaded: dict[str, Any] = json.loads(
        files("assistant").joinpath("coverage_weights.json").read_text(encoding="utf-8")
    )
    return loaded


def features(found: Found) -> dict[str, float]:
    """What the models look at; all of it is on the same scale for notes on any subject.

    Raises ValueError if nothing was found.
    """
    if not found.sections:
        raise ValueError("nothing was found")
    section = found.sections[0]
    rarity = found.question.rarity
    everywhere = np.max([hit.covered for hit in found.hits], axis=0)
    near = max(hit.dense for hit in found.hits)
    return {
        "best": section.hits[0].score,
        "near": near,
        "cover": section.features["cover"],
        "cover_anywhere": float(weighted(everywhere[:, None], rarity)[0]),
        "gap": float(((1 - section.covered) * rarity).max()) if len(rarity) else 0.0,
        **_heading_features(found, near),
    }


def _heading_features(found: Found, near: float) -> dict[str, float]:
    path = max((heading.path for heading in found.unfinished), default=0.0)
    return {
        "title": max((heading.title for heading in found.unfinished), default=0.0),
        "named": max((heading.named for heading in found.unfinished), default=0.0),
        "named_written": found.written.named if found.written else 0.0,
        "path_over_near": path - near,
        "path_over_written": path - (found.written.path if found.written else 0.0),
    }


def model(name: str, values: Mapping[str, float], fitted: Mapping[str, Any]) -> float:
    """The probability that one fitted logistic model gives."""
    terms = fitted[name]["weights"]
    return sigmoid(fitted[name]["bias"] + sum(weight * values[feature] for feature, weight in terms.items()))


def coverage(found: Found, fitted: Mapping[str, Any] | None = None) -> Coverage:
    """How likely the notes answer the question, calibrated: see the module."""
    fitted = fitted or weights()
    if not found.sections:
        return Coverage(NO_WORDS, 1.0 if found.unfinished else 0.0)
    values = features(found)
    product = raw_coverage(values, fitted, has_unfinished=bool(found.unfinished))
    odds = fitted["calibration"]["bias"] + fitted["calibration"]["slope"] * logit(product)
    return Coverage(sigmoid(odds), model("unfinished", values, fitted) if found.unfinished else 0.0)


def raw_coverage(values: Mapping[str, float], fitted: Mapping[str, Any], *, has_unfinished: bool) -> float:
    """The product of the models, before calibration; without unfinished headings `written` has nothing to say."""
    product = model("subject", values, fitted) * model("said", values, fitted)
    return product * model("written", values, fitted) if has_unfinished else product


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def logit(p: float) -> float:
    """The log-odds of a probability, kept finite."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def outcome_of(found: Found, likely: Coverage) -> Outcome:
    """What to say: answered, partial (a rare word of the question is nowhere in what was found), or why not."""
    if likely.probability < ANSWER:
        return "unfinished" if found.unfinished and likely.unfinished >= UNFINISHED else "not_covered"
    if found.sections[0].hits[0].passage.incomplete and likely.unfinished >= UNFINISHED:
        return "unfinished"
    return "partial" if likely.probability < SURE and missing_words(found) else "answered"


def missing_words(found: Found, count: int = 2) -> list[str]:
    """The content words of the question that nothing in the best sections is like, in the order of the question."""
    if not found.sections:
        return found.question.words.words[:count]
    covered = np.max([section.covered for section in found.sections[:2]], axis=0)
    rarity = found.question.rarity
    rare = rarity >= (np.median(rarity) if len(rarity) else 0)
    missing = [w for w, c, r in zip(found.question.words.words, covered, rare, strict=True) if c < UNLIKE and r]
    return list(dict.fromkeys(missing))[:count]

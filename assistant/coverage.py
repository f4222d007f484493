"""Question and what was found -> how likely the notes answer it, and what to say if they do not.

Three small logistic models, each for one way in which notes do not answer: the question is about
something else (`subject`), about a heading with nothing under it (`written`), or about something
near that the notes leave out (`said`). Their product, calibrated, is the coverage. Weights and
thresholds are fitted over notes on several subjects; `python tests/bench/coverage/fit.py` writes them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from assistant.answer import Outcome
from index.search import Found, weighted

ANSWER = 0.5  # the notes answer more likely than not; coverage is calibrated, so this needs no fitting
SURE = 0.75  # below it, an answer says which name of the question the notes do not have
UNFINISHED = 0.5
OTHER_SUBJECT = 0.2  # what the notes are less likely about belongs under none of their headings

# A flag; a word with a digit or a joint inside; one in capitals, or with a capital that no sentence gives it.
_NAME = re.compile(
    r"(?<![\w-])--?[A-Za-z][\w-]*"
    r"|\b(?=\w*[./_\d]\w)(?=\w*[A-Za-z])[\w./-]{3,}"
    r"|\b[A-Z]{2,}[\w-]*\b|(?<=[a-z,] )[A-Z]\w{2,}"
)


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
        "path": path,
        "title": max((heading.title for heading in found.unfinished), default=0.0),
        "named": max((heading.named for heading in found.unfinished), default=0.0),
        "named_written": found.written.named if found.written else 0.0,
        "path_over_near": path - near,
    }


def model(name: str, values: Mapping[str, float], fitted: Mapping[str, Any]) -> float:
    """The probability that one fitted logistic model gives."""
    terms = fitted[name]["weights"]
    return sigmoid(fitted[name]["bias"] + sum(weight * values[feature] for feature, weight in terms.items()))


def coverage(found: Found, fitted: Mapping[str, Any] | None = None) -> Coverage:
    """How likely the notes answer the question, calibrated: see the module."""
    fitted = fitted or weights()
    if not found.sections:  # headings alone: nothing is nearer than they are
        heading = _heading_features(found, near=0.0)
        heading |= {"near": heading["path"], "cover_anywhere": heading["named"]}
        return Coverage(0.0, unfinished_probability(heading, fitted, has_unfinished=bool(found.unfinished)))
    values = features(found)
    product = raw_coverage(values, fitted, has_unfinished=bool(found.unfinished))
    odds = fitted["calibration"]["bias"] + fitted["calibration"]["slope"] * logit(product)
    return Coverage(sigmoid(odds), unfinished_probability(values, fitted, has_unfinished=bool(found.unfinished)))


def unfinished_probability(values: Mapping[str, float], fitted: Mapping[str, Any], *, has_unfinished: bool) -> float:
    """How likely an unfinished heading is meant, if the notes do not answer; 0 if it is not their subject at all."""
    if not has_unfinished:
        return 0.0
    with_headings = {  # an empty section has no passage that could be near
        "near": max(values["near"], values["path"]),
        "cover_anywhere": max(values["cover_anywhere"], values["named"]),
    }
    if model("subject", with_headings, fitted) < OTHER_SUBJECT:
        return 0.0
    return model("unfinished", values, fitted)


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


def outcome_of(found: Found, likely: Coverage, known: Callable[[str], bool]) -> Outcome:
    """What to say: answered, partial (a name in the question is nowhere in the notes), or why not.

    `known` says whether a word stands anywhere in the notes.
    """
    if likely.probability < ANSWER:
        return "unfinished" if found.unfinished and likely.unfinished >= UNFINISHED else "not_covered"
    if found.sections[0].hits[0].passage.incomplete and likely.unfinished >= UNFINISHED:
        return "unfinished"
    return "partial" if likely.probability < SURE and missing_names(found, known) else "answered"


def missing_names(found: Found, known: Callable[[str], bool]) -> list[str]:
    """What the question names and the notes never do: flags, file names, words in capitals or with a capital inside.

    Ordinary words do not count: notes and learners have many words for the same thing.
    """
    asked = found.question.text.split("\n")[0]  # below it is what was piped in: a log has names without end
    names = [match[0].strip(".") for match in _NAME.finditer(asked)]
    return [name for name in dict.fromkeys(names) if name and not known(name)][:2]

"""Whether something is asked for as an order: "please delete the container web", and not "delete a container".

Apart from the patterns of requests.py, which take longer to load than most questions take to answer.
"""

from __future__ import annotations

import re

BEFORE = re.compile(r"\b(?:please|pls|go (?:on|ahead)|i want you to)\b", re.IGNORECASE)  # before the verb
AFTER = re.compile(r"\b(?:please|pls|for me|right now)\W*(?:please|pls)?\W*$", re.IGNORECASE)
_WORDS = re.compile(r"\b(?:please|pls|go (?:on|ahead)|i want you to|for me|right now)\b", re.IGNORECASE)


def may_be_an_order(question: str) -> bool:
    """Whether a question has words of an order in it; without them no change is asked for plainly."""
    return _WORDS.search(" ".join(question.split())) is not None

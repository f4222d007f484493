"""What must stand in the passages as it is, for nothing else means the same: code, flags, numbers, names, addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.replies import Sentence
from index.lexical import words as stems_of

_NUMBER = re.compile(r"(?<![\w.-])\d+(?:[.,:/x]\d+)*")
_NUMBER_WORDS = {
    "zero": "0", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "twice": "2", "double": "2", "triple": "3", "half": "2",
    "halves": "2", "hundred": "100", "thousand": "1000", "dozen": "12",
}  # fmt: skip
_UNIT_NAMES = """
s sec secs second seconds; ms millisecond milliseconds; min mins minute minutes; h hour hours; day days; week weeks;
month months; year years; b byte bytes; kb kilobyte kilobytes; mb megabyte megabytes; gb gigabyte gigabytes;
tb terabyte terabytes; kib; mib; gib; percent %; degree degrees \u00b0 \u00b0c celsius; fahrenheit \u00b0f;
nm nanometre nanometres; mm millimetre millimetres; cm centimetre centimetres;
\u00b5m \u03bcm um micrometre micrometres;
m metre metres; km kilometre kilometres; inch inches; foot feet; mile miles; mg milligram milligrams; g gram grams;
kg kilogram kilograms;
ml millilitre millilitres; l litre litres; cup cups; thousand; million; billion; trillion;
character characters; line lines; word words; times; core cores; px pixel pixels; stop stops
"""
_UNITS = {name: group.split()[-1] for group in _UNIT_NAMES.split(";") for name in group.split()}
_QUANTITY = re.compile(
    rf"(?<![\w.-])(\d+(?:[.,]\d+)?)[ -]?({'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?!\w)"
)
_ABOUT_THE_NOTES = re.compile(r"\b(?:section|chapter|heading|paragraph|appendix|page \d)s?\b", re.IGNORECASE)
_FLAG = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
_URL = re.compile(r"\b(?:https?|ftp|file|javascript|data):\S+|\bwww\.\S+", re.IGNORECASE)
# A joint or a digit between letters, capitals, or a capital that no sentence gives it.
_NAME = re.compile(
    r"\b(?=[\w./:@-]*(?:[./_:@]\w|\d))(?=[\w./:@-]*[A-Za-z])[\w./:@-]{2,}\w|\b[A-Z][A-Z\d]+\b|(?<=[a-z,;] )[A-Z]\w+"
)
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def missing_exactly(sentence: Sentence, passages: Sequence[str]) -> str | None:
    """What the sentence has and the passages do not, of that which cannot be reworded; None if nothing."""
    text = "\n".join(passages)
    for code in sentence.code:
        if not any(has_code(passage, code) for passage in passages):
            return f"code that is not in the evidence: {code}"
    prose = sentence.prose
    lower = text.lower()
    for url in _URL.findall(sentence.words):
        if url.rstrip(".,)") not in text:
            return f"an address that is not in the evidence: {url}"
    for flag in _FLAG.findall(prose):
        if flag not in _FLAG.findall(text.replace("`", " ")):
            return f"a flag that is not in the evidence: {flag}"
    known = _numbers(lower)
    for number in _numbers(prose.lower()):
        if number not in known:
            return f"a number that is not in the evidence: {number}"
    for number, unit in _quantities(prose.lower()):
        units = {other for value, other in _quantities(lower) if value == number}
        if units and unit not in units:
            return f"a unit that is not in the evidence: {number} {unit}"
    if _ABOUT_THE_NOTES.search(prose) and not _ABOUT_THE_NOTES.search(text):
        return "a section of the notes that is not in the evidence"
    for name in _NAME.findall(prose):
        is_word = name.isalpha() and set(stems_of(name)) <= set(stems_of(text))
        if name.strip(".:").lower() not in lower and not is_word:
            return f"a name that is not in the evidence: {name}"
    return None


def _numbers(text: str) -> set[str]:
    found = {number.replace(",", "") for number in _NUMBER.findall(text)}
    for number in list(found):
        found.update(re.split(r"[:/x]", number))
    return found | {_NUMBER_WORDS[word] for word in _WORD.findall(text) if word in _NUMBER_WORDS}


def _quantities(text: str) -> set[tuple[str, str]]:
    """Each number that has a unit, with it."""
    found = _QUANTITY.findall(text)
    return {(number.replace(",", ""), _UNITS[unit]) for number, unit in found}


def has_code(text: str, code: str) -> bool:
    """Whether code stands in a passage, as whole words: `docker run -p` is part of `docker run -p 80:80 web`."""
    wanted = _code_words(code)
    return bool(wanted) and contains(_code_words(text), wanted)


def _code_words(code: str) -> list[str]:
    return (
        re.sub(r"[`\"'\u201c\u201d]", " ", re.sub(r"^\s*[$#>]\s+", "", code))
        .replace("(", " ")
        .replace(")", " ")
        .split()
    )


def contains(words: Sequence[str], part: Sequence[str]) -> bool:
    """Whether a part stands among the words in one piece; punctuation at their ends does not count."""
    stripped = [word.rstrip(".,;:!?") for word in words]
    wanted = [word.rstrip(".,;:!?") for word in part]
    return any(stripped[i : i + len(wanted)] == wanted for i in range(len(stripped) - len(wanted) + 1))

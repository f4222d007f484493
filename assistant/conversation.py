"""A follow-up becomes a question of its own: what it leans on comes from the turns before, or from a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.answer import Turn
from corpus.errors import ModelFailed
from index.lexical import STOP_WORDS, words

if TYPE_CHECKING:
    from assistant.models import Model

MAX_TURNS_BACK = 4
MAX_CONTEXT_WORDS = 8
MAX_ADDED = 200  # characters that a model may add to a question

_WORD = re.compile(r"--?[A-Za-z][\w-]*|[^\W_][\w./:-]*")
_FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
# Words that stand for something said before; "there" and "so" mostly do not.
_POINTER_WORDS = """
it its that this these those them they their he she one ones both other others same former latter first second
"""
_POINTERS = frozenset(_POINTER_WORDS.split())
_OPENERS = re.compile(
    r"^\W*(?:and|but|or|also|then|what about|how about|why|how so|so why|really|instead)\b", re.IGNORECASE
)
_FILLER_WORDS = "ok okay fine thanks good great hm hmm ah oh well right sure cool then and but so also"
_FILLERS = frozenset(_FILLER_WORDS.split())


def standalone_question(question: str, history: Sequence[Turn]) -> str:
    """The question as it can be searched alone; unchanged if it does not lean on the turns before."""
    asked = [turn.content for turn in history if turn.role == "user"][-MAX_TURNS_BACK:]
    if not asked or not leans_on_history(question):
        return question
    context: list[str] = []
    for earlier in reversed(asked):
        context = _content_words(earlier) + context
        if not leans_on_history(earlier):
            break
    replies = [turn.content for turn in history if turn.role == "assistant"]
    if replies and _points_back(question):  # "which of those two": the options that were just named
        context += _FLAG.findall(replies[-1])[:2]
    own = {word.lower() for word in _content_words(question)}
    context = [word for word in dict.fromkeys(context) if word.lower() not in own][:MAX_CONTEXT_WORDS]
    return f"{question.rstrip()} ({' '.join(context)})" if context else question


def rewritten_question(question: str, history: Sequence[Turn], model: Model | None) -> str:
    """The question as it can be searched alone, written by the model if there is one and it keeps to what was said."""
    turns = history[-2 * MAX_TURNS_BACK :]
    if model is None or not turns:
        return standalone_question(question, history)
    from assistant.prompts import rewrite_messages  # no question without a model pays for it

    try:
        lines = model.text(rewrite_messages(question, turns)).splitlines()
    except ModelFailed:  # the answer will say so, if the model still fails then
        return standalone_question(question, history)
    rewritten = lines[0].strip().strip('"') if len(lines) == 1 else ""
    return rewritten if _is_of(rewritten, question, turns) else standalone_question(question, history)


def _is_of(rewritten: str, question: str, turns: Sequence[Turn]) -> bool:
    """Whether a model's question is the learner's with words that were said: all of its own, and what it leaned on."""
    asked, own = set(words(question)), set(words(rewritten))
    said = asked.union(*(words(turn.content) for turn in turns))
    if not asked <= own <= said or len(rewritten) > len(question) + MAX_ADDED:
        return False
    last = next((turn.content for turn in reversed(turns) if turn.role == "user"), "")
    return not leans_on_history(question) or bool((own - asked) & set(words(last)))


def leans_on_history(question: str) -> bool:
    """Whether a question says little alone: it points back, opens with "and", or has hardly a word of its own."""
    own = _content_words(question)
    if any(word.startswith("-") for word in own):  # a flag names its own subject
        return False
    if _points_back(question) and len(own) <= 3:
        return True
    return len(own) <= 1 or (bool(_OPENERS.match(question)) and len(own) <= 3)


def _points_back(question: str) -> bool:
    return any(word.lower() in _POINTERS for word in _WORD.findall(question))


def _content_words(text: str) -> list[str]:
    words = (word.strip(".:/") for word in _WORD.findall(text))
    return [w for w in words if w and w.lower() not in STOP_WORDS | _POINTERS | _FILLERS]

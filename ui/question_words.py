"""Which words of a command line are the question, and which are options of `ask`.

A learner types `ask what does docker run -c do`, without quotes. So options stand before the question or after it, and
what stands between its words is part of it, whatever it looks like. After a question of several words only long options
are options (`--json`): `-c` and `-h` are as likely the flags that are asked about. Beside a question in quotes there is
no doubt: it is one word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_END = "--"
_STANDARD_INPUT = "-"


def separated(words: Sequence[str], options: Mapping[str, bool]) -> list[str]:
    """The words with the options first, then `--` and the question, as it is parsed without doubt.

    `options` are those of `ask`, each with whether it takes a value.
    """
    start = _end_of_options(words, options)
    question = words[start:]
    is_in_doubt = len(question) > 1 and question[0] != _END and not any(c.isspace() for c in question[0])
    if not is_in_doubt or _are_options(question[1:], options):
        return list(words)
    long = {name: takes_value for name, takes_value in options.items() if name.startswith("--") and name != "--help"}
    end = next(n for n in range(2, len(question) + 1) if _are_options(question[n:], long))
    return [*words[:start], *question[end:], _END, *question[:end]]


def _end_of_options(words: Sequence[str], options: Mapping[str, bool]) -> int:
    """Where the question begins: at the first word that is neither an option nor the value of one."""
    number = 0
    while number < len(words) and words[number].startswith("-") and words[number] not in {_END, _STANDARD_INPUT}:
        number += 2 if options.get(words[number]) else 1
    return number


def _are_options(words: Sequence[str], options: Mapping[str, bool]) -> bool:
    """Whether all words are known options with their values."""
    number = 0
    while number < len(words):
        name, equals, _ = words[number].partition("=")
        if name not in options or (equals and not options[name]):
            return False
        number += 2 if options[name] and not equals else 1
    return number == len(words)  # else the last one lacks its value

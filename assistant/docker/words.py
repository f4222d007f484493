"""A line -> its words, as a shell would split it; whatever a shell would do more than that is refused.

POSIX quoting; no operator, expansion, substitution, glob, comment or escape. Only printable ASCII: what looks like a
blank or a dash and is none would make the line that was read another than the one that runs.
"""

from __future__ import annotations

import re

from assistant.docker.refusal import DockerRefused

MAX_LINE = 512  # characters
MAX_WORDS = 32
_OPERATORS = {
    "|": "pipes",
    ";": "second commands",
    "&": "background jobs or second commands",
    "<": "redirections",
    ">": "redirections",
    "(": "subshells",
    ")": "subshells",
    "\\": "escapes; quote the word instead",
    "~": "home folders",
    "#": "comments",
    "!": "history",
}
_GLOBS = "*?[]"
_SUBSTITUTIONS = "$`"
_BRACES = re.compile(r"\{.*(?:,|\.\.).*\}")  # also where a shell would leave them: its rules for nested ones are odd


def split(line: str) -> list[str]:
    """The words of one line. Raises DockerRefused, with the rule that it breaks."""
    if not line.strip(" "):
        raise DockerRefused("empty", "there is no command")
    if len(line) > MAX_LINE:
        raise DockerRefused("length", f"the line has {len(line):,} characters, at most {MAX_LINE} are read")
    strange = next((c for c in line if not " " <= c <= "~"), None)
    if strange is not None:
        raise DockerRefused(
            "characters", f"U+{ord(strange):04X} is no plain printable character; type the line instead of pasting it"
        )
    words = _scan(line)
    if len(words) > MAX_WORDS:
        raise DockerRefused("length", f"the line has {len(words)} words, at most {MAX_WORDS} are read")
    return words


def _scan(line: str) -> list[str]:
    words: list[str] = []
    word: str | None = None  # None between words: '' is a word
    bare = ""  # what of this word stands outside quotes, for braces
    place = 0
    while place < len(line):
        character = line[place]
        if character == " ":
            if word is not None:
                words.append(_whole(word, bare))
            word, bare = None, ""
            place += 1
        elif character in "'\"":
            text, place = _quoted(line, place)
            word, bare = (word or "") + text, bare + "x"
        else:
            _refuse_shell(line, character)
            word, bare = (word or "") + character, bare + character
            place += 1
    if word is not None:
        words.append(_whole(word, bare))
    return words


def _whole(word: str, bare: str) -> str:
    if _BRACES.search(bare):
        raise DockerRefused("shell", "a shell would expand these braces; put the word in quotes")
    return word


def _quoted(line: str, start: int) -> tuple[str, int]:
    """The text between the quotes that begin at `start`, and where the line goes on."""
    quote, text, place = line[start], "", start + 1
    while place < len(line):
        character = line[place]
        if character == quote:
            return text, place + 1
        if quote == '"':
            if character in "$`!":
                _refuse_shell(line, character)
            if character == "\\" and line[place + 1 : place + 2] in {'"', "\\"}:
                place += 1
                character = line[place]
            elif character == "\\" and line[place + 1 : place + 2] in {"$", "`"}:
                _refuse_shell(line, line[place + 1])
        text += character
        place += 1
    raise DockerRefused("quotes", f"a quote ({quote}) is not closed")


def _refuse_shell(line: str, character: str) -> None:
    """Refuse what means more to a shell than itself, with what to do instead where that is known."""
    if character in _SUBSTITUTIONS:
        if line.startswith("$ "):
            raise DockerRefused("shell", "leave the prompt sign away", line[2:].strip())
        latest = "docker ps -lq" in line
        first = (
            "first docker ps -lq, then the command with that id" if latest else "run the inner command by itself first"
        )
        variable = re.search(r"\$\{?[A-Za-z_]", line)
        raise DockerRefused("shell", "no shell runs here: " + ("write the value itself" if variable else first))
    if character in _GLOBS:
        raise DockerRefused("shell", f"a shell would match files with {character}; put the word in quotes")
    if character == "|":
        raise DockerRefused("shell", "no pipes here", _without_pipe(line))
    if character in _OPERATORS:
        raise DockerRefused("shell", f"no {_OPERATORS[character]} here: one docker command, and nothing else")


def _without_pipe(line: str) -> str | None:
    """`docker ps | grep web` as one command."""
    searched = re.fullmatch(r"(docker (?:ps|container ls)(?: -a)?) *\| *grep +(?:-i +)?([\w.-]+)", line.strip())
    if searched:
        return f"{searched[1]} --filter name={searched[2]}"
    cut = re.fullmatch(r"docker logs ([\w.-]+) *\| *tail(?: +-n)? +-?(\d{1,3})", line.strip())
    return f"docker logs -n {cut[2]} {cut[1]}" if cut else None

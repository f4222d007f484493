"""The arguments of a docker command -> whether their number and their form are right."""

from __future__ import annotations

from corpus.docker.findings import Finding, wrong
from corpus.docker.flags import Reading
from corpus.docker.placeholders import is_marked, is_placeholder
from corpus.docker.values import is_image
from corpus.docker.words import Word

_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
_TAKE_AN_IMAGE = frozenset({"run", "create"})
_RUN_A_COMMAND = frozenset({"run", "create", "exec", "service create", "top"})  # further words are that command's
_IMAGES = {"run": (0,), "create": (0,), "pull": (0,), "push": (0,), "tag": (0, 1), "commit": (1,)}  # of the arguments


def wrong_arguments(reading: Reading) -> Finding | None:
    """What is wrong with what no flag has taken; placeholders among it are noted."""
    if reading.asks_for_help:
        return None
    judged = reading.arguments[:1] if reading.name in _RUN_A_COMMAND else reading.arguments
    reading.blanks += [word for word in judged if is_placeholder(word.text) and not word.is_open]
    return _wrong_number(reading) or _wrong_image(reading) or _wrong_scale(reading)


def _wrong_number(reading: Reading) -> Finding | None:
    least, most = reading.command["arguments"]
    given = len(reading.arguments)
    if any(word.is_many for word in reading.arguments):
        return None
    if given < least:
        number = "an argument" if least == 1 else f"{least} arguments"
        more = "at least " if most != least else ""
        return Finding(f"docker {reading.path} needs {more}{number}", is_incomplete=True)
    if most is None or given <= most or any(is_marked(word.text) for word in reading.arguments):
        return None
    takes = "no arguments" if most == 0 else "one argument" if most == 1 else f"at most {most} arguments"
    return wrong(f"docker {reading.path} takes {takes}: {reading.arguments[most].text} is too many")


def _wrong_image(reading: Reading) -> Finding | None:
    for place in _IMAGES.get(reading.name, ()):
        image = reading.arguments[place] if place < len(reading.arguments) else None
        if image is None or image.is_open or image.is_many or is_placeholder(image.text):
            continue
        if not is_image(image.text):
            lower = image.text.lower()
            right = lower if is_image(lower) else None
            why = "is lower-case" if right else "has another form"
            return wrong(f"the name of an image {why}: {image.text or repr('')}", image, right)
        if reading.name in _TAKE_AN_IMAGE and image.text in _PROTOCOLS:
            reading.warning = reading.warning or _protocol(reading, image)
    return None


def _wrong_scale(reading: Reading) -> Finding | None:
    if reading.name == "service scale":
        for word in reading.arguments:
            name, _, number = word.text.partition("=")
            if not (word.is_open or word.is_many or is_placeholder(word.text) or (name and number.isdigit())):
                return wrong(f"docker {reading.path} takes SERVICE=NUMBER, not {word.text or repr('')}")
    return None


def _protocol(reading: Reading, image: Word) -> Finding:
    """`-p 80:80 udp` takes udp for the image."""
    problem = f"{image.text} is taken for the image; a protocol is a part of the port"
    hint = f"-p PORT:PORT/{image.text} IMAGE"
    last = reading.ports[-1] if reading.ports else None
    if last is None or "/" in last.text or last.end > image.start:
        return Finding(problem, "warn", hint=hint)
    is_last = len(reading.arguments) == 1
    new = f"{last.text}/{image.text}{' IMAGE' if is_last else ''}"
    return Finding(problem, "warn", (last, image), new, hint)

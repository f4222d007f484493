"""Evidence + a model's reply -> Answer text: its sentences as far as the evidence says them, and quotes for the rest.

The text only grows: what has been shown stands, because it was checked before.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from assistant.answer import Citation, Claim, Event, ShownCommand
from assistant.evidence import Evidence
from assistant.grounding import Grounded, Grounding
from assistant.quoting import checked_command, cite, code_block, quoted, shown_commands
from assistant.replies import Kind, Sentence, code_lines

MAX_SENTENCES = 24  # of a reply; a model that goes on and on is not heard to the end
CIRCLES = 3  # sentences said again
HOPELESS = 6  # sentences cut, of a reply of which hardly any was kept


@dataclass(slots=True)
class Reworded:
    """An answer that grows sentence by sentence. `cut` counts the sentences that the evidence does not say."""

    evidence: Sequence[Evidence]
    grounding: Grounding
    base_url: str
    text: str = ""
    claims: list[Claim] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    commands: list[ShownCommand] = field(default_factory=list)
    kept: int = 0
    cut: int = 0
    _numbers: dict[int, int] = field(default_factory=dict)  # of a passage -> of its citation, in order of appearance
    _said: set[int] = field(default_factory=set)  # evidence that a claim fully rests on
    _doubtful: set[int] = field(default_factory=set)  # evidence that a claim in doubt cites
    _quoted: bool = False
    _repeated: int = 0
    _seen: set[str] = field(default_factory=set)
    _last: Kind | None = None
    _waiting: list[tuple[Sentence, Grounded]] = field(default_factory=list)

    def add(self, sentence: Sentence) -> Iterator[Event]:
        """Check one sentence and add it, if the evidence says it and the text does not yet."""
        if sentence.text in self._seen:  # small models go round in circles
            self._repeated += 1
            return
        self._seen.add(sentence.text)
        grounded = self.grounding.check(sentence)
        # A model that has invented something is believed only where nothing is in doubt.
        if grounded.support == "unsupported" or (grounded.support == "weak" and self.cut):
            self.cut += 1 + sum(each.support == "weak" for _, each in self._waiting)
            self._waiting.clear()
            return
        yield from self._release()
        # What is in doubt waits for the next sentence, and so does what announces it ("Run this:").
        if grounded.support == "weak" or sentence.words.endswith(":"):
            self._waiting.append((sentence, grounded))
        else:
            yield from self._keep(sentence, grounded)

    def _release(self) -> Iterator[Event]:
        """Add what waited: the next sentence was not cut."""
        waiting, self._waiting = self._waiting, []
        for sentence, grounded in waiting:
            yield from self._keep(sentence, grounded)

    def _keep(self, sentence: Sentence, grounded: Grounded) -> Iterator[Event]:
        self.kept += 1
        (self._doubtful if grounded.support == "weak" else self._said).update(grounded.evidence)
        numbers = yield from self._cited(grounded)
        self.claims.append(Claim(sentence.text, numbers, grounded.support))
        is_whole = sentence.kind == "code"
        self._name(checked_command(line, is_whole=is_whole) for line in docker_commands(sentence.code))
        yield self._grow(self._piece(sentence, "".join(f"[{n}]" for n in numbers)))

    @property
    def has_heard_enough(self) -> bool:
        """Whether what still comes is not worth waiting for."""
        is_hopeless = self.cut >= HOPELESS and self.cut > 3 * self.kept
        return is_hopeless or self._repeated >= CIRCLES or len(self._seen) >= MAX_SENTENCES

    def complete(self, *, failed: bool) -> Iterator[Event]:
        """Quote what the text leaves out: if something failed or was cut, all evidence that no claim rests on.

        Otherwise what was cited in doubt, for the reader to compare, and the code: a learner is owed the command. A
        model that leaves out the rest may have reasons.
        """
        if not failed:
            self._waiting = [each for each in self._waiting if not each[0].words.endswith(":")]
            yield from self._release()
        missing = [
            item
            for number, item in enumerate(self.evidence, start=1)
            if number not in self._said
            and (failed or self.cut or not self.kept or item.passage.kind == "code" or number in self._doubtful)
        ]
        if not missing or (self.kept and all(item.passage.text in self.text for item in missing)):
            return
        shown = _with_bullets_above(missing, self.evidence) if self.kept else list(self.evidence)
        self._quoted = True
        text, claims, citations = quoted(shown, self.base_url, cited=self._numbers)
        self.claims += claims
        self._name(shown_commands(shown))
        for citation in citations:
            self.citations.append(citation)
            yield Event("citation", citation=citation)
        yield self._grow(self._gap() + text)

    def say(self, sentence: str) -> Event:
        """Add a sentence about the notes as a whole, which no passage says."""
        self.claims.append(Claim(sentence, (), "supported"))
        return self._grow(self._gap() + sentence)

    def notice(self, problem: str | None, model: str) -> str | None:
        """Why some or all of the text is quoted, in a sentence or two; None if the model wrote all of it."""
        if problem:
            if not self._quoted:
                return problem
            return f"{problem} {'What it left out is' if self.kept else 'The notes are'} quoted."
        if self.kept and self.cut:
            what = "A sentence" if self.cut == 1 else f"{self.cut} sentences"
            return (
                f"{what} of the model {model} {'was' if self.cut == 1 else 'were'} left out: the notes do not say so."
            )
        if self.kept:
            return None
        why = "wrote nothing that the notes say" if self.cut else "gave an empty reply"
        return f"The model {model} {why}: the notes are quoted."

    def _cited(self, grounded: Grounded) -> Generator[Event, None, tuple[int, ...]]:
        """Number the passages of a claim; returns the numbers."""
        rests_on = [self.evidence[number - 1] for number in grounded.evidence]
        for item in rests_on:
            if item.number not in self._numbers:
                self._numbers[item.number] = len(self.citations) + 1
                citation = cite(self._numbers[item.number], item.passage, self.base_url)
                self.citations.append(citation)
                yield Event("citation", citation=citation)
        return tuple(self._numbers[item.number] for item in rests_on)

    def _name(self, commands: Iterable[ShownCommand]) -> None:
        """Note the commands that the text shows; the grounding has found them in the notes."""
        known = {command.text for command in self.commands}
        self.commands += [command for command in commands if command.text not in known]

    def _piece(self, sentence: Sentence, marks: str) -> str:
        follows, self._last = self._last, sentence.kind
        if sentence.kind == "code":
            return f"{self._gap()}{code_block(sentence.text, sentence.language)}\n\n{marks}"
        if sentence.kind == "item":
            return f"{chr(10) if follows == 'item' else self._gap()}- {sentence.text} {marks}"
        return f"{' ' if follows == 'prose' and not sentence.opens else self._gap()}{sentence.text} {marks}"

    def _gap(self) -> str:
        return "\n\n" if self.text else ""

    def _grow(self, piece: str) -> Event:
        self.text += piece
        return Event("delta", text=piece)


def docker_commands(code: Iterable[str]) -> list[str]:
    """The docker commands among code spans and the lines of code blocks."""
    lines = (" ".join(line.split()) for line in code_lines("\n".join(code)))
    return [line for line in dict.fromkeys(lines) if line.startswith("docker ")]


def _with_bullets_above(missing: Sequence[Evidence], evidence: Sequence[Evidence]) -> list[Evidence]:
    """The missing evidence, each with the bullets it is indented under."""
    wanted = {item.number for item in missing}
    for item in missing:
        above = [other for other in evidence if other.section == item.section and other.number < item.number]
        depth = item.depth
        for other in reversed(above):
            if other.depth < depth:
                wanted.add(other.number)
                depth = other.depth
    return [item for item in evidence if item.number in wanted]

"""DockerRefused: why a command is not run, as a rule for the log and a sentence for people."""

from __future__ import annotations

from corpus.errors import AskError


class DockerRefused(AskError):
    """A command that is not run. `rule` is stable and for programs; `instead` is the nearest line that is."""

    def __init__(self, rule: str, why: str, instead: str | None = None) -> None:
        super().__init__(f"{why}; try: {instead}" if instead else why)
        self.rule = rule
        self.why = why
        self.instead = instead

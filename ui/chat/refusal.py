"""What a server that has the page besides may say to a question."""

from __future__ import annotations

from corpus.errors import AskError


class Refused(AskError):
    """A question that is not answered now, and may be later."""

"""What all requests share: the service over the notes, the journal, limits, figures. Opened when the server starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

from assistant.journal import Journal
from assistant.settings import Settings
from ui.api.answers import Answers
from ui.api.limits import Limits
from ui.api.problems import Problem
from ui.api.telemetry import Figures
from ui.service import Opened, Service

if TYPE_CHECKING:
    from ui.api.callers import Identity
    from ui.api.webhooks import Intake

RETRY_SECONDS = 2
# Where the notes are on this machine is nobody's business.
CLOSED = "The notes cannot be read or indexed now. The log of the service says why."


@dataclass(frozen=True, slots=True)
class Shared:
    """One per process. `public_url` is where others reach this server; `leads_here`: citations lead to it."""

    settings: Settings
    service: Service
    journal: Journal
    answers: Answers
    limits: Limits
    figures: Figures
    identity: Identity
    public_url: str
    leads_here: bool
    intake: Intake | None = None  # where deliveries of a forum go


async def shared(request: Request) -> Shared:  # async: else each would be called in a thread
    """What belongs to the app of a request (a dependency)."""
    found = request.app.state.shared
    assert isinstance(found, Shared)  # noqa: S101  # create_app puts it there
    return found


async def opened(request: Request) -> Opened:
    """The notes, ready to be asked (a dependency); a problem with 503 while the first index is being built."""
    return opened_notes(await shared(request))


def opened_notes(here: Shared) -> Opened:
    """The notes, ready to be asked. Raises Problem with 503."""
    service = here.service
    if service.opened is None:
        detail = CLOSED if service.problem else "The index of the notes is being built. Ask again in a moment."
        raise Problem(503, detail, {"Retry-After": str(RETRY_SECONDS)})
    return service.opened

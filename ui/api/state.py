"""What all requests share: the service over the notes, and the journal. Opened when the server starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

from assistant.journal import Journal
from assistant.settings import Settings
from ui.api.problems import Problem
from ui.service import Opened, Service

if TYPE_CHECKING:
    from ui.api.webhooks import Intake

RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Shared:
    """One per process."""

    settings: Settings
    service: Service
    journal: Journal
    intake: Intake | None = None  # where deliveries of a forum go


def shared(request: Request) -> Shared:
    """What belongs to the app of a request (a dependency)."""
    found = request.app.state.shared
    assert isinstance(found, Shared)  # noqa: S101  # create_app puts it there
    return found


def opened(request: Request) -> Opened:
    """The notes, ready to be asked (a dependency); a problem with 503 while the first index is being built."""
    service = shared(request).service
    if service.opened is None:
        detail = service.problem or "The index of the notes is being built. Ask again in a moment."
        raise Problem(503, detail, {"Retry-After": str(RETRY_SECONDS)})
    return service.opened

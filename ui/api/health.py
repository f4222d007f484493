"""Whether the process lives, and whether it can answer."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from ui.api.state import Shared, shared

router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(response: Response, here: Annotated[Shared, Depends(shared)]) -> dict[str, Any]:
    """Whether questions can be answered, and if not why."""
    service = here.service
    reasons = [service.problem] if service.problem else []
    if service.opened is None and not reasons:
        stage = service.stage
        reasons.append(f"the index is being built ({stage.name} {stage.done}/{stage.total})")
    response.status_code = 200 if service.opened is not None else 503
    return {"ready": service.opened is not None, "reasons": reasons}

"""Whether the process lives, whether it can answer, and its figures for Prometheus."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from ui.api.state import CLOSED, Shared, shared

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Not yet: `reasons` says why."}})
async def ready(response: Response, here: Annotated[Shared, Depends(shared)]) -> dict[str, Any]:
    """Whether questions can be answered, and if not why."""
    service = here.service
    reasons = [CLOSED] if service.problem else []
    if service.opened is None and not reasons:
        stage = service.stage
        reasons.append(f"the index is being built ({stage.name} {stage.done}/{stage.total})")
    response.status_code = 200 if service.opened is not None else 503
    return {"ready": service.opened is not None, "reasons": reasons}


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(here: Annotated[Shared, Depends(shared)]) -> Response:
    """Figures in the text format of Prometheus."""
    here.figures.under_way.set(here.answers.under_way)
    text, media_type = here.figures.text()
    return Response(text, media_type=media_type)

"""DockerTool: what a surface allows, asked before each run, and noted after it.

tool = DockerTool(tiers=frozenset({"list"}))
run = tool.run("docker ps -a")
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assistant.answer import ToolRun
from assistant.docker.audit import AuditLog
from assistant.docker.endpoint import EngineUnavailable, find_engine
from assistant.docker.plan import Plan, plan_text, plan_words
from assistant.docker.policy import TIERS, Tier
from assistant.docker.refusal import DockerRefused
from assistant.docker.run import find_program, run_plan
from corpus.errors import AskError

A_MINUTE = 60.0
_HOW_TO_ALLOW = {
    "list": "it lists what there is on this machine, which is not allowed here",
    "detail": "it shows settings and processes, which is not allowed here",
    "content": "it shows what programs have written, which has to be allowed by name (--docker-logs)",
}

Confirm = Callable[[Plan], bool]


@dataclass(slots=True)
class DockerTool:
    """The read-only tool with what one surface allows of it; nothing by default.

    `confirm` is asked before a command that a model has proposed and that does more than list. A user may run
    `per_minute` commands a minute. Safe to use from several threads.
    """

    tiers: frozenset[Tier] = frozenset()
    engine: str | None = None  # address of the socket; default: found on this machine
    surface: str = "library"
    audit: AuditLog | None = None
    confirm: Confirm | None = None
    per_minute: int = 30
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, command: str | Sequence[str], *, proposed_by: str = "person", user: str = "") -> ToolRun:
        """Run a line or words if they are allowed; a refusal is a ToolRun too. Raises EngineUnavailable."""
        request = command if isinstance(command, str) else " ".join(command)
        plan = None
        try:
            plan = plan_text(command) if isinstance(command, str) else plan_words(command)
            self._allow(plan, proposed_by, user)
            run = run_plan(plan, find_engine(self.engine), find_program())
        except DockerRefused as error:
            run = _refusal(plan.argv if plan else (), error)
        except EngineUnavailable as error:
            self._note(_refusal(plan.argv if plan else (), error), plan, user, proposed_by, request)
            raise
        self._note(run, plan, user, proposed_by, request)
        return run

    def _note(self, run: ToolRun, plan: Plan | None, user: str, proposed_by: str, request: str) -> None:
        if self.audit is not None:
            tier = plan.tier if plan else None
            self.audit.add(run, surface=self.surface, user=user, proposed_by=proposed_by, request=request, tier=tier)

    def containers(self, *, user: str = "") -> list[str]:
        """The names of all containers of this machine. Raises EngineUnavailable, and DockerRefused if not allowed."""
        run = self.run(["docker", "ps", "--all", "--format", "{{.Names}}"], proposed_by="names", user=user)
        if not run.allowed:
            raise DockerRefused("tier", run.reason or "")
        if run.exit_code != 0:
            raise EngineUnavailable(f"The Docker engine does not answer: {run.stderr.strip()[:300]}")
        return [name for line in run.stdout.split() for name in line.split(",")]

    def _allow(self, plan: Plan, proposed_by: str, user: str) -> None:
        if plan.tier not in self.tiers:
            raise DockerRefused("tier", f"docker {' '.join(plan.command)} is not run: {_HOW_TO_ALLOW[plan.tier]}")
        with self._lock:
            recent = self._recent.setdefault(user, deque())
            now = time.monotonic()
            while recent and recent[0] < now - A_MINUTE:
                recent.popleft()
            if len(recent) >= self.per_minute:
                raise DockerRefused("rate", f"at most {self.per_minute} commands a minute are run; wait a little")
            recent.append(now)
        by_model = proposed_by not in {"person", "names"}
        if by_model and plan.tier != "list" and not (self.confirm is not None and self.confirm(plan)):
            raise DockerRefused("consent", f"docker {' '.join(plan.command)} was proposed by a model and not agreed to")


def _refusal(argv: Sequence[str], error: AskError) -> ToolRun:
    return ToolRun(argv=tuple(argv), allowed=False, reason=str(error))


def audit_log(home: Path) -> AuditLog:
    """The log in the folder of what this program keeps for its user."""
    return AuditLog(home / "docker-audit.jsonl")


def allowed_tiers(setting: str) -> frozenset[Tier]:
    """What the setting `docker` allows: nothing (off), lists and details (on), or logs as well."""
    allowed: dict[str, tuple[Tier, ...]] = {"off": (), "on": ("list", "detail"), "logs": TIERS}
    return frozenset(allowed[setting])

"""What was run and what was refused, one JSON object a line; never the output itself, never a value of a variable."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assistant.answer import ToolRun
from assistant.docker.redaction import clean, redact_text

MAX_BYTES = 1_000_000  # then the file is kept once as .1, and a new one begins
MAX_REQUEST = 512


@dataclass(frozen=True, slots=True)
class AuditLog:
    """A file that only its owner can read. That it cannot be written stops no question."""

    path: Path

    def add(self, run: ToolRun, *, surface: str, user: str, proposed_by: str, request: str, tier: str | None) -> None:
        """Note one run or refusal."""
        row = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "surface": surface,
            "user": user,
            "proposed_by": proposed_by,
            "request": redact_text(clean(request.encode("utf-8", "replace")))[0][:MAX_REQUEST],
            "allowed": run.allowed,
            "reason": run.reason,
            "argv": [redact_text(word).value for word in run.argv],
            "tier": tier,
            "engine": run.engine,
            "exit_code": run.exit_code,
            "duration_ms": run.duration_ms,
            "bytes": len(run.stdout.encode("utf-8", "replace")) + len(run.stderr.encode("utf-8", "replace")),
            "truncated": run.truncated,
            "redactions": run.redactions,
            "sha256": hashlib.sha256(run.stdout.encode("utf-8", "replace")).hexdigest(),
        }
        try:
            self._write(json.dumps(row, ensure_ascii=True) + "\n")
        except OSError:
            return

    def _write(self, line: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > MAX_BYTES:
            self.path.replace(self.path.with_name(self.path.name + ".1"))
        with os.fdopen(
            os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="ascii"
        ) as file:
            file.write(line)

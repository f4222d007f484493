"""The progress of a build on a terminal, and its report in words."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from index.build import BuildReport

STAGES = {
    "waiting": "Waiting for another build",
    "reading": "Reading the notes",
    "encoding": "Encoding the notes",
    "storing": "Storing the index",
    "asking": "Asking",
}


class BuildProgress:
    """A bar on standard error where that is a terminal, one line a stage where it is not, nothing if quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._said: set[str] = set()

    def __enter__(self) -> BuildProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is; a total of 0 is not known yet."""
        if self._quiet:
            return
        try:
            if sys.stderr.isatty():
                self._show(stage, done, total)
            elif stage not in self._said:
                self._said.add(stage)
                print(f"{STAGES[stage]} ...", file=sys.stderr, flush=True)  # noqa: T201  # progress is for the user
        except BrokenPipeError:  # nobody reads it any more, as after `2>&1 | head`: the build goes on
            self._quiet = True

    def _show(self, stage: str, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=False)
            self._bar.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(STAGES[stage], total=total or None)
        self._bar.update(self._tasks[stage], completed=done, total=total or None)


def describe(report: BuildReport) -> dict[str, Any]:
    """A build report as JSON, with a summary in one sentence."""
    from dataclasses import asdict

    if report.up_to_date:
        summary = f"Nothing has changed: {report.indexed} notes, {report.passages} passages."
    else:
        summary = (
            f"Indexed {report.indexed} notes, {report.passages} passages: {report.encoded} encoded, "
            f"{report.unchanged} unchanged, {report.removed} removed, in {report.seconds:.1f} s."
        )
    if report.skipped:
        files = "file was" if len(report.skipped) == 1 else "files were"
        summary += f" {len(report.skipped)} {files} skipped."
    return {"summary": summary, **asdict(report)}

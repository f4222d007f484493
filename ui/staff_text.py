"""Gaps, thumbs down and replies -> the words that staff read, on a terminal and on the page."""

from __future__ import annotations

from assistant.gaps import REASONS, Disliked, Gap, Report
from assistant.recheck import Reply

NO_SECTION = "no section is near"
MAX_TEXT = 500  # characters of what a reader has written
_SHARES = {"answered": "answered", "partial": "in part", "unfinished": "unfinished", "not_covered": "not covered"}


def summary(report: Report) -> str:
    """All that was asked in one line."""
    asked = f"{report.asked} question{'s' if report.asked != 1 else ''} asked"
    shares = ", ".join(f"{report.share(report.outcomes.get(o, 0)):.0%} {word}" for o, word in _SHARES.items())
    down = f"{report.disliked} thumb{'s' if report.disliked != 1 else ''} down"
    return f"{asked}: {shares}; {down} ({report.share(report.disliked):.0%})"


def place_name(gap: Gap) -> str:
    """The section of a gap."""
    return " > ".join(gap.heading) or gap.document or NO_SECTION


def reasons(gap: Gap) -> str:
    """Why it is one, counted."""
    missed = [f"{times} x {REASONS[outcome]}" for outcome, times in gap.outcomes.items()]
    return ", ".join([*missed, *([f"{gap.disliked} x thumbs down"] if gap.disliked else [])])


def asked_times(times: int) -> str:
    """How often a question was asked, where that was more than once."""
    return f" ({times} times)" if times > 1 else ""


def disliked_line(dislike: Disliked) -> str:
    """A thumb down on one line."""
    return f"thumbs down {dislike.when:%Y-%m-%d}: {words_of(dislike) or 'no reason given'}"


def words_of(dislike: Disliked) -> str:
    """What a reader has said with a thumb down, on one line; of a long text the beginning."""
    said = ": ".join(" ".join(part.split()) for part in (dislike.reason, dislike.text) if part.strip())
    return said if len(said) <= MAX_TEXT else f"{said[: MAX_TEXT - 1]}\u2026"


def reply_place(reply: Reply) -> str:
    """Where a reply of the bot stands."""
    return f"topic {reply.topic}, post {reply.post} ({reply.source})"

"""What course staff should know -> one page, without any script. All texts are what readers wrote: none of it acts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from assistant.answer import Citation
from assistant.gaps import Disliked, Gap, Report, shown
from assistant.inbox import Job
from assistant.recheck import Rechecked
from ui.addresses import answer_url, section_url
from ui.api.pages import page
from ui.rendering import heading, place, printable
from ui.staff_text import asked_times, place_name, reasons, reply_place, words_of

MAX_SECTIONS = 20
MAX_REPLY = 3_000  # characters
OUTCOMES = {
    "answered": "Answered",
    "partial": "Answered in part",
    "unfinished": "Nothing is written there yet",
    "not_covered": "Not in the notes",
    "tool": "From this machine",
    "refused": "Not done",
}
STANDINGS = {
    "moved": "has moved to line {line}",
    "changed": "reads otherwise now",
    "gone": "its file is gone",
    "written": "was empty, and is written now",
}


@dataclass(frozen=True, slots=True)
class Board:
    """All that the page shows; `documents` are the notes that there are.

    Each reply that waits comes with the token of its buttons.
    """

    report: Report
    documents: frozenset[str]
    changed: Sequence[Rechecked]
    changed_count: int
    waiting: Sequence[tuple[Job, str]]
    waiting_count: int


def staff_page(board: Board, periods: Sequence[str], period: str, public_url: str) -> str:
    """The page for one of the periods."""
    write = _Writer(public_url, board.documents)
    links = "".join(_period(each, is_current=each == period) for each in periods)
    body = (
        "<h1>For course staff</h1>"
        f'<nav aria-label="Period"><ul class="periods">{links}</ul></nav>'
        + _section("summary", "Summary", _summary(board.report))
        + _section("gaps", "What to write next", write.gaps(board.report.gaps))
        + _section("dislikes", "Thumbs down", write.dislikes(board.report.latest, board.report.disliked))
        + _section("changed", "Answers whose lines have changed", write.changed(board.changed, board.changed_count))
        + _section("waiting", "Replies that wait for you", write.waiting(board.waiting, board.waiting_count))
        + '<p class="small">Days are those of UTC. Who asked is not shown.</p>'
    )
    return page("For course staff", body)


def refused_page(detail: str, *, needs_key: bool = True) -> str:
    """The page for whoever has no key that is good, or has pressed what cannot be done any more."""
    how = '<a href="/staff#waiting">To the replies that wait</a>'
    if needs_key:
        how = (
            "The name may be anything, the password is the key: <code>ask keys add --scope staff NAME</code> makes "
            "one. A browser that goes on sending another key forgets it when it is closed."
        )
    return page("For course staff", f"<h1>For course staff</h1><p>{_text(detail)}</p><p>{how}</p>")


def _period(name: str, *, is_current: bool) -> str:
    words = "All" if name == "all" else f"{name} days"
    current = ' aria-current="page"' if is_current else ""
    return f'<li><a href="?days={name}"{current}>{words}</a></li>'


def _section(anchor: str, title: str, body: str) -> str:
    return f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{title}</h2>{body}</section>'


def _summary(report: Report) -> str:
    if not report.asked:
        return _empty("Nothing was asked in this time. How many questions were asked and how they ended stands here.")
    rows = "".join(
        _row(words, report.outcomes.get(outcome, 0), report)
        for outcome, words in OUTCOMES.items()
        if outcome in report.outcomes or outcome not in {"tool", "refused"}
    )
    head = (
        '<thead><tr><th scope="col">Questions</th><th scope="col">How many</th><th scope="col">Share</th></tr></thead>'
    )
    all_of_them = _row("Asked in all", report.asked, report)
    return f"<table>{head}<tbody>{all_of_them}{rows}{_row('Thumbs down', report.disliked, report)}</tbody></table>"


def _row(words: str, times: int, report: Report) -> str:
    share = f"{report.share(times):.0%}"
    return f'<tr><th scope="row">{words}</th><td class="figure">{times}</td><td class="figure">{share}</td></tr>'


@dataclass(frozen=True, slots=True)
class _Writer:
    """The sections, with links to what can be opened."""

    public_url: str
    documents: frozenset[str]

    def gaps(self, gaps: Sequence[Gap]) -> str:
        """The sections to write, the biggest gap first."""
        if not gaps:
            return _empty("All that was asked was answered. The sections that were asked for in vain stand here.")
        return f'<ol class="plain">{"".join(map(self._gap, gaps[:MAX_SECTIONS]))}</ol>' + _more(
            len(gaps) - MAX_SECTIONS, "ask gaps --limit 100"
        )

    def _gap(self, gap: Gap) -> str:
        name = _text(place_name(gap)) if gap.place is not None else "No section is near"
        title = self._section_link(gap.place, name) if gap.place is not None else name
        document = f' <span class="small">{_text(gap.document)}</span>' if gap.document else ""
        examples = "".join(
            f"<li>{_text(each.question)}<span class='small'>{asked_times(each.times)}</span></li>"
            for each in gap.examples
        )
        return (
            f"<li><h3>{title}{document}</h3><p>{_text(reasons(gap))}</p>"
            + (f"<ul>{examples}</ul>" if examples else "")
            + "</li>"
        )

    def dislikes(self, dislikes: Sequence[Disliked], count: int) -> str:
        """The latest thumbs down."""
        if not dislikes:
            return _empty("No thumb is down in this time. What readers did not like, and why, stands here.")
        return f'<ul class="plain">{"".join(map(self._dislike, dislikes))}</ul>' + _more(
            count - len(dislikes), "ask gaps --json"
        )

    def _dislike(self, dislike: Disliked) -> str:
        question = self._answer_link(dislike.answer, dislike.question, has_page=dislike.has_page)
        where = f", {self._section_link(dislike.place, _text(heading(dislike.place)))}" if dislike.place else ""
        said = words_of(dislike)
        return (
            f'<li>{question} <span class="small">{dislike.when:%Y-%m-%d}{where}</span>'
            f"<p>{_text(said) if said else '<em>no reason given</em>'}</p></li>"
        )

    def changed(self, changed: Sequence[Rechecked], count: int) -> str:
        """The answers that are out of date."""
        if not changed:
            return _empty(
                "All cited lines stand as they were cited. Answers whose lines change stand here, "
                "first those that are posted in a forum."
            )
        rows = "".join(map(self._changed, changed))
        return f'<ul class="plain">{rows}</ul>' + _more(count - len(changed), f"ask recheck --limit {count}")

    def _changed(self, changed: Rechecked) -> str:
        given, citation = changed.given, changed.citation
        question = self._answer_link(given.answer, given.question, has_page=given.has_page)
        where = self._section_link(citation, _text(heading(citation)))
        stands = "".join(
            f'<p class="outcome">Posted in the forum: {_text(reply_place(reply))}</p>' for reply in changed.replies
        )
        now = STANDINGS[changed.standing].format(line=changed.line)
        return (
            f"<li>{question}<span class='small'>{asked_times(given.times)}</span>{stands}"
            f'<p>{where} <span class="small">{_text(place(citation))}</span> {now}.</p></li>'
        )

    def waiting(self, jobs: Sequence[tuple[Job, str]], count: int) -> str:
        """The bot's replies that staff have to let through."""
        if not jobs:
            return _empty("No reply waits. With ASK_BOT_REVIEW=true each reply of the bot stands here first.")
        return f'<ul class="plain">{"".join(self._waiting(job, token) for job, token in jobs)}</ul>' + _more(
            count - len(jobs), "ask bot --list"
        )

    def _waiting(self, job: Job, token: str) -> str:
        about = _text(shown(job.question)) or "no words"
        buttons = "".join(
            f'<button name="decision" value="{value}" aria-label="{words}: {about}">{words}</button> '
            for value, words in (("post", "Post it"), ("reject", "Do not post it"))
        )
        where = f"topic {job.topic}, post {job.post} ({job.source})"
        return (
            f"<li>{self._answer_link(job.answer, job.question, has_page=bool(job.answer))} "
            f'<span class="small">{_text(where)}</span>'
            f"<details><summary>The reply</summary><pre>{_text(_cut(job.reply))}</pre></details>"
            f'<form method="post" action="/staff/replies/{job.id}">'
            f'<input type="hidden" name="token" value="{token}">{buttons}</form></li>'
        )

    def _answer_link(self, answer: str, question: str, *, has_page: bool) -> str:
        words = _text(shown(question)) or "(no words)"
        return f'<a href="{_text(answer_url(self.public_url, answer))}">{words}</a>' if has_page else words

    def _section_link(self, citation: Citation, html: str) -> str:
        """A section as a link, if there is such a note: an answer may be about others."""
        if citation.note not in self.documents:
            return html
        return f'<a href="{_text(section_url(self.public_url, citation))}">{html}</a>'


def _empty(words: str) -> str:
    return f'<p class="small">{words}</p>'


def _more(count: int, command: str) -> str:
    return f'<p class="small">{count} more: <code>{command}</code></p>' if count > 0 else ""


def _cut(text: str) -> str:
    return text if len(text) <= MAX_REPLY else f"{text[: MAX_REPLY - 1]}\u2026"


def _text(words: str) -> str:
    return escape(printable(words))

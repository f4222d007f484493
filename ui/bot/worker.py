"""The bot at work: takes a post out of the queue, decides, answers, replies. It may be killed at any moment.

What it has done is noted after it is done, so the last step of a killed worker may be done again. For a reply that
would be one too many: before each reply the topic is read again, and a reply of ours that names the post as the one
it answers ends the job.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from assistant.answer import Answer, Turn
from assistant.inbox import MAX_ATTEMPTS, Inbox, Job, LeaseLost, retry_seconds
from assistant.journal import Journal, new_id
from assistant.settings import Settings
from corpus.errors import AskError, JournalProblem
from ui.bot.connector import Connector, ForumBusy, ForumRefused, Post, Topic
from ui.bot.reply import replied_to, write_reply
from ui.bot.rules import Decision, Policy, decide

POLL_SECONDS = 0.2
HELD_SECONDS = 600.0  # between two looks whether staff have let a reply through
HELD_LONGEST = timedelta(days=30)  # whoever has said no to a reply does not tell the bot
SURE = frozenset({"answered", "partial"})
FLAG = "A question that the course notes do not answer."

log = logging.getLogger("ask.bot")

Answering = Callable[[str, Sequence[Turn]], Answer]


@dataclass(frozen=True)
class Bot:
    """One worker. Any number of them may work on one queue, in any number of processes."""

    settings: Settings
    inbox: Inbox
    journal: Journal
    connector: Connector
    answer: Answering
    id: str = field(default_factory=new_id)

    @property
    def policy(self) -> Policy:
        """What the settings say on who is answered."""
        settings = self.settings
        return Policy(
            settings.bot_user,
            frozenset(settings.bot_categories),
            frozenset(name.casefold() for name in settings.bot_ignore),
            settings.bot_per_topic,
        )

    def step(self) -> bool:
        """Work on one job; False if there is none to work on now. Raises JournalProblem."""
        if self._is_too_early():
            return False
        job = self.inbox.claim(self.id, self.settings.bot_lease)
        if job is None:
            return False
        try:
            with self._kept(job):
                job = self._work(job)
            log.info("job %s of post %s: %s %s", job.id, job.post, job.state, job.reason)
        except LeaseLost:
            log.warning("job %s was not renewed within ASK_BOT_LEASE, and another worker has it", job.id)
        return True

    def sweep(self) -> int:
        """Add the posts that no delivery told of; how many. Raises ForumBusy, ForumRefused, JournalProblem."""
        since = self.inbox.since(self.connector.source)
        return sum(self.inbox.add(post) for post in self.connector.recent(since))

    def _is_too_early(self) -> bool:
        last = self.inbox.last_reply(self.connector.source) if self.settings.bot_interval else None
        return last is not None and (datetime.now(UTC) - last).total_seconds() < self.settings.bot_interval

    @contextmanager
    def _kept(self, job: Job) -> Iterator[None]:
        """Renew the lease while the work goes on: nobody knows before how long an answer takes."""
        is_over = threading.Event()

        def renew() -> None:
            while not is_over.wait(self.settings.bot_lease / 3):
                try:
                    self.inbox.renew(job, self.id, self.settings.bot_lease)
                except LeaseLost:  # it is finished, or the worker is told so by its next step
                    return
                except JournalProblem as error:
                    log.warning("%s", error)

        keeper = threading.Thread(target=renew, daemon=True)
        keeper.start()
        try:
            yield
        finally:
            is_over.set()
            keeper.join()

    def _work(self, job: Job) -> Job:
        if job.attempts > MAX_ATTEMPTS:
            return self.inbox.finish(job, self.id, "failed", f"tried {MAX_ATTEMPTS} times: {job.reason}")
        try:
            return self._go_on(job)
        except ForumBusy as error:
            wait = error.seconds if error.seconds is not None else retry_seconds(job.attempts)
            return self.inbox.later(job, self.id, wait, str(error))
        except ForumRefused as error:
            return self.inbox.finish(job, self.id, "failed", str(error))
        except AskError as error:  # the index is being built, the model does not answer
            return self.inbox.later(job, self.id, retry_seconds(job.attempts), str(error))
        except LeaseLost:
            raise
        except Exception as error:
            log.exception("job %s", job.id)
            return self.inbox.later(job, self.id, retry_seconds(job.attempts), f"a mistake: {type(error).__name__}")

    def _go_on(self, job: Job) -> Job:
        if job.state in {"received", "answering"}:
            topic, post, ended = self._look(job)
            if ended is not None or topic is None or post is None:
                return ended or job
            decision = decide(post, topic, self.policy, self._held(job, topic))
            if decision.skip:
                return self.inbox.finish(job, self.id, "skipped", decision.skip)
            job = self._prepare(job, post, decision)
            if job.state != "posting":
                return job
        topic, post, ended = self._look(job)
        if ended is not None or topic is None or post is None:
            return ended or job
        if job.state == "held":
            if datetime.now(UTC) - job.created > HELD_LONGEST:
                why = f"the forum's staff have not let it through in {HELD_LONGEST.days} days"
                return self.inbox.finish(job, self.id, "skipped", why)
            return self.inbox.hold(job, self.id, HELD_SECONDS, job.reason)
        skip = decide(post, topic, self.policy, self._held(job, topic)).skip
        if skip:
            return self.inbox.finish(job, self.id, "skipped", skip)
        self.inbox.renew(job, self.id, self.settings.bot_lease)
        posted = self.connector.reply(topic, post, job.reply)
        if posted.is_held:
            return self.inbox.hold(job, self.id, HELD_SECONDS, "the forum shows it when its staff approve it")
        return self.inbox.finish(job, self.id, "done", reply_post=posted.post)

    def _held(self, job: Job, topic: Topic) -> int:
        """How many other replies of ours the forum holds back in the topic: they count as those that stand there."""
        shown = {replied_to(each.text) for each in topic.posts}
        return len(self.inbox.held_posts(job.source, job.topic) - shown - {job.post})

    def _look(self, job: Job) -> tuple[Topic | None, Post | None, Job | None]:
        """The topic and the post as they are now; the ended job if there is nothing to do any more."""
        topic = self.connector.topic(job.topic)
        if topic is not None:
            me = self.settings.bot_user.casefold()
            for each in topic.posts:
                if each.author.casefold() == me and replied_to(each.text) == job.post:
                    return topic, None, self.inbox.finish(job, self.id, "done", reply_post=each.id)
        post = topic.post(job.post) if topic is not None else None
        if post is None:
            return topic, None, self.inbox.finish(job, self.id, "skipped", "the post is gone, or private")
        return topic, post, None

    def _prepare(self, job: Job, post: Post, decision: Decision) -> Job:
        """Answer, and note the reply. The job that comes back is ours still only if it is `posting`."""
        question = decision.question[: self.settings.max_question]
        job = self.inbox.advance(job, self.id, "answering", question=question)
        answer = self.answer(question, self._history(decision.follows))
        self.journal.keep_answer(answer, is_counted=not job.answer)  # one post asks once, however often it is tried
        job = self.inbox.advance(job, self.id, "answering", answer=answer.id)
        unsure = self.settings.bot_when_unsure if answer.outcome not in SURE else None
        if unsure == "flag_staff":
            self.connector.flag(post, FLAG)
        if unsure in {"silent", "flag_staff"}:
            told = ", and staff were told" if unsure == "flag_staff" else ""
            return self.inbox.finish(job, self.id, "skipped", f"{answer.outcome}{told}", answer=answer.id)
        reply = write_reply(answer, job.post, self.settings.public_url)
        if self.settings.bot_review:
            return self.inbox.finish(job, self.id, "review", answer=answer.id, reply=reply)
        return self.inbox.advance(job, self.id, "posting", answer=answer.id, reply=reply)

    def _history(self, follows: str | None) -> list[Turn]:
        """What was asked and answered before, if the post replies to a reply of ours."""
        before = self.inbox.replied_with(self.connector.source, follows) if follows is not None else None
        answer = self.journal.answer(before.answer) if before is not None else None
        if before is None or answer is None:
            return []
        return [Turn("user", before.question), Turn("assistant", answer.text)]


def run(bot: Bot, stop: threading.Event, *, is_ready: Callable[[], bool] = lambda: True) -> None:
    """Work until told to stop. Nothing that goes wrong ends it: it is noted, and tried again."""
    next_sweep = time.monotonic()
    while not stop.is_set():
        is_worked = False
        try:
            if time.monotonic() >= next_sweep:
                next_sweep = time.monotonic() + bot.settings.bot_sweep
                bot.sweep()
            is_worked = is_ready() and bot.step()
        except (AskError, ForumBusy, ForumRefused) as error:
            log.warning("%s", error)
        except Exception:
            log.exception("the bot goes on")
        if not is_worked:
            stop.wait(POLL_SECONDS)

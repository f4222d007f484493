"""The chat page: from question to first words and to the whole answer in a browser, beside `ask` in a warm process;
and the memory of its server with 1 and with 20 sessions. Prints JSON.

python tests/bench/chat.py [--questions N] [--sessions N]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from assistant.chain import open_assistant, packaged_course
from index.location import ask_home

ROOT = Path(__file__).parents[2]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# The times are taken in the page, at each change of it: a driver outside looks only now and then.
WATCH = """question => new Promise(done => {
  const answers = () => document.querySelectorAll('[data-testid="stChatMessage"]');
  const before = answers().length, started = performance.now();
  let first = null;
  const look = () => {
    const last = [...answers()].at(-1);
    if (answers().length < before + 2 || !last) return;
    if (first === null && last.querySelector('li, p:not(:has([data-testid="stIconMaterial"]))'))
      first = performance.now() - started;
    if (last.querySelector('[data-testid="stFeedback"]')) {
      watcher.disconnect();
      done([first ?? performance.now() - started, performance.now() - started]);
    }
  };
  const watcher = new MutationObserver(look);
  watcher.observe(document.body, {childList: true, subtree: true, characterData: true});
  const box = document.querySelector('[data-testid="stChatInputTextArea"]');
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(box, question);
  box.dispatchEvent(new Event('input', {bubbles: true}));
  requestAnimationFrame(() => box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true})));
})"""


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, int]]:
    """`ask ui` over the packaged course: its address and the number of its process."""
    environment = {**os.environ, "ASK_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "from ui.cli import main; main()", "ui", "--no-browser", "--port", "0"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        found = re.search(r"http://\S+", process.stderr.readline())
        assert found
        try:
            yield found[0], process.pid
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)


def resident_mb(process: int) -> float:
    """The memory of a process that is in use now."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1000


def opened(browser: Browser, address: str) -> Page:
    """A session of its own, ready to be asked."""
    page = browser.new_context().new_page()
    page.goto(address)
    page.get_by_text("To begin with").wait_for(timeout=120_000)
    return page


def begun(browser: Browser, address: str, question: str) -> tuple[list[float], list[float]]:
    """The times of a question that begins a conversation, in a page that is closed then: open ones slow the browser."""
    page = opened(browser, address)
    times = timed(page, [question])
    page.context.close()
    return times


def timed(page: Page, questions: list[str]) -> tuple[list[float], list[float]]:
    """Milliseconds to the first words and to the whole answer, of each question."""
    first, whole = [], []
    for question in questions:
        page.wait_for_selector('[data-testid="stChatInputTextArea"]:not([disabled])')
        page.wait_for_timeout(400)
        times = page.evaluate(WATCH, question)
        first.append(times[0])
        whole.append(times[1])
    return first, whole


def read_questions(count: int) -> list[str]:
    """Questions about the packaged course, none of them twice: a repeat would be remembered."""
    outline = [
        s for s in open_assistant(packaged_course()).index.outline if s.state == "written" and len(s.heading) > 1
    ]
    return [f"What should I know about {section.heading[-1]}?" for section in outline][:count]


def warm_ask(questions: list[str]) -> float:
    """The median milliseconds of `Assistant.ask` in this process."""
    assistant = open_assistant(packaged_course())
    assistant.ask("what wakes it up")
    times = []
    for question in questions:
        started = time.perf_counter()
        assistant.ask(question)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=20)
    options = parser.parse_args()
    questions = read_questions(options.questions)
    with TemporaryDirectory(prefix="ask-bench-chat-") as scratch, sync_playwright() as playwright:
        home = Path(scratch)
        if (ask_home() / "encoders").is_dir():
            (home / "encoders").symlink_to(ask_home() / "encoders")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with serving(home) as (address, process):
            started = time.perf_counter()
            page = opened(browser, address)
            first_start = time.perf_counter() - started
            alone = resident_mb(process)
            first, whole = zip(*(begun(browser, address, question) for question in questions), strict=True)
            again_first, again_whole = timed(page, questions[:1] * 6)
            asked = resident_mb(process)
            pages = [opened(browser, address) for _ in range(options.sessions - 1)]
            for number, each in enumerate(pages):
                timed(each, [questions[number % len(questions)]])
            many = resident_mb(process)
        browser.close()
    report = {
        "questions": len(questions),
        "first start to a page that can be asked, s": round(first_start, 1),
        "ask, warm process, ms": round(warm_ask(questions), 1),
        "page, first words, ms": round(statistics.median(t for times in first for t in times), 1),
        "page, whole answer, ms": round(statistics.median(t for times in whole for t in times), 1),
        "page, repeat, first words, ms": round(statistics.median(again_first[1:]), 1),
        "page, repeat, whole answer, ms": round(statistics.median(again_whole[1:]), 1),
        "memory with 1 session, before a question, MB": round(alone),
        "memory after all questions were asked, MB": round(asked),
        f"memory with {options.sessions} sessions, each with an answer, MB": round(many),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

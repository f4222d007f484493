from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from assistant.docker.order import may_be_an_order
from assistant.docker.plan import plan_line
from assistant.docker.refusal import DockerRefused
from assistant.docker.requests import MAX_QUESTION, Change, Look, may_be_a_look, read_request

ROOT = Path(__file__).parents[3]
SUBJECTS = ROOT / "tests" / "bench" / "coverage" / "subjects"
NAMES = ["web", "echo-server", "job1", "looping", "killed-worker", "db", "cache", "api", "back"]


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


ROWS = _rows(Path(__file__).parent / "requests.jsonl")
LOOKS = [row for row in ROWS if row["kind"] == "tool"]
NOTES = [row for row in ROWS if row["kind"] == "single"]
CHANGES = [row for row in ROWS if row["kind"] == "adversarial"]
KNOWN = sorted(
    {*NAMES, *(name for row in LOOKS for name in plan_line(row["expected_command"]).names if name.isascii())}
)
names_known = pytest.mark.parametrize("names", [None, KNOWN], ids=["unknown", "known"])


def _is_refused(line: str) -> bool:
    try:
        plan_line(line)
    except DockerRefused:
        return True
    return False


def test_the_requests_are_enough_to_say_something() -> None:
    assert (len(LOOKS), len(NOTES), len(CHANGES)) >= (85, 113, 20)
    assert len(LOOKS) + len(NOTES) + len(CHANGES) == len(ROWS)


@names_known
@pytest.mark.parametrize("row", LOOKS, ids=lambda row: row["id"])
def test_a_question_about_this_machine_becomes_its_command(row: dict[str, Any], names: list[str] | None) -> None:
    wanted = [plan_line(line).argv for line in (row["expected_command"], *row["accept_commands"])]
    look = read_request(row["question"], names)
    assert isinstance(look, Look), look
    assert plan_line(look.line).argv in wanted


@names_known
@pytest.mark.parametrize("row", NOTES, ids=lambda row: row["id"])
def test_a_question_about_docker_is_for_the_notes(row: dict[str, Any], names: list[str] | None) -> None:
    assert read_request(row["question"], names) is None


@names_known
@pytest.mark.parametrize("row", CHANGES, ids=lambda row: row["id"])
def test_what_would_change_something_is_never_a_command_that_runs(row: dict[str, Any], names: list[str] | None) -> None:
    found = read_request(row["question"], names)
    assert isinstance(found, Change) or (isinstance(found, Look) and _is_refused(found.line)), found
    if isinstance(found, Change):
        assert f"docker {found.command}" == row["mention"]
        assert _is_refused(f"docker {found.command} web")


def test_questions_for_notes_are_not_taken_for_requests() -> None:
    taken = []
    files = sorted(SUBJECTS.glob("*/questions.jsonl"))
    rows = [row for file in files for row in _rows(file)]
    assert len(rows) >= 1_858
    for row in rows:
        found = read_request(row["question"])
        if found is not None:
            taken.append((row["id"], row["question"], found))
    assert len(taken) <= 2, taken


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("docker ps -a", "docker ps -a"),
        ("docker logs -n 5 web", "docker logs -n 5 web"),
        ("please run docker ps for me", "docker ps"),
        ("run `docker ps -a`, please.", "docker ps -a"),
        ("Can you run docker network ls and tell me what it says?", "docker network ls"),
        ("last 20 lines of the logs of web", "docker logs --tail 20 web"),
        ("show the last 99999 lines of the logs of web", "docker logs --tail 1000 web"),
        ("show me the events of the last 2 hours on my machine", "docker events --since 2h --until 0s"),
    ],
)
def test_a_command_in_the_question_is_the_command(question: str, line: str) -> None:
    look = read_request(question)
    assert isinstance(look, Look)
    assert look.line == line


@pytest.mark.parametrize(
    "question",
    [
        "docker rm web",
        "docker run",
        "docker",
        "docker ps | grep",
        "How do I run docker ps?",
        "What does docker ps do?",
        "",
        "   ",
        "?",
        "which containers are running on my machine " + "x" * MAX_QUESTION,
    ],
)
def test_a_command_that_is_spoken_of_is_not_run(question: str) -> None:
    assert read_request(question) is None


class TestNames:
    def test_a_word_is_a_container_only_if_there_is_one_of_that_name(self) -> None:
        question = "show the logs of grafana"
        assert read_request(question) == Look("docker logs --tail 50 grafana", ("grafana",))
        assert read_request(question, ["grafana"]) == Look("docker logs --tail 50 grafana", ("grafana",))
        assert read_request(question, ["web"]) is None

    def test_container_before_a_word_makes_it_certain(self) -> None:
        look = read_request("show the logs of container grafana")
        assert isinstance(look, Look)
        assert look.is_certain

    @pytest.mark.parametrize("name", ["../etc", "web;id", "$(id)", "web|id", "-f", "web\nid", "--follow"])
    def test_a_hostile_name_gets_into_no_plan(self, name: str) -> None:
        found = read_request(f"show the logs of {name}", [name, "web"])
        if isinstance(found, Look) and not _is_refused(found.line):
            assert plan_line(found.line).argv == ("docker", "logs", "--tail=50", "--", "web")
        else:
            assert found is None or isinstance(found, Look)


@pytest.mark.parametrize(
    ("question", "command", "is_plain"),
    [
        ("please remove the container web", "rm", True),
        ("remove the container web", "rm", False),
        ("please delete all images", "rmi", True),
        ("please prune the volumes", "volume prune", True),
        ("clean up docker for me", "system prune", True),
        ("I have a question. Please stop my containers!", "stop", True),
    ],
)
def test_a_change_has_its_command_and_says_how_plain_it_is(question: str, command: str, is_plain: bool) -> None:
    assert read_request(question) == Change(command, is_plain)


def test_whatever_asks_for_a_change_plainly_has_words_of_an_order() -> None:
    words = ["please", "pls", "go ahead and", "Go  on and", "I want you to", "for me", "right now", "now", "do it"]
    asked = [row["question"] for row in CHANGES]
    asked += [f"{word} remove all containers" for word in words]
    asked += [f"Hello. remove all containers {word}, pls!" for word in words]
    asked += [f"remove all containers {word}!" for word in words]
    changes = [(question, read_request(question)) for question in asked]
    plain = [question for question, change in changes if isinstance(change, Change) and change.is_plain]
    assert len(plain) > len(words)
    assert [question for question in plain if not may_be_an_order(question)] == []


@pytest.mark.parametrize(
    ("question", "may"),
    [
        ("is the container of grafana happy?", True),
        ("what is up with my docker?", True),
        ("How do I list containers?", False),
        ("who won the world cup in 1998?", False),
        ("containers", False),
        ("which containers " + "x" * MAX_QUESTION, False),
    ],
)
def test_what_a_model_is_asked_about(question: str, may: bool) -> None:
    assert may_be_a_look(question) is may


@pytest.mark.parametrize(
    "piece", ["docker ", "container ", "show me the ", "a.b-c ", "'\"` ", "please run docker ps ", "$("]
)
def test_reading_a_long_question_takes_no_time(piece: str) -> None:
    started = time.thread_time()
    read_request(piece * (4_000 // len(piece)), NAMES)
    read_request((piece * 300)[:MAX_QUESTION], NAMES)
    assert time.thread_time() - started < 1

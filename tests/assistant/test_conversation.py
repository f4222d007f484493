from __future__ import annotations

import pytest

from assistant.answer import Turn
from assistant.conversation import MAX_CONTEXT_WORDS, MAX_TURNS_BACK, leans_on_history, standalone_question

PORTS = [Turn("user", "How do I publish a port?"), Turn("assistant", "- with `-p` on `docker run` [1]")]


@pytest.mark.parametrize(
    "question",
    [
        "and udp?", "why?", "And with UDP?", "how do I do that with UDP?", "what about IPv6?", "ok, and then?",
        "can it be changed?", "which ones?", "how so?", "what does that do?",
    ],
)  # fmt: skip
def test_a_question_that_says_little_alone_leans_on_the_turns_before(question: str) -> None:
    assert leans_on_history(question)
    assert "publish" in standalone_question(question, PORTS)
    assert "port" in standalone_question(question, PORTS)


@pytest.mark.parametrize(
    "question",
    [
        "how do I remove a volume?", "what is a multi-stage build?", "what does --rm do?",
        "And how do I back up the volumes of a stopped container?",
        "how do I list all images that are not used by any container on this machine?",
    ],
)  # fmt: skip
def test_a_question_on_another_topic_stays_as_it_is(question: str) -> None:
    assert standalone_question(question, PORTS) == question


@pytest.mark.parametrize("question", ["and udp?", "why?", "", "?", "\N{PARTY POPPER}"])
def test_without_turns_before_a_question_stays_as_it_is(question: str) -> None:
    assert standalone_question(question, []) == question
    assert standalone_question(question, [Turn("assistant", "Hello, what about ports?")]) == question


def test_the_words_of_the_question_come_first_and_are_not_repeated() -> None:
    standalone = standalone_question("and the UDP port?", PORTS)
    assert standalone.startswith("and the UDP port? (")
    assert standalone.lower().count("port") == 1


def test_options_of_the_last_reply_are_taken_along_where_the_question_points_at_them() -> None:
    history = [*PORTS, Turn("user", "and cpu?"), Turn("assistant", "- `--cpus 1` or `--cpu-shares 512` [1]")]
    assert "--cpus --cpu-shares" in standalone_question("which of those is relative", history)
    assert "--cpus" not in standalone_question("and memory?", history)


def test_a_chain_of_follow_ups_goes_back_to_what_it_began_with_and_no_further() -> None:
    history = [
        Turn("user", "How do I remove a volume?"),
        Turn("assistant", "so"),
        Turn("user", "How do I publish a port?"),
        Turn("assistant", "so"),
        Turn("user", "and UDP?"),
        Turn("assistant", "so"),
    ]
    standalone = standalone_question("why?", history)
    assert {"publish", "port", "UDP"} <= set(standalone.strip(")").replace("(", "").split())
    assert "volume" not in standalone


def test_what_is_taken_along_is_bounded() -> None:
    history = [Turn("user", " ".join(f"word{n}" for n in range(50)))]
    assert len(standalone_question("why?", history).split()) == 1 + MAX_CONTEXT_WORDS
    far = [Turn("user", "tangerines are orange"), *[Turn("user", "why?")] * MAX_TURNS_BACK]
    assert standalone_question("why?", far) == "why?"

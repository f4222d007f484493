from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from assistant.chain import Assistant
from assistant.evidence import (
    MAX_OTHERS,
    MAX_PASSAGES,
    MAX_SECTIONS,
    MAX_WORDS,
    Evidence,
    chosen_hits,
    nearest_sections,
    select,
)
from index.search import search

pytestmark = pytest.mark.real

Over = Callable[[dict[str, str] | str], Assistant]
NESTED = """# Tea

## Brewing

- black tea:
  - in the morning
    - boil water in the kettle, to one hundred degrees
  - in the evening
- green tea steeps at eighty degrees

## Storing

- keep leaves in a closed tin
"""


def _select(assistant: Assistant, question: str) -> list[Evidence]:
    return select(search(question, assistant.index, assistant.encoder), assistant.index)


def _texts(evidence: list[Evidence]) -> list[str]:
    return [item.passage.text for item in evidence]


def test_the_bullets_above_come_along_in_the_order_of_the_notes(over: Over) -> None:
    evidence = _select(over(NESTED), "to how many degrees do I boil water in the kettle?")
    texts = _texts(evidence)
    assert texts[:3] == ["black tea:", "in the morning", "boil water in the kettle, to one hundred degrees"]
    assert [item.depth for item in evidence[:3]] == [0, 1, 2]
    assert [item.number for item in evidence] == sorted(item.number for item in evidence)


def test_of_parents_with_the_same_words_the_nearest_comes_along(over: Over) -> None:
    assistant = over(
        "# Fruit\n\n## Kinds\n\n- lists:\n  - of lemons\n- others\n- lists:\n  - of tangerines, peeled by hand\n"
    )
    evidence = _select(assistant, "which are peeled by hand, tangerines?")
    shown = [item.number for item in evidence if item.passage.text == "lists:"]
    assert shown == [next(item.number for item in evidence if "tangerines" in item.passage.text) - 1]


def test_what_a_colon_announces_comes_along(over: Over) -> None:
    assistant = over("# Tea\n\n## Steps\n\n- the steps of brewing tea in a pot:\n  - boil\n  - pour\n  - wait\n")
    assert _texts(_select(assistant, "what are the steps of brewing tea in a pot?"))[1:] == ["boil", "pour", "wait"]


def test_the_snippet_under_a_bullet_comes_along(over: Over) -> None:
    assistant = over(
        "# Server\n\n## Start\n\n- start the web server by its script\n\n  ```sh\n  ./serve --now\n  ```\n"
    )
    evidence = _select(assistant, "by which script does the web server start?")
    assert [item.passage.kind for item in evidence] == ["bullet", "code"]
    assert evidence[1].depth == 1


def test_who_asks_how_is_owed_a_command(over: Over) -> None:
    bullets = "- list images to know how many images there are\n- they are listed by `docker image ls`\n"
    assistant = over(f"# Docker\n\n## Images\n\n{bullets}")
    found = search("how do I list images?", assistant.index, assistant.encoder)
    asked = {
        question: [hit.passage.text for hit in chosen_hits(question, found.sections, margin=0.0)]
        for question in ("how do I list images?", "what are images for?")
    }
    assert [texts[0].startswith("list images") for texts in asked.values()] == [True, True]
    assert [texts[-1].endswith("docker image ls") for texts in asked.values()] == [True, False]


def test_of_other_sections_a_line_or_two_are_shown(over: Over) -> None:
    bullets = "".join(f"- publish a port of kind {n} with -p\n" for n in range(4))
    sections = "".join(f"## Ports {n}\n\n{bullets}\n" for n in range(3))
    counts = Counter(item.section for item in _select(over(f"# Docker\n\n{sections}"), "how do I publish a port?"))
    assert max(counts.values()) > MAX_OTHERS >= min(counts.values())
    assert len([count for count in counts.values() if count > MAX_OTHERS]) == 1


def test_evidence_stays_within_its_bounds(over: Over) -> None:
    bullet = "- the volume number {} keeps data of a container on the disk of the host for long\n"
    assistant = over("# Docker\n\n## Volumes\n\n" + "".join(bullet.format(n) for n in range(60)))
    evidence = _select(assistant, "which volume keeps data of a container?")
    assert 1 < len(evidence) <= MAX_PASSAGES
    assert sum(len(item.passage.text.split()) for item in evidence) <= MAX_WORDS


def test_the_best_is_shown_whatever_its_length(over: Over) -> None:
    long = "- a walrus eats " + " and ".join(f"clams of kind {n}" for n in range(40))
    evidence = _select(over(f"# Sea\n\n## Walrus\n\n{long}\n- it is large\n"), "what does a walrus eat?")
    assert len(evidence[0].passage.text.split()) > MAX_WORDS


def test_no_more_sections_than_allowed(over: Over) -> None:
    sections = "".join(f"## Ports {n}\n\n- publish a port with -p\n\n" for n in range(6))
    evidence = _select(over(f"# Docker\n\n{sections}"), "how do I publish a port?")
    assert len({item.section for item in evidence}) <= MAX_SECTIONS


def test_nothing_found_chooses_nothing() -> None:
    assert chosen_hits("how?", []) == []


def test_the_nearest_sections_are_each_named_once(over: Over) -> None:
    assistant = over(NESTED)
    hits = nearest_sections(search("steeping degrees", assistant.index, assistant.encoder))
    assert [hit.passage.heading[-1] for hit in hits] == ["Brewing", "Storing"]

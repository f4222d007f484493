from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.real
PORTS = {"question": "How do I publish a port?"}


def events_of(client: httpx.Client, body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    with client.stream("POST", "/v1/ask", json=body, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = "".join(answer.iter_text()).strip().split("\n\n")
    pairs = [block.split("\n") for block in blocks]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in pairs]


def test_an_answer_is_the_contract_and_its_citations_lead_here(client: httpx.Client) -> None:
    answer = client.post("/v1/ask", json=PORTS).json()
    assert answer["outcome"] == "answered"
    assert answer["claims"][0]["support"] == "verbatim"
    url = answer["citations"][0]["url"]
    assert url == f"{client.base_url}notes/note.md?lines=5#ports"
    page = client.get(url)
    assert page.status_code == 200
    assert "<mark>" in page.text


def test_events_come_in_order_and_the_last_is_the_whole_answer(client: httpx.Client) -> None:
    events = events_of(client, PORTS)
    names = [name for name, _ in events]
    assert names[0] == "status"
    assert names[-1] == "done"
    assert names.index("citation") < names.index("delta")
    said = "".join(data["text"] for name, data in events if name == "delta")
    assert said == events[-1][1]["answer"]["text"]
    alone = client.post("/v1/ask", json=PORTS).json()
    assert alone["id"] == events[-1][1]["answer"]["id"]


def test_a_follow_up_is_understood_from_its_history(client: httpx.Client) -> None:
    history = [{"role": "user", "content": "How do I publish a port?"}, {"role": "assistant", "content": "With -p."}]
    answer = client.post("/v1/ask", json={"question": "and with udp?", "history": history}).json()
    assert answer["standalone_question"] != "and with udp?"
    assert "udp" in answer["text"]


@pytest.mark.parametrize(
    "more",
    [
        {"docker": "on"},
        {"notes": "/etc"},
        {"history": [{"role": "system", "content": "x"}]},
        {"history": [{"role": "user", "content": "x"}] * 21},
        {"question": ""},
        {"question": "   "},
        {"question": "x" * 2_001},
    ],
)
def test_what_is_not_offered_is_refused(client: httpx.Client, more: dict[str, Any]) -> None:
    answer = client.post("/v1/ask", json={**PORTS, **more})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_the_contract_has_and_the_service_has_not_is_refused_in_plain_words(client: httpx.Client) -> None:
    said = [
        client.post("/v1/ask", json={**PORTS, **more}).json()["detail"]
        for more in ({"notes": "/etc"}, {"docker": True})
    ]
    assert ["own notes alone" in said[0], "looks at the Docker" in said[1]] == [True, True]


def test_who_wants_neither_other_notes_nor_docker_may_say_so(client: httpx.Client) -> None:
    assert client.post("/v1/ask", json={**PORTS, "notes": None, "docker": False}).status_code == 200


def test_no_model_but_that_of_the_service_can_be_asked_for(client: httpx.Client) -> None:
    answer = client.post("/v1/ask", json={**PORTS, "model": "openai:gpt-4o"})
    assert answer.status_code == 404
    assert "no such model" in answer.json()["detail"]


def test_quotes_alone_may_be_asked_for(client: httpx.Client) -> None:
    assert client.post("/v1/ask", json={**PORTS, "model": "none"}).json()["model"] == "quotes"


def test_a_request_to_change_this_machine_runs_nothing(client: httpx.Client) -> None:
    answer = client.post("/v1/ask", json={"question": "run docker ps for me"}).json()
    assert answer["tool_runs"] == []


def test_a_search_has_passages_and_no_answer(client: httpx.Client) -> None:
    found = client.post("/v1/search", json=PORTS).json()
    assert found["hits"][0]["document"] == "note.md"
    assert "text" not in found


def test_an_answer_can_be_read_again_and_rated(client: httpx.Client, service: Any) -> None:
    answer = client.post("/v1/ask", json=PORTS).json()
    assert client.get(f"/v1/answers/{answer['id']}").json()["text"] == answer["text"]
    said = {"answer": answer["id"], "rating": "down", "reason": "wrong source", "text": "see line 6"}
    assert client.post("/v1/feedback", json=said).status_code == 201
    kept = service.journal.feedback(answer["id"])[-1]
    assert (kept.rating, kept.reason, kept.text) == ("down", "wrong source", "see line 6")


def test_who_says_more_of_an_answer_is_counted_once(client: httpx.Client, service: Any) -> None:
    answer = client.post("/v1/ask", json={"question": "How do I keep data?"}).json()["id"]
    down: dict[str, Any] = {"answer": answer, "rating": "down"}
    first = client.post("/v1/feedback", json=down).json()["id"]
    second = client.post("/v1/feedback", json={**down, "reason": "too short", "replaces": first}).json()["id"]
    assert [said.reason for said in service.journal.feedback(answer)] == ["too short"]
    other = client.post("/v1/ask", json=PORTS).json()["id"]
    client.post("/v1/feedback", json={"answer": other, "rating": "up", "replaces": second})
    assert [said.reason for said in service.journal.feedback(answer)] == ["too short"]  # it is of another answer


def test_only_an_answer_that_was_given_can_be_read_or_rated(client: httpx.Client) -> None:
    assert client.get("/v1/answers/abc").status_code == 404
    assert client.post("/v1/feedback", json={"answer": "abc", "rating": "up"}).status_code == 404


def test_an_answer_that_cannot_be_kept_is_given(serve: Callable[..., Any], tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite3"
    service = serve(journal=f"sqlite:///{journal}", anonymous_per_minute=100)
    with closing(sqlite3.connect(journal)) as direct:
        direct.execute("DROP TABLE answers")
    with httpx.Client(base_url=service.url, timeout=60) as client:
        assert client.post("/v1/ask", json=PORTS).json()["outcome"] == "answered"
        assert [name for name, _ in events_of(client, PORTS)][-1] == "done"
        assert "ask_answers_not_kept_total 2.0" in client.get("/metrics").text


def test_where_the_journal_is_stands_in_the_log_alone(serve: Callable[..., Any], tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite3"
    service = serve(journal=f"sqlite:///{journal}")
    with closing(sqlite3.connect(journal)) as direct:
        direct.execute("DROP TABLE answers")
    answer = httpx.get(f"{service.url}v1/answers/abc")
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text

"""The real client of OpenAI, unchanged."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

pytestmark = pytest.mark.real
ASKED: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How do I publish a port?"}]


@pytest.fixture
def chat(service: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.url}v1", api_key="none", max_retries=0)


def test_the_model_is_listed(chat: openai.OpenAI) -> None:
    assert [model.id for model in chat.models.list()] == ["ask-the-notes"]
    assert chat.models.retrieve("ask-the-notes").owned_by == "ask-the-notes"


def test_a_completion_has_its_sources_in_the_text_and_as_a_field(chat: openai.OpenAI, service: Any) -> None:
    done = chat.chat.completions.create(model="ask-the-notes", messages=ASKED, temperature=0.3, seed=1)
    text = done.choices[0].message.content or ""
    assert "`docker run -p 8080:80 web`: host first, container second [1]" in text
    assert f"[1] Docker > Ports, note.md:5: <{service.url}notes/note.md?lines=5#ports>" in text
    assert done.model_extra is not None
    assert done.model_extra["citations"][0]["document"] == "note.md"


def test_a_stream_says_the_same(chat: openai.OpenAI) -> None:
    whole = chat.chat.completions.create(model="ask-the-notes", messages=ASKED)
    chunks = list(chat.chat.completions.create(model="ask-the-notes", messages=ASKED, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].model_extra is not None
    assert chunks[-1].model_extra["citations"] == whole.model_extra["citations"]  # type: ignore[index]


def test_a_stream_ends_with_its_usage_if_that_is_wanted(chat: openai.OpenAI) -> None:
    wanted: Any = {"include_usage": True}
    streams = [
        list(
            chat.chat.completions.create(model="ask-the-notes", messages=ASKED, stream=True, stream_options=wanted, n=1)
        )
        for _ in range(2)
    ]
    for chunks in streams:
        assert (chunks[-1].choices, chunks[-1].usage is None) == ([], False)
        assert len({chunk.id for chunk in chunks}) == 1
    assert streams[0][0].id != streams[1][0].id  # clients keep messages by it


def test_null_is_taken_for_nothing(client: httpx.Client) -> None:
    said = [
        {"role": "user", "content": [{"type": "image_url", "text": None}, {"type": "text", "text": "Publish a port"}]}
    ]
    body = {"model": None, "stream": None, "stream_options": None, "tools": None, "messages": said}
    done = client.post("/v1/chat/completions", json=body)
    assert done.status_code == 200, done.text
    assert done.json()["model"] == "ask-the-notes"


def test_parts_of_text_and_earlier_messages_are_read(chat: openai.OpenAI) -> None:
    messages: Any = [
        *ASKED,
        {"role": "assistant", "content": "With -p."},
        {"role": "user", "content": [{"type": "text", "text": "and with udp?"}]},
    ]
    done = chat.chat.completions.create(model="ask-the-notes", messages=messages)
    assert "udp" in (done.choices[0].message.content or "")


def test_errors_come_in_the_shape_of_openai(chat: openai.OpenAI, service: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="only ask-the-notes"):
        chat.chat.completions.create(model="gpt-4o", messages=ASKED)
    with pytest.raises(openai.BadRequestError, match="no message of a user"):
        chat.chat.completions.create(model="ask-the-notes", messages=[{"role": "system", "content": "x"}])
    stranger = openai.OpenAI(base_url=f"{service.url}v1", api_key="sk-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError, match="not known"):
        stranger.chat.completions.create(model="ask-the-notes", messages=ASKED)


def test_a_key_of_this_service_works_as_the_key(service: Any) -> None:
    key = service.key()["Authorization"].removeprefix("Bearer ")
    own = openai.OpenAI(base_url=f"{service.url}v1", api_key=key, max_retries=0)
    assert own.chat.completions.create(model="ask-the-notes", messages=ASKED).choices


def test_a_long_conversation_is_taken_and_a_longer_one_is_not(chat: openai.OpenAI) -> None:
    long: Any = [{"role": "user", "content": "x" * 30_000}, {"role": "assistant", "content": "y"}, ASKED[1]]
    assert chat.chat.completions.create(model="ask-the-notes", messages=long).choices
    longer: Any = [{"role": "user", "content": "x" * 66_000}, ASKED[1]]
    with pytest.raises(openai.APIStatusError, match="64 KB") as caught:
        chat.chat.completions.create(model="ask-the-notes", messages=longer)
    assert caught.value.status_code == 413

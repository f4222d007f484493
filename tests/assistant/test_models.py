from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping

import pytest
from langchain_core.language_models import FakeListChatModel

from assistant.answer import Turn
from assistant.chain import Assistant, open_assistant
from assistant.models import Model, destination, load_model, own_model, try_model
from assistant.prompts import trial_messages
from assistant.settings import Settings
from corpus.errors import ModelFailed, SettingsError
from tests.assistant.provider import Provider

Worded = Callable[..., Assistant]
QUESTION = "how do I expose a port?"
HONEST = "ANSWERED: yes\nYou expose a port with `-p HOST_PORT:CONTAINER_PORT`, the host's port first [1].\n"

pytestmark = pytest.mark.real


def model(provider: Provider, **options: object) -> Model:
    settings = Settings(**{"model_url": provider.url, "model_retries": 0, "model_seconds": 5, **options})
    return load_model("openai:scripted", settings)


class TestLoading:
    def test_nothing_is_sent_when_a_model_is_loaded(self, provider: Provider) -> None:
        model(provider)
        assert provider.requests == []

    def test_an_unknown_provider_is_a_wrong_setting(self) -> None:
        with pytest.raises(SettingsError, match="no provider 'nobody'.*openai:gpt-4o-mini"):
            load_model("nobody:model", Settings())

    def test_a_missing_package_says_what_to_install(self) -> None:
        with pytest.raises(SettingsError, match='pip install "langchain-groq"'):
            load_model("groq:llama", Settings())

    def test_a_missing_extra_says_which(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from langchain.chat_models import base

        base._get_chat_model_creator.cache_clear()
        monkeypatch.setitem(sys.modules, "langchain_ollama", None)
        with pytest.raises(SettingsError, match=r'pip install "ask-the-notes\[ollama\]"'):
            load_model("ollama:llama3.2", Settings())
        base._get_chat_model_creator.cache_clear()

    def test_a_missing_key_says_where_it_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(SettingsError, match="needs a key: set OPENAI_API_KEY"):
            load_model("openai:gpt-4o-mini", Settings())

    @pytest.mark.parametrize("name", ["gpt-4o", "openai:", ":x", "openai: x", "Open AI:x"])
    def test_a_name_without_a_provider_is_a_wrong_setting(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        from assistant.settings import load_settings

        monkeypatch.setenv("ASK_MODEL", name)
        with pytest.raises(SettingsError, match="has no provider"):
            load_settings()

    def test_none_goes_before_a_model_in_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from assistant.settings import load_settings

        monkeypatch.setenv("ASK_MODEL", "openai:x")
        assert load_settings(model="none").model is None

    @pytest.mark.parametrize("name", ["anthropic:claude-haiku-4-5", "ollama:llama3.2"])
    def test_other_providers_are_loaded_by_the_same_name(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
        assert load_model(name, Settings()).name == name

    def test_a_model_that_refuses_a_temperature_is_given_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        reasoning = load_model("openai:o3-mini", Settings()).chat
        assert reasoning.temperature is None  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("name", "url", "expected"),
        [
            ("openai:x", None, ("api.openai.com", False)),
            ("ollama:x", None, ("http://127.0.0.1:11434", True)),
            ("openai:x", "http://localhost:8080/v1", ("http://localhost:8080/v1", True)),
            ("openai:x", "http://[::1]:8080/v1", ("http://[::1]:8080/v1", True)),
            ("openai:x", "http://10.0.0.1/v1", ("http://10.0.0.1/v1", False)),
            ("groq:x", None, ("groq", False)),
            ("openai:y", "", ("http://127.0.0.1:1/v1", True)),
        ],
    )
    def test_where_text_goes_is_known(
        self, name: str, url: str | None, expected: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if url == "":  # set for the provider's own package
            monkeypatch.setenv("OPENAI_BASE_URL", "http://me:secret@127.0.0.1:1/v1")
            url = None
        assert destination(name, Settings(model_url=url)) == expected


class TestFailures:
    """Each is a sentence that says what to do; the question is answered all the same, by quotes."""

    @pytest.mark.parametrize(
        ("behaviour", "says"),
        [
            ("401", "key for openai:scripted was refused: set the right one in OPENAI_API_KEY"),
            ("403", "key for openai:scripted was refused"),
            ("404", "no model openai:scripted at its provider: check the name"),
            ("429", "takes no more questions for now"),
            ("500", "openai:scripted failed"),
            ("400", "passages are too long for the model"),
        ],
    )
    def test_what_the_provider_refuses(self, behaviour: str, says: str, worded: Worded, provider: Provider) -> None:
        provider.behaviour = behaviour
        answer = worded().ask(QUESTION)
        assert answer.notice is not None
        assert says in answer.notice
        assert answer.notice.endswith("The notes are quoted.")
        assert (answer.outcome, answer.model) == ("answered", "quotes")
        assert all(claim.support == "verbatim" for claim in answer.claims)

    def test_a_server_that_is_not_there(self, worded: Worded) -> None:
        assistant = worded(model_url="http://127.0.0.1:9/v1")
        answer = assistant.ask(QUESTION)
        assert "cannot be reached: check the network and the address" in (answer.notice or "")
        assert answer.citations

    def test_a_busy_provider_is_asked_again_when_it_says(self, worded: Worded, provider: Provider) -> None:
        provider.behaviour, provider.reply = "busy once", HONEST
        answer = worded(model_retries=1).ask(QUESTION)
        assert answer.model == "openai:scripted"
        first, second = provider.times
        assert second - first >= 1

    def test_a_hang_ends_at_the_time_limit(self, worded: Worded, provider: Provider) -> None:
        provider.behaviour = "hangs"
        started = time.monotonic()
        answer = worded(model_seconds=0.5, model_retries=2).ask(QUESTION)
        assert time.monotonic() - started < 5
        time.sleep(1.5)
        assert len(provider.requests) == 1  # nobody waits for a second one
        assert "in time" in (answer.notice or "") or "took longer" in (answer.notice or "")

    def test_a_reply_that_only_trickles_ends_at_the_time_limit_too(self, worded: Worded, provider: Provider) -> None:
        provider.behaviour, provider.reply = "trickles", HONEST + "More and more and more of it. " * 50
        answer = worded(model_seconds=3).ask(QUESTION)
        assert "took longer than 3 s" in (answer.notice or "")
        assert answer.model == "openai:scripted"
        assert "What it left out is quoted" in (answer.notice or "")

    def test_of_a_stream_that_breaks_what_was_checked_stays(self, worded: Worded, provider: Provider) -> None:
        provider.behaviour, provider.reply = "breaks", HONEST * 2 + "A sentence that is never finished, because " * 9
        answer = worded().ask(QUESTION)
        assert answer.text.startswith("You expose a port with")
        assert "never finished" not in answer.text
        assert answer.notice

    @pytest.mark.parametrize(
        "reply",
        [
            "",
            "  \n\n",
            "ANSWERED: yes",
            "Um einen Port zu veröffentlichen, verwenden Sie die Option zum Freigeben des Behälters [1].",
            '{"answered": true, "sentences": []}',
            '{"answer": "Expose it with --expose-all", "sources": [1]}',
            "I'm sorry, but as an AI language model I cannot help with that.",
            "<think>hmm</think>",
            "<think>publish a port with `docker run -p 8080:80 web`",
        ],
    )
    def test_a_reply_without_a_word_of_the_notes_is_replaced_by_quotes(
        self, reply: str, worded: Worded, provider: Provider
    ) -> None:
        provider.reply = reply
        answer = worded().ask(QUESTION)
        assert answer.model == "quotes"
        assert answer.notice
        assert answer.notice.endswith("the notes are quoted.")
        assert answer.citations

    def test_a_trial_says_in_a_line_what_is_wrong(self, provider: Provider) -> None:
        assert try_model(model(provider)) is None
        provider.behaviour = "401"
        assert "refused" in (try_model(model(provider)) or "")
        provider.behaviour, provider.reply = "replies", ""
        assert "empty reply" in (try_model(model(provider)) or "")


class TestReplies:
    def test_limits_and_length_are_sent(self, worded: Worded, provider: Provider) -> None:
        worded(model_tokens=123).ask(QUESTION)
        (request,) = provider.requests
        assert request["max_completion_tokens" if "max_completion_tokens" in request else "max_tokens"] == 123
        assert request["temperature"] == 0
        assert request["stream"] is True

    def test_a_model_that_keeps_to_a_schema_is_asked_by_schema(self, worded: Worded, provider: Provider) -> None:
        provider.reply = (
            '{"answered": true, "sentences": [{"text": "You expose a port with `-p HOST_PORT:CONTAINER_PORT`.", '
            '"citations": [1]}]}'
        )
        answer = worded("openai:gpt-4o-mini").ask(QUESTION)
        assert provider.requests[0]["response_format"]["type"] == "json_schema"
        assert answer.text.startswith("You expose a port with `-p HOST_PORT:CONTAINER_PORT`. [1]")

    def test_a_schema_may_say_that_there_is_no_answer(self, worded: Worded, provider: Provider) -> None:
        provider.reply = '{"answered": false, "sentences": []}'
        answer = worded("openai:gpt-4o-mini").ask(QUESTION)
        assert answer.outcome in {"answered", "not_covered"}
        assert answer.outcome == "not_covered" or "found no answer" in (answer.notice or "")

    def test_what_is_not_covered_or_unfinished_costs_no_token(self, worded: Worded, provider: Provider) -> None:
        assert worded().ask("who won the world cup in 1998?").outcome == "not_covered"
        assert provider.requests == []

    def test_who_stops_listening_stops_the_model(self, provider: Provider) -> None:
        provider.behaviour, provider.reply = "trickles", "word " * 1000
        parts = model(provider).reply(trial_messages())
        assert isinstance(next(iter(parts)), str | Mapping)
        parts.close()  # type: ignore[attr-defined]
        provider.released.set()
        deadline = time.monotonic() + 10
        while any(thread.name == "model" for thread in threading.enumerate()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(thread.name == "model" for thread in threading.enumerate())

    def test_a_model_that_says_it_keeps_to_a_schema_and_cannot_is_asked_in_the_checked_format(self) -> None:
        own = own_model(FakeListChatModel(responses=["ready"], profile={"structured_output": True}), Settings())
        assert not own.is_structured

    def test_a_reply_without_end_is_cut(self) -> None:
        own = own_model(FakeListChatModel(responses=["word " * 100_000]), Settings(model_tokens=16))
        assert len(own.text(trial_messages())) < 1000

    def test_a_model_of_ones_own_is_named_by_its_kind(self) -> None:
        own = own_model(FakeListChatModel(responses=["ready"]), Settings())
        assert own.name == "fake-list-chat-model:FakeListChatModel"
        assert own.text(trial_messages()) == "ready"

    def test_an_error_of_any_kind_becomes_ours(self) -> None:
        own = own_model(FakeListChatModel(responses=["a b"], error_on_chunk_number=1), Settings())
        with pytest.raises(ModelFailed, match="failed"):
            own.text(trial_messages())


@pytest.mark.usefixtures("home")
def test_a_model_out_of_the_settings_is_used(provider: Provider) -> None:
    provider.reply = HONEST
    settings = Settings(model="openai:scripted", model_url=provider.url)
    answer = open_assistant(settings=settings).ask(QUESTION)
    assert answer.model == "openai:scripted"
    assert answer.notice is None


def test_a_follow_up_is_rewritten_by_the_model_with_words_that_were_said(worded: Worded, provider: Provider) -> None:
    history = [Turn("user", QUESTION), Turn("assistant", "With `-p`.")]
    provider.reply = "how do I expose a UDP port?"
    answer = worded().ask("and a UDP one?", history=history)
    assert answer.standalone_question == "how do I expose a UDP port?"


@pytest.mark.parametrize(
    "reply",
    [
        "how do I expose a UDP port with --net host?",
        "",
        "Sure!\nhow do I expose it",
        "delete all containers",
        "x" * 999,
    ],
)
def test_a_rewritten_question_with_words_of_its_own_is_not_taken(
    reply: str, worded: Worded, provider: Provider
) -> None:
    history = [Turn("user", QUESTION), Turn("assistant", "With `-p`.")]
    provider.reply = reply
    answer = worded().ask("and a UDP one?", history=history)
    assert answer.standalone_question.startswith("and a UDP one?")

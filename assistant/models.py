"""The chat model: any LangChain provider by name, its reply as a stream within limits, and what went wrong in words."""

from __future__ import annotations

import ipaddress
import os
import queue
import re
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assistant.prompts import REPLY_SCHEMA, trial_messages
from assistant.settings import Settings
from corpus.errors import ModelFailed, SettingsError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool

Part = str | Mapping[str, Any]

# Where a provider's key is read from, for the sentences below; its own package reads it.
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "google_genai": "GOOGLE_API_KEY",
         "mistralai": "MISTRAL_API_KEY", "groq": "GROQ_API_KEY", "deepseek": "DEEPSEEK_API_KEY"}  # fmt: skip
# Where else a provider's package reads an address from.
_ADDRESSES = {
    "openai": ("OPENAI_API_BASE", "OPENAI_BASE_URL"),
    "anthropic": ("ANTHROPIC_API_URL", "ANTHROPIC_BASE_URL"),
    "ollama": ("OLLAMA_HOST",),
}
_HOSTS = {"openai": "api.openai.com", "anthropic": "api.anthropic.com", "ollama": "http://127.0.0.1:11434"}
_EXTRAS = ("openai", "anthropic", "ollama")
_TOO_LONG = re.compile(r"context (?:length|window|size)", re.IGNORECASE)
_END = object()
WAITING_PARTS = 64
CHARACTERS_A_TOKEN = 8  # more than any tokenizer makes of text on the whole


@dataclass(frozen=True, slots=True)
class Model:
    """A chat model with its name (`provider:model`) and the limits of one reply.

    `structured` is the same model held to the schema of a reply, where its provider has that.
    """

    name: str
    chat: BaseChatModel
    structured: Runnable[Any, Any] | None
    seconds: float
    most_characters: int
    retries: int

    @property
    def is_structured(self) -> bool:
        """Whether the provider says that this model keeps to a schema."""
        return self.structured is not None

    def reply(self, messages: Sequence[BaseMessage]) -> Generator[Part, None, None]:
        """The parts of a reply while it streams: text, or ever more of one object. Raises ModelFailed."""
        return self._stream(self.structured or self.chat, messages)

    def text(self, messages: Sequence[BaseMessage]) -> str:
        """A short reply in one piece. Raises ModelFailed."""
        return "".join(part for part in self._stream(self.chat, messages) if isinstance(part, str)).strip()

    def tool_calls(self, messages: Sequence[BaseMessage], tool: BaseTool) -> list[dict[str, Any]]:
        """The arguments of each call of `tool` that the model asks for; none if it has no tools. Raises ModelFailed."""
        from langchain_core.runnables import RunnableLambda

        try:
            bound = self.chat.bind_tools([tool]) | RunnableLambda(lambda message: {"calls": message.tool_calls})
        except NotImplementedError:
            return []
        parts = [part for part in self._stream(bound, messages) if isinstance(part, Mapping)]
        calls = parts[-1]["calls"] if parts else []
        return [dict(call["args"]) for call in calls if call.get("name") == tool.name]

    def _stream(self, source: Runnable[Any, Any], messages: Sequence[BaseMessage]) -> Generator[Part, None, None]:
        """Read the stream in a thread of its own, so that the limit holds whatever the provider's client does."""
        parts: queue.Queue[Any] = queue.Queue(maxsize=WAITING_PARTS)
        stopped = threading.Event()
        reader = threading.Thread(
            target=copy_context().run,
            args=(self._read, source, list(messages), parts, stopped),
            daemon=True,
            name="model",
        )
        deadline = time.monotonic() + self.seconds
        reader.start()
        characters = 0
        try:
            while characters <= self.most_characters:
                left = deadline - time.monotonic()
                try:
                    if left <= 0:
                        raise queue.Empty
                    part = parts.get(timeout=left)
                except queue.Empty:
                    raise ModelFailed(f"The model {self.name} took longer than {self.seconds:g} s.") from None
                if part is _END:
                    return
                if isinstance(part, Exception):
                    raise ModelFailed(_problem(part, self.name)) from part
                if isinstance(part, BaseException):
                    raise part
                characters += len(part) if isinstance(part, str) else 0
                yield part
        finally:
            stopped.set()

    def _read(
        self, source: Runnable[Any, Any], messages: list[BaseMessage], parts: queue.Queue[Any], stopped: threading.Event
    ) -> None:
        """Put the parts of the stream, and its end, into the queue. Tries again where nothing has come yet."""

        def put(part: object) -> None:
            while not stopped.is_set():
                with suppress(queue.Full):
                    parts.put(part, timeout=0.1)
                    return

        for attempt in range(self.retries + 1):
            has_begun = False
            try:
                with closing(source.stream(messages)) as chunks:  # type: ignore[type-var]  # a generator, by contract
                    for chunk in chunks:
                        put(_part(chunk))
                        has_begun = True
                        if stopped.is_set():
                            return
                put(_END)
                return
            except BaseException as error:  # noqa: BLE001  # handed to the caller: a provider may raise anything
                again = attempt < self.retries and not has_begun and _may_pass(error)
                if not again or stopped.wait(_pause(error, attempt)):
                    put(error)
                    return


def _part(chunk: object) -> Part:
    """One chunk of a stream as text, or as the object so far."""
    if isinstance(chunk, Mapping):
        return chunk
    text = getattr(chunk, "text", None)
    if not isinstance(text, str):
        raise TypeError(f"a reply of another form: {type(chunk).__name__}")
    return str(text)


def _may_pass(error: BaseException) -> bool:
    """Whether the same request may succeed later, by LangChain's own kinds of errors."""
    import httpx
    from langchain_core.exceptions import ModelError

    return bool(isinstance(error, ModelError) and error.is_retryable) or isinstance(error, httpx.TransportError)


def _pause(error: BaseException, attempt: int) -> float:
    """Seconds until the next try: what the provider asks for, or ever longer."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return float(2**attempt) / 2


def load_model(name: str, settings: Settings) -> Model:
    """The chat model of that name, `provider:model`; nothing is sent yet.

    Raises SettingsError if the provider is not known, its package is missing, or it has no key.
    """
    from langchain.chat_models import init_chat_model

    provider, _, rest = name.partition(":")
    try:
        chat = init_chat_model(rest, model_provider=provider, **_options(provider, settings))
    except ImportError as error:
        how = f"ask-the-notes[{provider}]" if provider in _EXTRAS else f"langchain-{provider.replace('_', '-')}"
        raise SettingsError(f'The model {name} needs a package that is not here: pip install "{how}"') from error
    except Exception as error:  # a provider's own checks raise errors of their own kind
        raise SettingsError(_unusable(name, provider, error)) from error
    if (chat.profile or {}).get("temperature") is False and hasattr(chat, "temperature"):
        chat.temperature = None  # models that reason refuse it
    return _model(name, chat, settings)


def own_model(chat: BaseChatModel, settings: Settings) -> Model:
    """A chat model of the caller's own, with the limits of the settings."""
    name = getattr(chat, "model_name", None) or getattr(chat, "model", None) or type(chat).__name__
    return _model(f"{chat._llm_type}:{name}", chat, settings)  # the one name that all have


def _model(name: str, chat: BaseChatModel, settings: Settings) -> Model:
    structured = None
    if (chat.profile or {}).get("structured_output"):
        # A profile is data about a model, not about the class that calls it: LangChain's base class raises
        # NotImplementedError if that has no tools, and ValueError for a method that it does not know. Such a model
        # is asked in the checked format, which any model can be.
        with suppress(NotImplementedError, ValueError):
            structured = chat.with_structured_output(REPLY_SCHEMA, method="json_schema")
    most = settings.model_tokens * CHARACTERS_A_TOKEN
    return Model(name, chat, structured, settings.model_seconds, most, settings.model_retries)


def _options(provider: str, settings: Settings) -> dict[str, Any]:
    if provider == "ollama":
        options: dict[str, Any] = {
            "num_predict": settings.model_tokens,
            "client_kwargs": {"timeout": settings.model_seconds},
        }
    else:
        options = {
            "max_tokens": settings.model_tokens,
            "timeout": settings.model_seconds,
            "max_retries": 0,  # the client would go on after the time limit: see Model._read
        }
    if settings.model_url:
        options["base_url"] = settings.model_url
        if provider == "openai" and not os.environ.get("OPENAI_API_KEY"):
            options["api_key"] = "none"  # a server of one's own mostly wants none, the client always
    return {"temperature": 0, **options}


def _unusable(name: str, provider: str, error: Exception) -> str:
    text = str(error)
    if "nsupported" in text and "provider" in text:
        return f"There is no provider {provider!r}: name a model as in openai:gpt-4o-mini or ollama:llama3.2."
    if "key" in text.lower() or "credential" in text.lower():
        return f"The model {name} needs a key: set {_key(provider)}, or ask without a model."
    return f"The model {name} cannot be used ({_short(error)}). Check its name, or ask without a model."


def destination(name: str, settings: Settings) -> tuple[str, bool]:
    """Where questions and passages are sent, and whether that is this machine."""
    provider = name.partition(":")[0]
    set_elsewhere = (os.environ.get(name) for name in _ADDRESSES.get(provider, ()))
    place = settings.model_url or next(filter(None, set_elsewhere), None) or _HOSTS.get(provider, provider)
    place = re.sub(r"//[^/@]*@", "//", place)  # a password may stand there
    host = urlsplit(place if "//" in place else f"//{place}").hostname or ""
    try:
        return place, host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return place, False


def try_model(model: Model) -> str | None:
    """Ask the model for one word; what is wrong if it does not reply."""
    try:
        return None if model.text(trial_messages()) else f"The model {model.name} gave an empty reply."
    except ModelFailed as error:
        return str(error)


def _problem(error: BaseException, name: str) -> str:
    """What went wrong, in a sentence, by LangChain's own kinds of errors and those that clients raise below it."""
    import httpx
    from langchain_core import exceptions as kinds

    provider = name.partition(":")[0]
    status = getattr(error, "status_code", None)
    if isinstance(error, (kinds.ModelAuthenticationError, kinds.ModelPermissionDeniedError)) or status in {401, 403}:
        return f"The key for {name} was refused: set the right one in {_key(provider)}."
    if isinstance(error, kinds.ModelNotFoundError) or status == 404:
        return f"There is no model {name} at its provider: check the name."
    if isinstance(error, kinds.ModelRateLimitError) or status == 429:
        return f"The provider of {name} takes no more questions for now: try again later."
    if isinstance(error, (kinds.ModelTimeoutError, httpx.TimeoutException, TimeoutError)):
        return f"The model {name} did not reply in time."
    if isinstance(error, kinds.ContextOverflowError) or _TOO_LONG.search(str(error)):
        return f"The passages are too long for the model {name}."
    if isinstance(error, (kinds.ModelConnectionError, httpx.TransportError, ConnectionError)):
        return f"The model {name} cannot be reached: check the network and the address."
    if isinstance(error, (kinds.OutputParserException, TypeError, AttributeError)):
        return f"The reply of the model {name} was not in the form that was asked for."
    return f"The model {name} failed ({_short(error)})."


def _key(provider: str) -> str:
    return _KEYS.get(provider, f"{provider.upper()}_API_KEY")


def _short(error: BaseException) -> str:
    line = " ".join(str(error).split())
    return f"{type(error).__name__}: {line[:160]}" if line else type(error).__name__

"""Every setting in one table: name, type, bounds, default, sentence. The environment and ask.toml are read here only.

A flag goes before ASK_* in the environment, that before the ask.toml of the current folder, that before the ask.toml
of the user's data folder, that before the default. Reading settings makes no file and no folder.

The current folder may be a copy of what somebody else has written. So its ask.toml may name the notes and little more;
what reaches out, lets others in or runs something is left out of it: see FROM_ANY_FOLDER.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from corpus.errors import SettingsError
from index.embedding import DEFAULT_ENCODER
from index.location import ask_home

PREFIX = "ASK_"
FILE = "ask.toml"
ALGORITHMS = frozenset(f"{family}{bits}" for family in ("HS", "RS", "ES", "PS") for bits in (256, 384, 512)) | {"EdDSA"}
FROM_ANY_FOLDER = frozenset({"notes", "base_url", "max_question", "wait_seconds"})
_SET_ELSEWHERE = frozenset({"ASK_HOME"})  # read by index.location, which also places ask.toml


def _words(value: object) -> object:
    """A list is written with spaces or commas between: in the environment it is one text."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]


class Settings(BaseSettings):
    """The table. `ask doctor` prints it with where each value comes from."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    notes: Path | None = Field(
        None, description="Folder or file of notes that are asked; default: the packaged course."
    )
    encoder: str = Field(
        DEFAULT_ENCODER, min_length=1, description="Encoder: the packaged one, or any sentence-transformers model."
    )
    store: str | None = Field(
        None, pattern=r"^https?://", description="Address of a Chroma server; default: embedded in the data folder."
    )
    base_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s<>\"]+/$",
        description="Where the notes can be opened, for links; default: files here.",
    )
    model: str | None = Field(
        None,
        pattern=r"^[a-z][a-z_]*:\S+$",
        description="Chat model that words the answers, as provider:name (openai:gpt-4o-mini, ollama:llama3.2); "
        "default: none, the notes are quoted.",
    )
    model_url: str | None = Field(
        None, pattern=r"^https?://[^\s@]+$", description="Address of the model's server; default: that of its provider."
    )
    model_seconds: float = Field(60.0, gt=0, le=3_600, description="Longest that a model may take for one reply.")
    model_tokens: int = Field(800, ge=16, le=100_000, description="Longest reply of a model, in tokens.")
    model_retries: int = Field(
        2, ge=0, le=10, description="How often a request to a model is tried again, where that helps."
    )
    docker: Literal["off", "on", "logs"] = Field(
        "off",
        description="Whether a question may look at the Docker of this machine, with commands that only read; "
        "logs: what programs have written too.",
    )
    docker_host: str | None = Field(
        None, pattern=r"^unix://\S+$", description="Socket of the Docker engine, unix://...; default: found here."
    )
    journal: str | None = Field(
        None,
        pattern=r"^(none|[a-z][a-z0-9+_]*://.*)$",
        description="Database of what was asked, as a SQLAlchemy URL (none: nothing is kept); "
        "default: a file of SQLite in the data folder.",
    )
    keep_days: int | None = Field(
        None, ge=1, le=36_500, description="Days after which what was asked is removed; default: it is kept."
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s<>\"?#]+/$",
        description="Address under which others reach `ask serve`, as https://ask.example.org; "
        "default: the one it listens on.",
    )
    cors_origins: Words = Field(
        (), description="Origins of web pages that may call `ask serve`, exact (https://forum.example); default: none."
    )
    proxies: Words = Field(
        (), description="Addresses or networks of proxies whose X-Forwarded-For is believed; default: none."
    )
    anonymous_per_minute: int = Field(5, ge=1, le=1_000_000, description="Questions a minute from one address.")
    anonymous_per_hour: int = Field(40, ge=1, le=1_000_000, description="Questions an hour from one address.")
    identified_per_minute: int = Field(
        20, ge=1, le=1_000_000, description="Questions a minute of one API key or one signed-in reader."
    )
    answers_at_once: int = Field(8, ge=1, le=256, description="Answers that `ask serve` works on at the same time.")
    answers_waiting: int = Field(
        32, ge=0, le=10_000, description="Questions that may wait for their turn; more are told to come back (503)."
    )
    answer_seconds: float = Field(90.0, gt=0, le=3_600, description="Longest that `ask serve` works on one answer.")
    chat_in_serve: bool = Field(True, description="Whether `ask serve` has the chat page too, at /chat.")
    log_questions: bool = Field(False, description="Whether the log of `ask serve` has the text of questions.")
    identity_keys: Path | None = Field(
        None,
        description="File with the keys that sign a forum's tokens (JWT): PEM blocks, or one secret a line; "
        "default: no tokens.",
    )
    identity_issuer: str = Field("", description="Issuer (iss) that a token must name.")
    identity_audience: str = Field("ask", min_length=1, description="Audience (aud) that a token must name.")
    identity_algorithms: Words = Field(
        ("HS256",),
        description="Algorithms that a token may be signed with: HS256, RS256, ES256 or EdDSA, for instance.",
    )
    identity_course: str = Field("", description="Course that a token must name; default: any.")
    embed_origins: Words = Field(
        (),
        description="Origins whose pages may show the widget, as https://forum.example.org (a port if there is one), "
        "with commas between; default: none.",
    )
    bot_forum: Literal["discourse", "spirit"] | None = Field(
        None, description="Forum in which the bot replies; default: there is no bot."
    )
    bot_url: str | None = Field(
        None, pattern=r"^https?://[^\s@<>\"]+$", description="Address of the forum. That of a delivery is never used."
    )
    bot_user: str = Field("", max_length=60, description="Name of the bot's own account in the forum.")
    bot_key: SecretStr = Field(
        SecretStr(""), description="Key (Discourse) or token (Spirit) with which the bot writes."
    )
    bot_secrets: SecretStr = Field(
        SecretStr(""),
        description="Secrets that deliveries are signed with, with a space between; several while they change.",
    )
    bot_categories: Words = Field(
        (), description="Ids of the categories whose new topics are answered; default: only who calls the bot is."
    )
    bot_ignore: Words = Field((), description="Names of other bots, which are never answered.")
    bot_when_unsure: Literal["silent", "say_so", "flag_staff"] = Field(
        "silent",
        description="What the bot does where the notes do not say: nothing, say so, or show the post to staff.",
    )
    bot_per_topic: int = Field(3, ge=1, le=100, description="How often the bot writes in one topic at most.")
    bot_review: bool = Field(False, description="Whether each reply waits until staff have approved it.")
    bot_interval: float = Field(10.0, ge=0, le=3_600, description="Seconds between two replies of the bot.")
    bot_lease: float = Field(
        120.0, ge=1, le=3_600, description="Seconds after which the work of a bot that was killed is taken up again."
    )
    bot_sweep: float = Field(
        300.0, ge=1, le=86_400, description="Seconds between two looks for posts that no delivery told of."
    )
    bot_in_serve: bool = Field(True, description="Whether `ask serve` works as the bot too; if not, `ask bot` does.")
    max_question: int = Field(4_000, ge=1, le=100_000, description="Longest question that is searched, in characters.")
    wait_seconds: float = Field(600.0, ge=0, le=86_400, description="How long to wait for another build of the index.")

    @field_validator("notes", mode="before")
    @classmethod
    def notes_have_a_name(cls, value: object) -> object:
        """An empty path would be the current folder."""
        if isinstance(value, str) and not value.strip():
            raise ValueError("empty")
        return value

    @field_validator("notes")
    @classmethod
    def tilde_is_home(cls, value: Path | None) -> Path | None:
        """A file of settings is read by no shell that would expand it."""
        return value.expanduser() if value is not None else None

    @field_validator("proxies")
    @classmethod
    def proxies_are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """One address is a network as well."""
        for proxy in value:
            ipaddress.ip_network(proxy)
        return value

    @field_validator("identity_algorithms")
    @classmethod
    def algorithms_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """`none` is no signature; and one kind of key serves one family."""
        families = {name[:2] for name in value}
        if not value or len(families) > 1 or not set(value) <= ALGORITHMS:
            raise ValueError(f"one or more of one family of: {', '.join(sorted(ALGORITHMS))}")
        return value

    @field_validator("public_url", "base_url", mode="before")
    @classmethod
    def base_ends_in_a_slash(cls, value: object) -> object:
        """What stands after the last slash of a base would be lost."""
        return f"{value}/" if isinstance(value, str) and value and not value.endswith("/") else value

    @field_validator("cors_origins", "embed_origins")
    @classmethod
    def origins_are_exact(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """As a browser names them, for they are compared by letter."""
        return tuple(dict.fromkeys(exact_origin(each) for each in value))

    @field_validator("model", mode="before")
    @classmethod
    def none_is_no_model(cls, value: object) -> object:
        """`--model none` goes before a model in the environment."""
        return None if value == "none" else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, environment, files."""
        del dotenv_settings, file_secret_settings
        files = (InitSettingsSource(settings_cls, file.values) for file in settings_files())
        return init_settings, env_settings, *files


_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def exact_origin(address: str) -> str:
    """Scheme, host and port as a browser writes them. Raises ValueError for more, for less, and for patterns."""
    found = address.strip().lower().removesuffix("/")
    if not _ORIGIN.fullmatch(found):
        raise ValueError(f"{address!r} is no origin: scheme and host, and a port if it is not the usual one")
    parts = urlsplit(found)
    usual = parts.port == _DEFAULT_PORTS[parts.scheme]  # a port above 65535 is a ValueError
    return found.rpartition(":")[0] if usual else found


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """An ask.toml that is in use: what it sets, and the settings in it that are left out."""

    path: Path
    values: dict[str, Any]
    left_out: tuple[str, ...] = ()


def settings_files() -> list[SettingsFile]:
    """The ask.toml of the current folder and that of the data folder, as far as there are any. Raises SettingsError."""
    own = ask_home() / FILE
    files = [SettingsFile(own, _values(own))] if own.is_file() else []
    try:
        here = Path.cwd() / FILE
    except OSError:  # the folder has been removed
        return files
    if not here.is_file() or (files and here.samefile(own)):
        return files
    values = _values(here)
    left_out = tuple(name for name in values if name in Settings.model_fields and name not in FROM_ANY_FOLDER)
    kept = {name: value for name, value in values.items() if name not in left_out}
    return [SettingsFile(here, kept, left_out), *files]


def _values(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:  # not TOML, or not readable
        raise SettingsError(f"{file} cannot be read: {error}. Mend or remove it.") from error


def left_out_sentence(file: SettingsFile) -> str:
    """What is left out of a file, why, and where it would be taken from."""
    return (
        f"{', '.join(file.left_out)} in the {FILE} of the current folder: left out, it may be somebody else's file. "
        f"If you want it, set it in {ask_home() / FILE} or as {PREFIX}{file.left_out[0].upper()}."
    )


@cache
def _warn(sentence: str) -> None:
    """Say it once, on standard error or wherever the log of a server goes."""
    logging.getLogger(__name__).warning("ask: %s", sentence)


def load_settings(**flags: Any) -> Settings:
    """Read all settings; flags that are None count as not given. Raises SettingsError."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | _SET_ELSEWHERE
    strange = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if strange:
        raise SettingsError(f"There is no setting {strange[0]}. Unset it; `ask doctor` lists those there are.")
    for file in settings_files():
        if file.left_out:
            _warn(left_out_sentence(file))
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "?"
        if name == "model":
            raise SettingsError(
                f"The model {first['input']!r} has no provider. Name one as in openai:gpt-4o-mini or ollama:llama3.2."
            ) from error
        if first["type"] == "extra_forbidden":
            raise SettingsError(
                f"There is no setting {name!r} (in {FILE}). `ask doctor` lists those there are."
            ) from error
        about = Settings.model_fields[name].description if name in Settings.model_fields else ""
        why = "" if "pattern" in first["type"] else f" ({first['msg'].removeprefix('Value error, ')})"
        raise SettingsError(
            f"The setting {PREFIX}{name.upper()} cannot be {first['input']!r}{why}. It is: {about}"
        ) from error

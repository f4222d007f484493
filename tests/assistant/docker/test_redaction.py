from __future__ import annotations

import json
import time
from typing import Any

import pytest

from assistant.docker.redaction import REDACTED, clean, redact_json, redact_text

TOKEN = "a1B2" * 9
ORDINARY: dict[str, Any] = {
    "Id": "3f4e" * 16,
    "Created": "2026-11-24T10:00:00.123456789Z",
    "Path": "sh",
    "Args": ["-c", "nginx -g 'daemon off;'"],
    "State": {"Status": "running", "Running": True, "Pid": 1234, "ExitCode": 0, "Error": "", "OOMKilled": False},
    "Image": "sha256:" + "ab" * 32,
    "Name": "/web",
    "RestartCount": 0,
    "AppArmorProfile": "docker-default",
    "HostConfig": {
        "Binds": ["data:/data", "/srv/site:/usr/share/nginx/html:ro"],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
        "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "SecurityOpt": None,
        "Memory": 0,
        "CpuShares": 512,
        "MaskedPaths": ["/proc/keys", "/proc/timer_list"],
    },
    "Mounts": [{"Type": "volume", "Name": "data", "Source": "/var/lib/docker/volumes/data/_data", "RW": True}],
    "Config": {
        "Hostname": "3f4e3f4e3f4e",
        "Env": ["PATH=/usr/local/sbin:/usr/bin:/bin", "HOME=/root", "EMPTY=", "NOVALUE"],
        "Cmd": ["nginx", "--port", "80"],
        "Image": "nginx:1.27@sha256:" + "cd" * 32,
        "Labels": {"com.docker.compose.project": "site", "maintainer": "NGINX <docker@nginx.com>", "version": "1.27"},
        "Entrypoint": None,
    },
    "NetworkSettings": {
        "SandboxKey": "/var/run/docker/netns/3f4e",
        "Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
        "Networks": {"bridge": {"IPAddress": "172.17.0.2", "MacAddress": "02:42:ac:11:00:02", "DNSNames": None}},
    },
}


class TestText:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("postgres://user:hunter2@db/app", f"postgres://user:{REDACTED}@db/app"),
            ("https://:s3cr3t@host/x", f"https://:{REDACTED}@host/x"),
            ("Authorization: Bearer abcdef123456", f"Authorization: {REDACTED} {REDACTED}"),
            ('"authorization": "Basic dXNlcjpwYXNz"', f'"authorization": {REDACTED}'),
            ("Proxy-Authorization=abcdef123", f"Proxy-Authorization={REDACTED}"),
            ("sent bearer abc.def_123~x==", f"sent bearer {REDACTED}"),
            ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl end", f"jwt {REDACTED} end"),
            ("jwt eyJhbGciOiJI.eyJzdWIiOiIx end", f"jwt {REDACTED} end"),
            ("x-eyJhbGciOiJI.eyJzdWIiOiIx.", f"x-{REDACTED}"),
            ("id AKIAIOSFODNN7EXAMPLE.", f"id {REDACTED}."),
            ("id ASIAIOSFODNN7EXAMPLE.", f"id {REDACTED}."),
            (f"ghp_{TOKEN} gho_{TOKEN}", f"{REDACTED} {REDACTED}"),
            (f"github_pat_{TOKEN}_x", REDACTED),
            (f"glpat-{TOKEN}", REDACTED),
            (f"xoxb-{TOKEN}", REDACTED),
            (f"sk-{TOKEN} and pk_live_{TOKEN}", f"{REDACTED} and {REDACTED}"),
            (f"dckr_pat_{TOKEN}", REDACTED),
            (f"dckr_oat_{TOKEN}", REDACTED),
            (f"hf_{TOKEN}", REDACTED),
            (f"npm_{TOKEN}", REDACTED),
            (f"pypi-{TOKEN}", REDACTED),
            (f"AIza{TOKEN}", REDACTED),
            ("SWMTKN-1-49nj1cmql0jkz5s954yi3oex3nedyz0f-b7xw", REDACTED),
            ("SWMKEY-1-7c37Cc8654o6p38HnroywCi19pllOnGtbd", REDACTED),
            ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nx", f"{REDACTED}\nx"),
            ("a -----BEGIN PRIVATE KEY-----\nabc cut here", f"a {REDACTED}"),
            ("password=hunter2", f"password={REDACTED}"),
            ("DB_PASSWORD: hunter2, next", f"DB_PASSWORD: {REDACTED}, next"),
            ('{"password": "two words", "a": 1}', f'{{"password": {REDACTED}, "a": 1}}'),
            ("password = 'two words'", f"password = {REDACTED}"),
            ("api_key=abc apiKey=def api-key => ghi", f"api_key={REDACTED} apiKey={REDACTED} api-key => {REDACTED}"),
            ("SECRETS=a;TOKEN=b&auth=c", f"SECRETS={REDACTED};TOKEN={REDACTED}&auth={REDACTED}"),
            ("AWS_SECRET_ACCESS_KEY=abc", f"AWS_SECRET_ACCESS_KEY={REDACTED}"),
            ("redis --requirepass hunter2 --port 1", f"redis --requirepass {REDACTED} --port 1"),
            ("mysql --db-password hunter2", f"mysql --db-password {REDACTED}"),
            ("curl -token 'two words' x", f"curl -token {REDACTED} x"),
            ("passphrase=a session_id=b cookie: c", f"passphrase={REDACTED} session_id={REDACTED} cookie: {REDACTED}"),
        ],
    )  # fmt: skip
    def test_what_looks_like_a_secret_goes(self, text: str, shown: str) -> None:
        redacted = redact_text(text)
        assert redacted.value == shown
        assert redacted.secrets >= shown.count(REDACTED)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "listening on port 80",
            "the password is stored elsewhere",
            "no tokens were found; keys: a, b",
            "https://user@host/path and http://host:8080/@x",
            "mount /run/secrets at once",
            "auth=true token: null secret=false",
            "the author: Anna",
            "basic usage of bearer bonds",
            "monkey=banana keyboard=qwerty",
            "--passwordless yes",
            "sha256:" + "ab" * 32,
            "0.0.0.0:8080->80/tcp",
            "--password --verbose",
            "risk-adjusted desk_lamp",
        ],
    )
    def test_ordinary_text_stays(self, text: str) -> None:
        assert redact_text(text) == (text, 0)

    def test_redacting_again_changes_nothing(self) -> None:
        once = redact_text("password=hunter2 --token abc Authorization: Bearer abcdef123456 postgres://u:p@h/x").value
        assert redact_text(once) == (once, 0)


class TestJson:
    def test_nothing_goes_from_an_ordinary_container(self) -> None:
        assert redact_json(ORDINARY) == (ORDINARY, 0)

    def test_of_variables_the_names_stay(self) -> None:
        row = {"Config": {"Env": ["PATH=/bin", "DB_PASSWORD=hunter2", "DEBUG=1", "A=b=c", "EMPTY=", "X"]}}
        value, count = redact_json(row)
        shown = ["PATH=/bin", f"DB_PASSWORD={REDACTED}", f"DEBUG={REDACTED}", f"A={REDACTED}", "EMPTY=", "X"]
        assert value == {"Config": {"Env": shown}}
        assert count == 3

    def test_variables_of_an_image_and_of_a_service_go_too(self) -> None:
        value, _ = redact_json([{"ContainerConfig": {"Env": ["A=b"]}}, {"Spec": {"ContainerEnv": ["A=b"]}}])
        assert "b" not in json.dumps(value).replace(REDACTED, "").replace("ContainerConfig", "").replace(
            "Container", ""
        )

    def test_labels_and_options_go_by_their_key(self) -> None:
        row = {
            "Labels": {"com.example.secret": "s3", "com.example.url": "postgres://u:s3@h/a", "plain": "yes"},
            "Options": {"type": "cifs", "o": "username=u,password=s3", "apiKey": "s3"},
            "Actor": {"Attributes": {"image": "x", "auth_token": "s3", "exitCode": "137"}},
        }
        value, count = redact_json(row)
        assert "s3" not in json.dumps(value)
        assert count == 5
        assert value["Labels"]["plain"] == "yes"
        assert value["Options"]["o"] == f"username=u,password={REDACTED}"
        assert value["Actor"]["Attributes"] == {"image": "x", "auth_token": REDACTED, "exitCode": "137"}

    def test_the_word_behind_a_flag_that_names_a_secret_goes(self) -> None:
        row = {
            "Path": "redis",
            "Args": ["--requirepass", "s3", "--port", "1", "--token", "--verbose", "-db-password", "s3"],
        }
        value, count = redact_json(row)
        assert value["Args"] == [
            "--requirepass",
            REDACTED,
            "--port",
            "1",
            "--token",
            "--verbose",
            "-db-password",
            REDACTED,
        ]
        assert count == 2

    def test_a_command_line_in_one_word_is_searched(self) -> None:
        value, _ = redact_json({"Cmd": ["sh", "-c", "run --password s3 --port 1"], "CreatedBy": "ENV TOKEN=s3"})
        assert value == {
            "Cmd": ["sh", "-c", f"run --password {REDACTED} --port 1"],
            "CreatedBy": f"ENV TOKEN={REDACTED}",
        }

    def test_a_list_below_a_key_that_names_a_secret_goes(self) -> None:
        assert redact_json({"Tokens": ["a", "b"], "auth": ["c"]}).value == {
            "Tokens": [REDACTED, REDACTED],
            "auth": [REDACTED],
        }

    def test_proxies_of_the_engine_lose_their_password(self) -> None:
        info = {"HttpProxy": "http://me:s3@proxy:3128", "NoProxy": "localhost", "Plugins": {"Authorization": None}}
        assert redact_json(info).value == {**info, "HttpProxy": f"http://me:{REDACTED}@proxy:3128"}

    def test_keys_and_types_stay(self) -> None:
        row = {
            "password": None,
            "token": 7,
            "secret": True,
            "auth": {},
            "Env": None,
            "a": [1, 2.5, None, True],
            "pwd": "",
        }
        value, count = redact_json(row)
        assert value == row
        assert count == 0
        assert [type(each) for each in value.values()] == [type(each) for each in row.values()]

    @pytest.mark.parametrize(
        "value", [None, 1, True, "x", [], {}, [[["x"]]], {"Env": {"a": "b"}}, {"Env": [1, None, []]}]
    )
    def test_any_shape_is_taken(self, value: Any) -> None:
        assert redact_json(value) == (value, 0)


class TestClean:
    @pytest.mark.parametrize(
        ("data", "shown"),
        [
            (b"plain\ttext\n", "plain\ttext\n"),
            (b"a\r\nb\rc\n", "a\nb\nc\n"),
            (b"\x1b[31mred\x1b[0m", "red"),
            (b"\x1b[2J\x1b[1;1Hx\x1b[?25l", "x"),
            (b"\x1b[", ""),
            (b"a\x1b[38;5;1", "a"),
            (b"\x1b]0;owned\x07title", "title"),
            (b"\x1b]0;owned\x1b\\title", "title"),
            (b"\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
            (b"\x1b]0;never closed\nnext line", "\nnext line"),
            (b"\x1bP1$r0m\x1b\\a", "a"),
            (b"\x1bPnever closed\nnext line", "\nnext line"),
            (b"\x1b^pm\x1b\\a\x1b_apc\x1b\\b\x1bXsos\x1b\\c", "abc"),
            (b"\x1bc\x1b(Ba\x1b7", "a"),
            (b"\x1b", ""),
            (b"a\x1b\nb", "a\nb"),
            ("\x9b31mred\x9b0m".encode(), "red"),
            ("\x9d0;owned\x9ctitle".encode(), "title"),
            ("\x90dcs\x9ca\x85b".encode(), "ab"),
            (b"\0\x01\x07\x08\x0b\x0c\x1f\x7f", "\u2400\u2401\u2407\u2408\u240b\u240c\u241f\u2421"),
            ("\u202eright to left\u202c".encode(), "<U+202E>right to left<U+202C>"),
            ("\u2066a\u2069\u200f".encode(), "<U+2066>a<U+2069><U+200F>"),
            ("a\u200bb\u200dc\u2060d\ufeff".encode(), "a<U+200B>b<U+200D>c<U+2060>d<U+FEFF>"),
            ("\U000e0041\ufe0f\ue000\u2028\u00ad".encode(), "<U+E0041><U+FE0F><U+E000><U+2028><U+00AD>"),
            (b"\xff\xfe ok \xc3", "\ufffd\ufffd ok \ufffd"),
            (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
            ("ärger 日本 \U0001f600 é".encode(), "ärger 日本 \U0001f600 é"),
        ],
    )
    def test_output_shows_what_it_is_and_acts_on_nothing(self, data: bytes, shown: str) -> None:
        assert clean(data) == shown

    def test_no_character_that_acts_is_left_of_any_byte(self) -> None:
        data = bytes(range(256)) * 4 + "".join(map(chr, range(0x80, 0x3000))).encode()
        assert not [c for c in clean(data) if c not in "\n\t" and (c < " " or "\x7f" <= c <= "\x9f")]


HOSTILE = [
    "eyJ-",
    "eyJaaaaaaaa.",
    "a://",
    "a://b:",
    "a://b:c",
    "authorization ",
    "authorization:",
    "bearer ",
    "bearer aaaaaaaa ",
    "basic a",
    "password",
    "password ",
    "password=",
    'password="',
    "password='",
    "--password ",
    "--a-",
    "-",
    "--aaaaaaaaa",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN ",
    "sk-",
    "ghp_",
    "SWMTKN-1-",
    "xoxb-",
    "AKIA",
    "a",
    " ",
    "=",
    "\t:",
    "\x1b]",
    "\x1b[",
    "\x1b",
    "\x1bP",
    "\x9b",
    "\x9d",
    "\u202e",
    "\r",
    "<redacted>",
    "key:",
    "api_",
    "api-key=>",
    "a.b://c",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_output_takes_no_longer_than_any_other(piece: str) -> None:
    data = (piece * (300_000 // len(piece))).encode()[:300_000]
    started = time.thread_time()  # of this thread alone: other work on the machine does not count
    redact_text(clean(data)[:300_000])
    assert time.thread_time() - started < 2  # what grows with the square takes twenty

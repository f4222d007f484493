"""A real forum: Spirit with our app in it, in its own environment, and a student who uses its pages."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
COMMANDS = ROOT / ".venv-forum" / "bin"
APP = ROOT / "ui" / "bot" / "spirit_app"
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
TOKEN = "t" * 40
PASSWORD = "correct-horse"
WIDGET = "http://127.0.0.1:9/widget.js"
SETTINGS = """
import os

from .dev import *

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ST_RATELIMIT_ENABLE = os.environ["E2E_LIMIT"] == "1"
# Else SQLite refuses who has read before somebody else has written.
DATABASES["default"]["OPTIONS"] = {"timeout": 20, "transaction_mode": "IMMEDIATE"}
INSTALLED_APPS.append("ask_notes_forum")
ROOT_URLCONF = "forum.e2e_urls"
ASK_NOTES = {
    "WEBHOOK_URL": os.environ["E2E_WEBHOOK"],
    "SECRET": os.environ["E2E_SECRET"],
    "TOKEN": os.environ["E2E_TOKEN"],
    "BOT_USER": os.environ["E2E_BOT"],
    "WIDGET_URL": os.environ["E2E_WIDGET"],
}
MIDDLEWARE.insert(0, "forum.slow.slow")
MIDDLEWARE.append("forum.policy.policy")  # before the length of a page is told
"""
URLS = """
from django.http import HttpResponse
from django.urls import include, path

from forum.urls import urlpatterns

urlpatterns = [
    path("ask/", include("ask_notes_forum.urls")),
    path("favicon.ico", lambda request: HttpResponse(status=204)),  # a browser asks for it, and Spirit has none
    *urlpatterns,
]
"""
# Between what the forum has written and what the bot hears of it there is time to die; each request is told of.
SLOW = """
import os
import time


def slow(get_response):
    def answer(request):
        response = get_response(request)
        print(request.method, request.path, response.status_code, flush=True)
        if request.path == "/ask/replies/":
            time.sleep(float(os.environ.get("E2E_SLOW", "0")))
        return response

    return answer
"""
# A policy for every page, and its nonce on Spirit's own scripts, as whoever runs such a forum has to put it there.
POLICY = """
import os
import secrets


def policy(get_response):
    def answer(request):
        wanted = os.environ["E2E_POLICY"]
        if not wanted:
            return get_response(request)
        request.csp_nonce = secrets.token_urlsafe(16)
        response = get_response(request)
        response["Content-Security-Policy"] = wanted.replace("NONCE", request.csp_nonce)
        if response.get("Content-Type", "").startswith("text/html"):
            nonce = f'<script nonce="{request.csp_nonce}"'.encode()
            for plain in (b"<script>", b"<script src"):
                response.content = response.content.replace(plain, plain.replace(b"<script", nonce))
        return response

    return answer
"""
BASE = """{% extends "spirit/_base.html" %}
{% block custom_after_spirit_body %}{% include "ask_notes_forum/widget.html" %}{% endblock %}
"""
BOTS = ("notesbot", "otherbot")
STUDENTS = ("ada", "bob", "cleo")
STAFF = "dora"
PEOPLE = f"""
from django.contrib.auth import get_user_model
from spirit.category.models import Category
for name in {(*BOTS, *STUDENTS, STAFF)!r}:
    user = get_user_model().objects.create_user(name, name + "@example.com", {PASSWORD!r})
    user.st.is_verified = True
    user.st.is_administrator = user.st.is_moderator = name == {STAFF!r}
    user.st.save()
print("ids", Category.objects.create(title="Questions").pk, Category.objects.create(title="Other").pk)
"""


def without_proxies() -> dict[str, str]:
    """The environment of programs that may use the network, as pip does."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def run(command: list[str], folder: Path, environment: dict[str, str], given: str | None = None) -> str:
    """Run a program to its end; a failure shows what it printed."""
    done = subprocess.run(
        command, cwd=folder, env=environment, input=given, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass
class Student:
    """Somebody who has logged in, and writes through the forum's own pages."""

    client: httpx.Client

    def page(self, path: str) -> str:
        """A page of the forum."""
        response = self.client.get(path, follow_redirects=True)
        assert response.status_code == 200, f"{path}: {response.status_code}"
        return response.text

    def fill_in(self, path: str, **fields: str) -> httpx.Response:
        """Fill in the form of a page; what the forum answers."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page(path))
        assert token, path
        return self.client.post(
            path, data={"csrfmiddlewaretoken": token[1], **fields}, headers={"Referer": str(self.client.base_url)}
        )

    def send(self, path: str, **fields: str) -> str:
        """Fill in the form of a page; the address of the page that comes then."""
        sent = self.fill_in(path, **fields)
        assert sent.status_code == 302, f"{path}: {sent.status_code} {said_by(sent.text)}"
        return str(sent.headers["location"])

    def open_topic(self, title: str, text: str, category: str) -> str:
        """Open a topic; its id."""
        where = self.send("/topic/publish/", title=title, comment=text, category=category)
        found = re.search(r"/topic/(\d+)/", where)
        assert found, where
        return found[1]


def said_by(page: str) -> str:
    """The messages on top of a page of the forum."""
    return " ".join(re.findall(r"<li>([^<]*)</li>", page.partition('class="message_text"')[2].partition("</ul>")[0]))


@dataclass(frozen=True)
class Project:
    """A Spirit that is made, with people and categories in it."""

    folder: Path
    environment: dict[str, str] = field(repr=False)
    questions: str  # the category that is answered
    other: str


@dataclass
class Spirit:
    """A running Spirit."""

    folder: Path
    address: str
    questions: str
    other: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)
    clients: ExitStack = field(default_factory=ExitStack, repr=False)

    def student(self, name: str = "ada") -> Student:
        """A student, logged in."""
        student = Student(self.clients.enter_context(httpx.Client(base_url=self.address, timeout=30)))
        student.send("/user/login/", username=name, password=PASSWORD)
        return student

    def comments(self, author: str, topic: str | None = None) -> list[tuple[str, str]]:
        """What somebody wrote, as (topic, text), out of the forum's own database."""
        with sqlite3.connect(f"file:{self.folder / 'db.sqlite3'}?mode=ro", uri=True, timeout=20) as database:
            wanted = (
                "SELECT c.topic_id, c.comment FROM spirit_comment_comment c JOIN auth_user u ON u.id = c.user_id "
                "WHERE u.username = ? ORDER BY c.id"
            )
            rows = database.execute(wanted, (author,)).fetchall()
        database.close()
        return [(str(where), text) for where, text in rows if topic in (None, str(where))]


def made(folder: Path) -> Project:
    """Make the environment if it is not there, and a forum in it."""
    if not (COMMANDS.parent / ".ready").exists():
        run(["make", f"PYTHON={sys.executable}", ".venv-forum/.ready"], ROOT, without_proxies())
    environment = without_proxies() | {
        "PATH": f"{COMMANDS}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(_installed(folder)),
        "DJANGO_SETTINGS_MODULE": "forum.settings.e2e", "E2E_WEBHOOK": "http://127.0.0.1:9/", "E2E_SECRET": SECRET,
        "E2E_TOKEN": TOKEN, "E2E_WIDGET": WIDGET, "E2E_SLOW": "0", "E2E_LIMIT": "0", "E2E_POLICY": "",
        "E2E_BOT": BOTS[0],
    }  # fmt: skip
    plain = {name: value for name, value in environment.items() if name != "DJANGO_SETTINGS_MODULE"}
    run([str(COMMANDS / "spirit"), "startproject", "forum"], folder, plain)
    project = folder / "forum"
    (project / "forum" / "settings" / "e2e.py").write_text(SETTINGS)
    (project / "forum" / "e2e_urls.py").write_text(URLS)
    (project / "forum" / "slow.py").write_text(SLOW)
    (project / "forum" / "policy.py").write_text(POLICY)
    (project / "templates" / "spirit").mkdir(parents=True)
    (project / "templates" / "spirit" / "_base.html").write_text(BASE)
    manage = [str(COMMANDS / "python"), "manage.py"]
    run([*manage, "spiritinstall"], project, environment)
    run([*manage, "makemigrations", "--check", "ask_notes_forum"], project, environment)
    _, questions, other = run([*manage, "shell", "-v", "0", "-c", PEOPLE], project, environment).split()[-3:]
    return Project(project, environment, questions, other)


@contextmanager
def running(project: Project, webhook: str, **settings: str) -> Iterator[Spirit]:
    """Serve a forum until the end of the block; settings are its E2E_... in small letters."""
    port = free_port()
    chosen = {f"E2E_{name.upper()}": value for name, value in settings.items()}
    with closing(sqlite3.connect(project.folder / "db.sqlite3", timeout=20)) as database, database:
        database.execute("DELETE FROM ask_notes_forum_delivery")  # what an earlier block has left
    log_file = project.folder / f"server-{port}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [str(COMMANDS / "python"), "manage.py", "runserver", f"127.0.0.1:{port}", "--noreload", "--insecure"],
            cwd=project.folder, env={**project.environment, "E2E_WEBHOOK": webhook, **chosen},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: _answers(address), 60, "the forum to start")
            with ExitStack() as clients:
                yield Spirit(project.folder, address, project.questions, project.other, log_file, process, clients)
        finally:
            process.kill()
            process.wait()


@contextmanager
def spirit(folder: Path, webhook: str, **settings: str) -> Iterator[Spirit]:
    """A new forum, served until the end of the block."""
    with running(made(folder), webhook, **settings) as forum:
        yield forum


def _installed(folder: Path) -> Path:
    """Our app as pip installs it, out of a copy of its sources."""
    shutil.copytree(APP, folder / "app-source", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    run([*pip, "--target", str(folder / "app"), str(folder / "app-source")], folder, dict(os.environ))
    return folder / "app"


def _answers(address: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{address}/", timeout=10).status_code == 200
    return False


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(is_so: Any, seconds: float, what: str) -> float:
    """Wait until something is so; how long that took."""
    started = time.monotonic()
    while not is_so():
        waited = time.monotonic() - started
        assert waited < seconds, f"waited {waited:.0f} s for {what}"
        time.sleep(0.05)
    return time.monotonic() - started


@dataclass
class Gate:
    """Stands between the forum and the service: refuses the first deliveries, lets through the rest, keeps them all."""

    address: str
    target: str = ""
    refuse: int = 0
    deliveries: list[tuple[int, str, bytes]] = field(default_factory=list)  # status, webhook-id, body


@contextmanager
def gate() -> Iterator[Gate]:
    """A gate on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = 503
            if here.refuse > 0 or not here.target:
                here.refuse -= 1
            else:
                headers = {name: value for name, value in self.headers.items() if name.lower().startswith("webhook-")}
                with suppress(httpx.TransportError):  # the service has ended, or not begun
                    status = httpx.post(here.target + self.path, content=body, headers=headers, timeout=10).status_code
            here.deliveries.append((status, self.headers["webhook-id"], body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Gate(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()

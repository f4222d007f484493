from __future__ import annotations

import json
import time
from urllib.parse import parse_qsl, quote

import pytest

from assistant.docker.routes import MAX_TARGET, ROUTES, Reply, Request, route

NAME = json.dumps({"name": {"web": True}})
LISTED = json.dumps({"type": ["container"]})
STARTED = json.dumps({"type": {"container": True}})
GOOD = [
    "/_ping",
    "/v1.41/_ping",
    "/version",
    "/v1.50/version",
    "/info",
    "/containers/json",
    "/v1.50/containers/json?all=1&limit=5&size=1",
    f"/containers/json?filters={quote(NAME)}",
    f"/containers/json?filters={quote(json.dumps({'status': ['exited', 'dead']}))}",
    "/containers/web/json",
    "/containers/web/json?size=1",
    "/containers/echo-server/changes",
    "/containers/web/top",
    "/containers/web/top?ps_args=-ef",
    "/containers/web/top?ps_args=aux",
    "/containers/web/top?ps_args=-o+pid%2Ccmd",
    "/containers/web/top?ps_args=-eo%20pid%2C%25cpu",
    "/containers/web/stats?stream=0",
    "/containers/web/stats?stream=false&one-shot=true",
    "/containers/web/logs?tail=200&stdout=1&stderr=1",
    "/containers/web/logs?tail=0&follow=0&timestamps=1&details=1&since=10m&until=1700000000.5",
    "/images/json?all=1&digests=1&shared-size=0&manifests=1",
    f"/images/json?filters={quote(json.dumps({'dangling': {'true': True}}))}",
    "/images/busybox:local/json",
    "/images/localhost:5000/a/b:1/json?manifests=1",
    f"/images/ubuntu@sha256:{'a' * 64}/json",
    f"/images/busybox/json?platform={quote(json.dumps({'os': 'linux', 'architecture': 'amd64', 'variant': ''}))}",
    "/images/busybox:local/history",
    f"/networks?filters={quote(json.dumps({'driver': {'bridge': True}}))}",
    "/networks/bridge?verbose=1&scope=local",
    "/volumes",
    "/volumes/data",
    "/system/df?type=container&verbose=1",
    "/events?since=1&until=1700000000",
    f"/events?until=1700000000.123456789&filters={quote(NAME)}",
]


@pytest.mark.parametrize("target", GOOD)
def test_what_reads_and_ends_is_let_through_as_it_was_asked(target: str) -> None:
    found = route("GET", target)
    assert isinstance(found, Request), found
    assert found.method == "GET"
    path, _, query = found.target.partition("?")
    asked, _, wanted = target.partition("?")
    assert path == asked
    assert sorted(parse_qsl(query)) == sorted(pair for pair in parse_qsl(wanted) if pair[1])


def test_each_route_has_been_tried() -> None:
    paths = [target.partition("?")[0].removeprefix("/v1.50").removeprefix("/v1.41") for target in GOOD]
    assert [each.path.pattern for each in ROUTES if not any(map(each.path.fullmatch, paths))] == []
    keys = {key for target in GOOD for key, _ in parse_qsl(target.partition("?")[2])}
    assert {key for each in ROUTES for key in each.query} == keys


def test_the_kind_of_an_answer_decides_how_it_is_read() -> None:
    kinds = {}
    for target in GOOD:
        found = route("GET", target)
        assert isinstance(found, Request)
        kinds[target.partition("?")[0].rpartition("/")[2]] = found.body
    assert {name for name, body in kinds.items() if body == "stream"} == {"logs", "events"}
    assert {name for name, body in kinds.items() if body == "empty"} == {"_ping"}


def _status(method: str, target: str) -> int:
    found = route(method, target)
    assert isinstance(found, Reply), found
    assert found.status == 200 or found.message
    return found.status


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PRI", "get", "GETX", "HEADER", ""]
)
def test_no_other_method_is_let_through(method: str) -> None:
    for target in GOOD:
        assert _status(method, target) == 403


def test_head_is_for_ping_alone() -> None:
    for target in GOOD:
        found = route("HEAD", target)
        assert isinstance(found, Request) == target.endswith("/_ping")
        assert not isinstance(found, Request) or found.method == "HEAD"


BAD_PATHS = [
    "",
    "/",
    "*",
    "_ping",
    "version",
    "http://docker/version",
    "//docker/version",
    "docker:80",
    "//version",
    "/version/",
    "/Version",
    "/v1.50",
    "/v1.50/",
    "/v1.50/v1.50/version",
    "/v1.5/version",
    "/v1.500/version",
    "/v2.50/version",
    "/v1.50/../version",
    "/./version",
    "/containers/../version",
    "/containers/%2e%2e/version",
    "/containers/%2E%2E/json",
    "/containers/web%2fjson",
    "/%76ersion",
    "/version%00",
    "/version\0",
    "/version\n",
    "/version\\",
    "/version;x",
    "/version#x",
    "/version#?x=1",
    "/vérsion",
    "/\u0661",
    "/v1.\u0665\u0660/version",
    "/containers",
    "/containers/",
    "/containers//json",
    "/containers/web",
    "/containers/web/attach",
    "/containers/web/attach?stdin=1&stream=1",
    "/containers/web/attach/ws?stdin=1&stream=1",
    "/v1.50/containers/web/attach/ws?stdin=1",
    "/containers/web/export",
    "/containers/web/archive?path=/etc",
    "/containers/web/exec",
    "/containers/web/start",
    "/containers/web/wait",
    "/containers/web/resize",
    "/containers/web/update",
    "/containers/web/checkpoints",
    "/containers/web/logs/x?tail=1",
    "/exec/abc/json/x",
    "/exec/abc/start",
    "/images/search?term=x",
    "/images/get?names=x",
    "/images/busybox/get",
    "/images/a/../../containers/web/json",
    "/images/busybox/push",
    "/distribution/busybox/json/x",
    "/distribution/busybox",
    "/build/prune",
    "/session",
    "/grpc",
    "/auth",
    "/swarm",
    "/swarm/unlockkey",
    "/plugins",
    "/plugins/privileges?remote=x",
    "/services",
    "/nodes",
    "/tasks",
    "/secrets",
    "/configs",
    "/networks/",
    "/system/dial-stdio",
    "/debug/pprof/",
    "/debug/vars",
    "/metrics",
    "/eventsx?until=1",
    "/_ping/x",
    "/containers/web/json/../../../info",
]


@pytest.mark.parametrize("target", BAD_PATHS)
def test_no_other_path_is_let_through(target: str) -> None:
    assert _status("GET", target) == 403


FUTURE = 4_102_444_800  # 2100
BAD_QUERIES = [
    "/version?",
    "/version?x",
    "/version?x=1",
    "/_ping?x=1",
    "/info?a=b",
    "/containers/json?all=2",
    "/containers/json?all=1&all=0",
    "/containers/json?all=1&a%6cl=0",
    "/containers/json?all=1&",
    "/containers/json?&all=1",
    "/containers/json?all=1;limit=1",
    "/containers/json?All=1",
    "/containers/json?all=",
    "/containers/json?all=1%0a",
    "/containers/json?limit=0",
    "/containers/json?limit=-1",
    "/containers/json?limit=\u0661",
    "/containers/json?limit=%D9%A1",
    "/containers/json?before=x",
    "/containers/json?" + "&".join(f"k{number}=1" for number in range(20)),
    "/containers/web/logs",
    "/containers/web/logs?stdout=1",
    "/containers/web/logs?tail=",
    "/containers/web/logs?tail=all",
    "/containers/web/logs?tail=-1",
    "/containers/web/logs?tail=1001",
    "/containers/web/logs?tail=5x",
    "/containers/web/logs?tail=1e3",
    "/containers/web/logs?tail=5&tail=all",
    "/containers/web/logs?tail=5&follow=1",
    "/containers/web/logs?tail=5&follow=true",
    "/containers/web/logs?tail=5&follow=t",
    "/containers/web/logs?tail=5&follow=0&follow=1",
    "/containers/web/logs?tail=5&since=-10m",
    "/containers/web/logs?tail=5&until=tomorrow",
    "/containers/web/stats",
    "/containers/web/stats?stream=1",
    "/containers/web/stats?stream=true",
    "/containers/web/stats?one-shot=1",
    "/containers/web/stats?stream=0&stream=1",
    "/containers/web/top?ps_args=e",
    "/containers/web/top?ps_args=eww",
    "/containers/web/top?ps_args=axe",
    "/containers/web/top?ps_args=-o+environ",
    "/containers/web/top?ps_args=-o+pid%2Cenviron",
    "/containers/web/top?ps_args=-o+pid+e",
    "/containers/web/top?ps_args=-ef%0a",
    "/containers/web/top?ps_args=",
    "/containers/web/json?size=2",
    "/images/busybox/json?platform=linux",
    f"/images/busybox/json?platform={quote('[]')}",
    f"/images/busybox/json?platform={quote(json.dumps({'os': '../x'}))}",
    f"/images/busybox/json?platform={quote(json.dumps({'features': 'x'}))}",
    f"/images/busybox/json?platform={quote(json.dumps({'os': 1}))}",
    f"/images/busybox/json?platform={quote('[' * 900)}",
    "/networks/bridge?scope=everything",
    "/system/df?type=secret",
    "/events",
    "/events?since=1",
    f"/events?filters={quote(NAME)}",
    f"/events?until={FUTURE}",
    f"/events?since={FUTURE}&until=1",
    "/events?until=99999999999",
    "/events?until=2020-01-01",
    "/events?until=1e3",
    "/events?until=-1",
    "/events?until=0s",
    "/events?until=1&until=2",
    f"/events?filters={quote(STARTED)}&since=1",
    f"/events?filters={quote(json.dumps({'type': {'image': True}}))}",
    f"/events?filters={quote('[' * 900)}",
]
BAD_FILTERS = [
    "",
    "x",
    "[]",
    "null",
    "1",
    '"name"',
    "{",
    '{"evil": {"x": true}}',
    '{"name": "web"}',
    '{"name": null}',
    '{"name": [1]}',
    '{"name": [["web"]]}',
    '{"name": {"a b": true}}',
    '{"name": {"../x": true}}',
    '{"name": {"x\\n": true}}',
    '{"name": {"": true}}',
    '{"name": {"$(id)": true}}',
    json.dumps({"name": [f"n{number}" for number in range(9)]}),
    "[" * 1_200,
    '{"name":' * 200,
]


@pytest.mark.parametrize("target", BAD_QUERIES)
def test_no_other_query_is_let_through(target: str) -> None:
    assert _status("GET", target) == 403


@pytest.mark.parametrize("filters", BAD_FILTERS, ids=range(len(BAD_FILTERS)))
@pytest.mark.parametrize("path", ["/containers/json?", "/images/json?", "/networks?", "/volumes?", "/events?until=1&"])
def test_no_other_filter_is_let_through(path: str, filters: str) -> None:
    assert _status("GET", f"{path}filters={quote(filters)}") == 403


def test_until_may_be_now() -> None:
    assert isinstance(route("GET", f"/events?until={int(time.time())}"), Request)
    assert _status("GET", f"/events?until={int(time.time()) + 60}") == 403


def test_a_target_has_a_longest() -> None:
    assert _status("GET", "/containers/json?limit=" + "1" * MAX_TARGET) == 414


@pytest.mark.parametrize(
    "path",
    [
        "/containers/busybox:local/json",
        "/v1.50/containers/localhost/x/json",
        "/images/Web/json",
        "/images/_x/json",
        "/plugins/web/json",
        "/services/web",
        "/nodes/web",
        "/tasks/web",
        "/secrets/web",
        "/configs/web",
        "/networks/busybox:local",
        "/volumes/busybox:local",
        "/networks/a/b",
        "/volumes/localhost:5000/a/b:1",
        "/services/web/logs",
    ],
)
def test_a_name_that_cannot_be_of_that_kind_is_not_found(path: str) -> None:
    """`docker inspect NAME` tries one kind after the other, and stops at any other answer than "not found"."""
    assert _status("GET", path) == 404
    assert _status("DELETE", path) == 403
    assert _status("HEAD", path) == 403


@pytest.mark.parametrize("filters", [STARTED, LISTED])
def test_stats_hears_of_no_new_containers_and_works(filters: str) -> None:
    assert _status("GET", f"/v1.50/events?filters={quote(filters)}") == 200
    assert route("GET", f"/events?filters={quote(filters)}") == Reply(200, "")

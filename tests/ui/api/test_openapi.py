"""The service against its own description, by schemathesis: requests of all kinds, right ones and wrong ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]

CONFIG = Path(__file__).with_name("schemathesis.toml")


def test_the_service_does_what_it_describes(service: Any, tmp_path: Path) -> None:
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)),
        *("run", f"{service.url}openapi.json"),
        *("--max-examples", "40", "--seed", "1", "--no-color", "--generation-database", "none"),
        *("--request-timeout", "30", "--suppress-health-check", "all", "--workers", "1"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    found = re.search(r"(\d+) generated", done.stdout)
    assert found is not None, done.stdout[-2_000:]
    assert int(found[1]) > 300, done.stdout[-2_000:]


def test_the_page_of_the_description_needs_no_other_host(client: httpx.Client) -> None:
    page = client.get("/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert addresses
    for address in addresses:
        assert address.startswith("/static/")
        assert client.get(address).status_code == 200
    assert client.get("/static/%2e%2e/app.py").status_code == 404


def test_docker_and_notes_cannot_be_asked_for(client: httpx.Client) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    assert set(schemas["AskBody"]["properties"]) == {"question", "history", "model"}
    assert "docker" not in json.dumps(schemas["AskBody"])


def test_a_generated_client_knows_answers_and_passages(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    schemas, paths = described["components"]["schemas"], described["paths"]

    def given(path: str, method: str) -> Any:
        reference = paths[path][method]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        return schemas[reference.rpartition("/")[2]]["properties"]

    question = {"question": "How do I publish a port?"}
    answer = client.post("/v1/ask", json=question).json()
    found = client.post("/v1/search", json=question).json()
    assert set(given("/v1/ask", "post")) == set(given("/v1/answers/{answer}", "get")) == set(answer)
    assert set(schemas["Citation"]["properties"]) == set(answer["citations"][0])
    assert set(given("/v1/search", "post")) == set(found)
    assert set(schemas["Hit"]["properties"]) == set(found["hits"][0])
    names = [about["operationId"] for methods in paths.values() for about in methods.values()]
    assert len(set(names)) == len(names)
    assert {"ask", "search", "rate", "complete", "gaps"} <= set(names)

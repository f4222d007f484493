from __future__ import annotations

import socket

import pytest

from corpus.errors import AskError, UsageProblem
from ui.port import free_port


def test_a_port_that_is_taken_is_told_with_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AskError, match=rf"Port {port} of 127.0.0.1 is taken.*--port {port + 1}"):
            free_port("127.0.0.1", port)


def test_port_0_is_a_free_one() -> None:
    assert free_port("127.0.0.1", 0) > 0


@pytest.mark.parametrize("host", ["203.0.113.9", "999.1.1.1"])
def test_an_address_of_another_machine_is_told(host: str) -> None:
    with pytest.raises(UsageProblem, match="There is no address"):
        free_port(host, 0)

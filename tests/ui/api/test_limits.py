from __future__ import annotations

import pytest

from ui.api import limits
from ui.api.limits import Limits, client_address, network_of

WINDOWS = [(2, 60.0), (3, 3_600.0)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_turn_comes_back_when_the_minute_is_over_and_the_hour_has_its_own() -> None:
    clock = Clock()
    limited = Limits(clock)
    assert [limited.spend("a", WINDOWS) for _ in range(3)] == [0, 0, 60]
    clock.now = 59.5
    assert limited.spend("a", WINDOWS) == 1
    clock.now = 60
    assert limited.spend("a", WINDOWS) == 0
    assert limited.spend("a", WINDOWS) == 3_540
    assert limited.spend("b", WINDOWS) == 0


def test_no_more_callers_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CALLERS", 3)
    limited = Limits(Clock())
    for name in "abcd":
        limited.spend(name, [(1, 60.0)])
    assert limited.spend("d", [(1, 60.0)]) == 60
    assert limited.spend("a", [(1, 60.0)]) == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("x", "unknown"),
        ("", "unknown"),
    ],
)
def test_what_counts_as_one_caller(address: str, counted: str) -> None:
    assert network_of(address) == counted


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", " , ,", "10.0.0.1"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "203.0.113.7, 10.0.0.2:80", "203.0.113.7"),
    ],
)
def test_only_a_listed_proxy_may_name_another(peer: str, forwarded: str, found: str) -> None:
    assert client_address(peer, forwarded, ["10.0.0.0/8"]) == found

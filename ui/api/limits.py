"""How often one caller may ask: so many times in any minute, and in any hour."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

SECOND, MINUTE, HOUR = 1.0, 60.0, 3_600.0
MAX_CALLERS = 50_000  # remembered; whoever has been away longest is forgotten first
IPV6_HOME = 64  # bits: who has one address has all of its network

Window = tuple[int, float]  # so many, in so many seconds


class Limits:
    """When each caller has asked. For one thread: that of the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def spend(self, caller: str, windows: Sequence[Window]) -> int:
        """Count one question of a caller; 0, or the seconds after which the next is free (and none is counted)."""
        now = self._clock()
        times = self._times.setdefault(caller, deque())
        self._times.move_to_end(caller)
        longest = max(seconds for _, seconds in windows)
        while times and times[0] <= now - longest:
            times.popleft()
        waits = [times[-most] + seconds - now for most, seconds in windows if len(times) >= most]
        wait = max(waits, default=0.0)
        if wait > 0:
            return math.ceil(wait)
        times.append(now)
        while len(self._times) > MAX_CALLERS:
            self._times.popitem(last=False)
        return 0

    def take_back(self, caller: str) -> None:
        """Let the last that was counted of a caller not count."""
        times = self._times.get(caller)
        if times:
            times.pop()


def network_of(address: str) -> str:
    """What counts as one caller: an address of IPv4, the home network of one of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, IPV6_HOME), strict=False))
    return str(found)


def client_address(peer: str, forwarded: str, proxies: Sequence[str]) -> str:
    """Who asks: the peer, or whom listed proxies name; the first from the right that is no listed proxy itself."""
    named = [_without_port(part.strip()) for part in forwarded.split(",") if part.strip()]
    address = peer
    while named and _is_among(address, proxies):
        address = named.pop()
    return address


def _without_port(named: str) -> str:
    """Some proxies write 203.0.113.7:4711 or [2001:db8::1]:4711: without this, all of their readers were one."""
    if named.startswith("["):
        return named[1:].partition("]")[0]
    return named.partition(":")[0] if named.count(":") == 1 else named


def _is_among(address: str, proxies: Sequence[str]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in ipaddress.ip_network(proxy) for proxy in proxies)

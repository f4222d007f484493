"""Whether a delivery was signed with one of our secrets: Standard Webhooks 1.0, and Discourse's own way.

Both sign the body as it was sent, so the bytes are checked before anything reads them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from corpus.errors import SettingsError

TOLERANCE_SECONDS = 5 * 60
_PREFIX = "whsec_"
_MAX_SIGNATURES = 20  # of one delivery: it has several while a secret changes


class BadSignature(Exception):
    """The delivery is not known to be the forum's; the words say why, and tell an attacker nothing."""


def standard_keys(secrets: str) -> list[bytes]:
    """The keys of a setting, each base64 with or without `whsec_`. Raises SettingsError."""
    keys = []
    for secret in secrets.split():
        plain = secret.removeprefix(_PREFIX)
        try:
            key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) < 16:
            raise SettingsError("A secret of ASK_BOT_SECRETS is no base64 of at least 16 bytes: whsec_...")
        keys.append(key)
    return keys


def check_standard(headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: float) -> None:
    """Standard Webhooks 1.0: `v1` over id, timestamp and body; five minutes' tolerance. Raises BadSignature."""
    delivery, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not delivery or not re.fullmatch(r"[0-9]{1,12}", stamp):
        raise BadSignature("The headers webhook-id and webhook-timestamp are needed.")
    given = [each.removeprefix("v1,") for each in headers.get("webhook-signature", "").split() if each[:3] == "v1,"]
    signed = f"{delivery}.{stamp}.".encode("latin-1", "replace") + body
    expected = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    if not _any_equal(given, expected):
        raise BadSignature("No signature of this delivery is right.")
    if abs(now - int(stamp)) > TOLERANCE_SECONDS:
        raise BadSignature("The timestamp is too far from now.")


def check_discourse(headers: Mapping[str, str], body: bytes, keys: Sequence[bytes]) -> None:
    """Discourse: `sha256=` and the hex of an HMAC over the body. Raises BadSignature."""
    given = headers.get("x-discourse-event-signature", "")
    expected = [b"sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest().encode() for key in keys]
    if not _any_equal([given], expected):
        raise BadSignature("The signature of this delivery is not right.")


def _any_equal(given: Sequence[str], expected: Sequence[bytes]) -> bool:
    """All are compared, so that the time tells nothing."""
    pairs = [(one.encode("latin-1", "replace"), other) for one in given[:_MAX_SIGNATURES] for other in expected]
    return sum(hmac.compare_digest(one, other) for one, other in pairs) > 0

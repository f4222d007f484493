"""The settings of this app."""

import base64

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def setting(name, default=None):
    """One entry of ASK_NOTES; ImproperlyConfigured if it is needed and not there."""
    value = getattr(settings, "ASK_NOTES", {}).get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"ASK_NOTES['{name}'] is missing in the settings of the forum.")
    return value


def signing_key():
    """The key of the webhooks out of `whsec_<base64>`."""
    secret = setting("SECRET").removeprefix("whsec_")
    return base64.b64decode(secret + "=" * (-len(secret) % 4))

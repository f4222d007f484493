"""Sends what is noted, as Standard Webhooks, and again until it was taken."""

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from datetime import timedelta

from django.db import close_old_connections
from django.utils import timezone

from .conf import setting, signing_key
from .models import Delivery

TIMEOUT_SECONDS = 10
LONGEST_WAIT_SECONDS = 900
AT_ONCE = 50
KEPT_DAYS = 7

logger = logging.getLogger(__name__)
_lock = threading.Lock()
_woken = threading.Event()
_thread = None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed text goes to the configured address and nowhere else."""

    def redirect_request(self, *_):
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def wake():
    """Send in the background what is due: nobody waits for it who writes in the forum."""
    global _thread  # noqa: PLW0603  # one for the process
    _woken.set()
    with _lock:
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_work, daemon=True)
            _thread.start()


def _work():
    while True:
        _woken.clear()
        try:
            send_due()
            next_try = Delivery.objects.filter(delivered=None).order_by("next_try").values_list("next_try", flat=True)
            first = next_try.first()
        except Exception:
            logger.exception("the outbox")
            first = timezone.now() + timedelta(seconds=5)
        finally:
            close_old_connections()
        wait = None if first is None else max((first - timezone.now()).total_seconds(), 0.05)
        _woken.wait(wait)


def send_due():
    """Send all that is due; how many were taken. A `cron` may call it too: `manage.py ask_notes_send`."""
    taken = 0
    due = Delivery.objects.filter(delivered=None, next_try__lte=timezone.now()).order_by("created")
    for delivery in due.select_related("comment__topic", "comment__user")[:AT_ONCE]:
        delivery.attempts += 1
        delivery.problem = _send(delivery)
        if delivery.problem:
            wait = min(2.0 ** min(delivery.attempts - 1, 12), LONGEST_WAIT_SECONDS)
            delivery.next_try = timezone.now() + timedelta(seconds=wait)
        else:
            delivery.delivered = timezone.now()
            taken += 1
        delivery.save(update_fields=["attempts", "problem", "next_try", "delivered"])
    Delivery.objects.filter(delivered__lt=timezone.now() - timedelta(days=KEPT_DAYS)).delete()
    return taken


def _send(delivery):
    """Send once; what went wrong, or nothing."""
    body = json.dumps(payload(delivery.comment), ensure_ascii=False).encode("utf-8", "replace")
    stamp = str(int(time.time()))
    signed = f"{delivery.id}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.new(signing_key(), signed, hashlib.sha256).digest()).decode()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery.id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature}",
    }
    request = urllib.request.Request(  # noqa: S310  # the address is a setting of the forum
        setting("WEBHOOK_URL"), data=body, headers=headers, method="POST"
    )
    try:
        with _opener.open(request, timeout=TIMEOUT_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"the service answered {error.code}"
    except OSError as error:
        return f"{type(error).__name__}: {error}"[:200]


def payload(comment):
    """What the bot is told."""
    return {
        "type": "comment.created",
        "timestamp": comment.date.isoformat(),
        "data": {
            "id": comment.pk,
            "topic": comment.topic_id,
            "category": comment.topic.category_id,
            "author": comment.user.username,
            "text": comment.comment,
            "version": comment.modified_count + 1,
        },
    }

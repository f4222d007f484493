"""What has to be told to the bot, and what the bot has written."""

import uuid

from django.db import models
from django.utils import timezone


def delivery_id():
    """The id of a delivery: the same for all its attempts."""
    return f"msg_{uuid.uuid4().hex}"


class Delivery(models.Model):
    """One webhook: kept until the bot's service has taken it."""

    id = models.CharField(primary_key=True, max_length=40, default=delivery_id)
    comment = models.ForeignKey("spirit_comment.Comment", on_delete=models.CASCADE, related_name="+")
    created = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField(default=timezone.now, db_index=True)
    delivered = models.DateTimeField(null=True, db_index=True)
    problem = models.CharField(max_length=200, default="")


class Reply(models.Model):
    """A comment of the bot, under the key it was sent with: the same key makes no second one."""

    key = models.CharField(primary_key=True, max_length=64)
    comment = models.ForeignKey("spirit_comment.Comment", on_delete=models.CASCADE, null=True, related_name="+")

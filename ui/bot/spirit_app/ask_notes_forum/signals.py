"""A new comment: noted for delivery, and sent once it is really in the database."""

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from spirit.comment.models import Comment

from . import outbox
from .conf import setting
from .models import Delivery


@receiver(post_save, sender=Comment, dispatch_uid="ask_notes_forum.comment")
def comment_saved(instance, created, raw, **_):
    """Note new comments in public categories. The bot's own are not sent: it knows them."""
    if not created or raw or instance.action != Comment.COMMENT or instance.topic.category.is_private:
        return
    if instance.user.username == setting("BOT_USER"):
        return
    Delivery.objects.create(comment=instance)
    transaction.on_commit(outbox.wake)

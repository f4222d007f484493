"""What the bot may do here: read public topics, reply, show a comment to the moderators. With its token only."""

import functools
import hmac
import json
import math
import time

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import csrf_exempt
from spirit.comment.flag.models import CommentFlag, Flag
from spirit.comment.forms import CommentForm
from spirit.comment.models import Comment
from spirit.comment.utils import comment_posted
from spirit.core.utils.ratelimit import RateLimit
from spirit.topic.models import Topic

from .conf import setting
from .models import Reply

MAX_RECENT = 200
MAX_BODY = 256 * 1024
OTHER = 1  # the reason of a flag
REPLY_SECONDS = 10  # between two comments of one person, as in Spirit; its ST_RATELIMIT_ENABLE counts here too


def _problem(status, detail, headers=None):
    return JsonResponse({"status": status, "detail": detail}, status=status, headers=headers)


def api(method):
    """A view for the bot: one method, the right token, and for POST a JSON object."""

    def wrapped(view):
        @csrf_exempt  # there is no cookie that another page could use
        @functools.wraps(view)
        def checked(request, *args, **kwargs):
            given = request.headers.get("Authorization", "")
            expected = f"Bearer {setting('TOKEN')}"
            if not hmac.compare_digest(given.encode(), expected.encode()):
                return _problem(401, "The token is not right.")
            if request.method != method:
                return _problem(405, f"This takes {method}.")
            if method == "POST":
                try:
                    if int(request.headers.get("Content-Length") or 0) > MAX_BODY:
                        return _problem(413, "This is too large.")
                    request.sent = json.loads(request.body)
                    if not isinstance(request.sent, dict):
                        raise ValueError("no JSON object")  # noqa: TRY004  # it ends as the 400 below
                except (ValueError, RecursionError):
                    return _problem(400, "The body is no JSON object.")
            return view(request, *args, **kwargs)

        return checked

    return wrapped


def _bot():
    return get_object_or_404(get_user_model(), username=setting("BOT_USER"))


def _comments():
    """Comments that everybody can read."""
    return Comment.objects.filter(is_removed=False, topic__in=Topic.objects.visible())


@api("GET")
def topic(request, pk):  # noqa: ARG001  # a view has it
    """A topic with its comments in order."""
    found = get_object_or_404(Topic.objects.visible(), pk=pk)
    comments = _comments().filter(topic=found).select_related("user").order_by("pk")
    posts = [
        {
            "id": each.pk,
            "author": each.user.username,
            "text": each.comment,
            "created": each.date.isoformat(),
            "version": each.modified_count + 1,
            "is_machine": each.action != Comment.COMMENT,
        }
        for each in comments
    ]
    return JsonResponse(
        {
            "id": found.pk,
            "title": found.title,
            "category": found.category_id,
            "is_open": not found.is_closed,
            "posts": posts,
        }
    )


@api("POST")
def reply(request):
    """Write a comment as the bot. The same Idempotency-Key again gives the comment that it made."""
    key = request.headers.get("Idempotency-Key", "")
    if not 0 < len(key) <= 40:
        return _problem(400, "The header Idempotency-Key is needed.")
    user = request.user = _bot()  # whose submissions are counted, as those of anybody else
    key = f"{user.pk}-{key}"  # a forum may have several bots, each behind a server of its own
    made = Reply.objects.filter(key=key).first()
    if made is not None:
        return JsonResponse({"id": made.comment_id}, status=200)
    if RateLimit(request, "ask_notes_forum.reply", rate=f"1/{REPLY_SECONDS}s").is_limited():
        wait = math.ceil(REPLY_SECONDS - time.time() % REPLY_SECONDS)
        return _problem(429, f"Too many submissions, wait {wait} s.", {"Retry-After": str(wait)})
    try:
        with transaction.atomic():
            made = Reply.objects.create(key=key)  # first of all: another request with this key fails here
            opened = get_object_or_404(Topic.objects.visible().opened(), pk=request.sent.get("topic"))
            form = CommentForm(user=user, topic=opened, data={"comment": request.sent.get("text")})
            if not form.is_valid():
                transaction.set_rollback(True)
                return _problem(422, "; ".join(error for errors in form.errors.values() for error in errors))
            made.comment = form.save()
            made.save()
            comment_posted(comment=made.comment, mentions=form.mentions)
    except IntegrityError:
        made = get_object_or_404(Reply, key=key)
        return JsonResponse({"id": made.comment_id}, status=200)
    return JsonResponse({"id": made.comment_id}, status=201)


@api("POST")
def flag(request):
    """Show a comment to the moderators."""
    comment = get_object_or_404(_comments(), pk=request.sent.get("post"))
    text = str(request.sent.get("text", ""))
    with transaction.atomic():
        CommentFlag.objects.update_or_create(comment=comment, defaults={"is_closed": False})
        Flag.objects.get_or_create(user=_bot(), comment=comment, defaults={"reason": OTHER, "body": text})
    return JsonResponse({"id": comment.pk}, status=201)


@api("GET")
def recent(request):
    """The comments since then, the oldest first; of very many the latest."""
    since = parse_datetime(request.GET.get("since", ""))
    if since is None or since.tzinfo is None:
        return _problem(400, "since is needed: a time with its zone.")
    found = _comments().filter(date__gte=since, action=Comment.COMMENT).exclude(user__username=setting("BOT_USER"))
    posts = [
        {"id": each.pk, "topic": each.topic_id, "version": each.modified_count + 1, "text": each.comment}
        for each in found.order_by("-pk")[:MAX_RECENT]
    ]
    return JsonResponse({"posts": posts[::-1]})

"""`{% ask_notes_widget %}`: the script tag of the widget, or nothing if no address is set."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from ask_notes_forum.conf import setting

# The button covers nothing of a page that is read to its end.
ROOM = mark_safe('<div style="height: 88px"></div>')  # no part of it comes from anywhere

register = template.Library()


@register.simple_tag(takes_context=True)
def ask_notes_widget(context):
    """The loader of the widget, with the nonce of the page's policy (of Django 6 or django-csp) if there is one."""
    url = setting("WIDGET_URL", "")
    if not url:
        return ""
    nonce = context.get("csp_nonce") or getattr(context.get("request"), "csp_nonce", "")
    given = format_html(' nonce="{}"', nonce) if nonce else ""
    return format_html('<script async{} src="{}" data-mode="bubble"></script>{}', given, url, ROOM)

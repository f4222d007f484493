"""`{% ask_notes_widget %}`: the script tag of the widget, or nothing if no address is set."""

from django import template
from django.utils.html import format_html

from ask_notes_forum.conf import setting

register = template.Library()


@register.simple_tag
def ask_notes_widget():
    """The loader of the widget."""
    url = setting("WIDGET_URL", "")
    return format_html('<script async src="{}" data-mode="bubble"></script>', url) if url else ""

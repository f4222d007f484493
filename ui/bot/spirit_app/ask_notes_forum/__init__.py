"""Ask the Notes in a Spirit forum: signed webhooks out, replies in, the widget on each page.

In the forum's settings: "ask_notes_forum" in INSTALLED_APPS, and
ASK_NOTES = {"WEBHOOK_URL", "SECRET", "TOKEN", "BOT_USER", "WIDGET_URL"}; in its urls, before those of Spirit:
path("ask/", include("ask_notes_forum.urls")). In templates/spirit/_base.html of the forum, block
custom_after_spirit_body: {% include "ask_notes_forum/widget.html" %}.
"""

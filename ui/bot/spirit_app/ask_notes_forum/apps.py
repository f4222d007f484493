"""The app."""

from django.apps import AppConfig


class AskNotesConfig(AppConfig):
    """Listens to new comments as soon as the forum has started."""

    name = "ask_notes_forum"
    verbose_name = "Ask the Notes"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        """Connect the signal."""
        from . import signals  # noqa: F401

"""`manage.py ask_notes_send`: for cron, so that what a restart of the forum left behind is sent too."""

from django.core.management.base import BaseCommand

from ask_notes_forum.outbox import send_due


class Command(BaseCommand):
    """Sends what is due."""

    help = "Send the webhooks that are due."

    def handle(self, *_, **__):
        """Say how many were taken."""
        self.stdout.write(f"{send_due()} sent")

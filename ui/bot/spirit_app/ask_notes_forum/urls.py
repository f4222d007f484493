"""Where the bot finds its API: below `ask/`."""

from django.urls import path

from . import views

app_name = "ask_notes_forum"
urlpatterns = [
    path("topics/<int:pk>/", views.topic, name="topic"),
    path("replies/", views.reply, name="reply"),
    path("flags/", views.flag, name="flag"),
    path("recent/", views.recent, name="recent"),
]

"""The notices room."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "wastetrack.notices"
    label = "notices"

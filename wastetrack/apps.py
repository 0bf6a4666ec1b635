"""The project itself is an app: its templates, static files and commands."""

from django.apps import AppConfig


class WasteTrackConfig(AppConfig):
    name = "wastetrack"
    label = "wastetrack"

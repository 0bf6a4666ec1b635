"""The waste room."""

from django.apps import AppConfig


class WasteConfig(AppConfig):
    name = "wastetrack.waste"
    label = "waste"

"""The parties room."""

from django.apps import AppConfig


class PartiesConfig(AppConfig):
    name = "wastetrack.parties"
    label = "parties"

"""The districts room."""

from django.apps import AppConfig


class DistrictsConfig(AppConfig):
    name = "wastetrack.districts"
    label = "districts"

"""The alerts room."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class AlertsConfig(AppConfig):
    name = "wastetrack.alerts"
    label = "alerts"

    def ready(self) -> None:
        autodiscover_modules("watches")

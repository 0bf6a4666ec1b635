"""The alerts room."""

from importlib import import_module
from pkgutil import iter_modules

from django.apps import AppConfig, apps
from django.utils.module_loading import autodiscover_modules


class AlertsConfig(AppConfig):
    name = "wastetrack.alerts"
    label = "alerts"

    def ready(self) -> None:
        """Find every watch: `<app>/watches.py`, or each file of a folder `<app>/watches/`, one a watch."""
        autodiscover_modules("watches")
        for app in apps.get_app_configs():
            folder = f"{app.path}/watches"
            for found in iter_modules([folder]):
                import_module(f"{app.name}.watches.{found.name}")

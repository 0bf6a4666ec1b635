"""The lifecycle room."""

from django.apps import AppConfig


class LifecycleConfig(AppConfig):
    name = "wastetrack.lifecycle"
    label = "lifecycle"

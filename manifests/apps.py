"""The manifests room."""

from django.apps import AppConfig


class ManifestsConfig(AppConfig):
    name = "manifests"

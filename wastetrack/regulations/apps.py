from django.apps import AppConfig


class RegulationsConfig(AppConfig):
    """Holds the imported editions of the waste-code list; every rule beside it is free of Django."""

    name = "wastetrack.regulations"
    label = "regulations"
    default_auto_field = "django.db.models.BigAutoField"

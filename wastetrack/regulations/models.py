"""The shelf for editions of the waste-code list that were imported. Everything else in this room is files."""

from django.db import models


class ImportedEdition(models.Model):
    """One imported edition, whole: an import puts a new row in the place of the old one, so readers never see half."""

    key = models.CharField(max_length=16, primary_key=True)
    title = models.CharField(max_length=100)
    effective_from = models.DateField(unique=True)
    source_name = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    imported_at = models.DateTimeField()
    codes = models.JSONField()
    """One list a code: code, hazards, name, description, category name, industry, what people call it."""

    def __str__(self) -> str:
        return self.title

"""`/healthz`: the process answers. `/readyz`: it can serve, with database and migrations in order."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    try:
        executor = MigrationExecutor(connection)
        behind = bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError:
        return _not_ready("database")
    return _not_ready("migrations") if behind else JsonResponse({"status": "ok"})


def _not_ready(what: str) -> JsonResponse:
    return JsonResponse({"status": "not ready", "missing": what}, status=503, headers={"Retry-After": "5"})

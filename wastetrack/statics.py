"""How static files are named and kept."""

from __future__ import annotations

from servestatic.storage import CompressedManifestStaticFilesStorage


class ModuleStorage(CompressedManifestStaticFilesStorage):
    """Names carry the hash of what is in the file, also where one script imports another: no two versions mix."""

    support_js_module_import_aggregation = True

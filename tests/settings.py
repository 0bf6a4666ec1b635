"""The site's own settings, with what a test run must not depend on set here first."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="wastetrack-test-"))
os.environ.setdefault("BACKGROUND", "")
os.environ.setdefault("LOG_LEVEL", "WARNING")

from wastetrack.settings import *  # noqa: F403
from wastetrack.settings import DATABASES, STORAGES

DEMO = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
if "sqlite" in DATABASES["default"]["ENGINE"]:
    # A file, not memory: threads and the browser tests' server must meet the same locks as a real site.
    DATABASES["default"]["TEST"] = {"NAME": Path(os.environ["DATA_DIR"]) / "test.sqlite3"}

# Static files are looked up by name alone: a test run needs no collectstatic.
STATIC_ROOT = Path(os.environ["DATA_DIR"]) / "static"

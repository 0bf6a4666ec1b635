"""The site's settings for a test of many scans: its database need not survive a power cut."""

from wastetrack.settings import *  # noqa: F403
from wastetrack.settings import DATABASES

if "sqlite" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"

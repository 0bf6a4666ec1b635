"""Settings, all from the environment, with defaults that are safe: no demo unless asked, loopback only."""

from __future__ import annotations

import os
import secrets
from datetime import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
BUILD_DIR = BASE_DIR / "build"
DATA_DIR = Path(os.environ.get("DATA_DIR", BUILD_DIR / "data"))
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}


def _flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, str(int(default))).lower() in {"1", "true", "yes", "on"}


def _list(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in os.environ.get(name, default).split(",") if item.strip()]


DEMO = _flag("WASTETRACK_DEMO")
DEBUG = _flag("DEBUG")
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS = _list("ALLOWED_HOSTS", ",".join(sorted(LOOPBACK)))
if DEMO and not set(ALLOWED_HOSTS) <= LOOPBACK:
    raise ImproperlyConfigured("Demo mode has public passwords: it serves loopback addresses only.")


def _secret_key() -> str:
    """From SECRET_KEY; in demo mode made once and kept beside the demo's data."""
    if key := os.environ.get("SECRET_KEY"):
        return key
    if not DEMO:
        raise ImproperlyConfigured("Set SECRET_KEY (or WASTETRACK_DEMO=1 for a demo on this machine).")
    path = DATA_DIR / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_urlsafe(48))
        path.chmod(0o600)
    return path.read_text()


SECRET_KEY = _secret_key()
LEDGER_SIGNING_KEY = os.environ.get("LEDGER_SIGNING_KEY", "")
"""Ed25519 seed, 64 hex digits. Empty: derived from SECRET_KEY."""

CSRF_TRUSTED_ORIGINS = _list("CSRF_TRUSTED_ORIGINS", PUBLIC_URL)
CSRF_FAILURE_VIEW = "wastetrack.pages.stale_form"
SECURE = urlsplit(PUBLIC_URL).scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if SECURE:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_fsm",
    "channels",
    "ninja",
    "wastetrack",
    "wastetrack.regulations",
    "wastetrack.parties",
    "wastetrack.ledger",
    "wastetrack.districts",
    "wastetrack.lifecycle",
    "wastetrack.alerts",
    "wastetrack.notices",
    "wastetrack.waste",
    "labels",
    "depots",
    "manifests",
    "scanner",
    "compliance",
    "desk",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "wastetrack.http.ActorMiddleware",
    "wastetrack.pages.PageMiddleware",
    "wastetrack.http.RefusalMiddleware",
]

ROOT_URLCONF = "wastetrack.urls"
ASGI_APPLICATION = "wastetrack.asgi.application"
AUTH_USER_MODEL = "parties.User"
LOGIN_URL = "/sign-in"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "wastetrack.pages.page_context",
            ],
            "builtins": ["wastetrack.templatetags.trade"],
        },
    }
]

DATABASE_URL = os.environ.get("DATABASE_URL", f"sqlite:///{DATA_DIR / 'wastetrack.sqlite3'}")
DATABASES: dict[str, Any] = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=0)}
_database = DATABASES["default"]
_options = _database.setdefault("OPTIONS", {})
if _database["ENGINE"].endswith("sqlite3"):
    _database["ENGINE"] = "wastetrack.sqlite"
    Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    # IMMEDIATE: a writer takes its place in the queue at BEGIN, so a read-then-write never ends in "locked".
    _options |= {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
elif _database["ENGINE"].endswith("postgresql"):
    _options |= {"pool": {"min_size": 1, "max_size": int(os.environ.get("DATABASE_POOL", "16"))}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "")
REDIS_PREFIX = os.environ.get("REDIS_PREFIX", "wastetrack")
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": REDIS_PREFIX},
    }
    if REDIS_URL
    # The default capacity of 100 drops most of a burst without a word.
    else {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 100_000}}
}
FEED_POLL_SECONDS = float(os.environ.get("FEED_POLL_SECONDS", "1"))
"""How long a hint may be lost before the feed looks for itself."""
BACKGROUND = _list("BACKGROUND", "sealer,sweeper,courier")
"""What the web process runs itself; empty where separate processes do. Several at once do no harm (decision 0005)."""
SWEEP_SECONDS = float(os.environ.get("SWEEP_SECONDS", "30"))

EMAIL_URL = os.environ.get("EMAIL_URL", "")
"""smtp://user:password@host:port, smtps:// for TLS, smtp+tls:// for STARTTLS. Empty: nothing is mailed."""
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", f"WasteTrack <noreply@{urlsplit(PUBLIC_URL).hostname}>")
if EMAIL_URL:
    _mail = urlsplit(EMAIL_URL)
    if _mail.scheme not in {"smtp", "smtps", "smtp+tls"} or not _mail.hostname:
        raise ImproperlyConfigured("EMAIL_URL is smtp://…, smtps://… or smtp+tls://…")
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _mail.hostname, _mail.port or {"smtp": 25, "smtps": 465, "smtp+tls": 587}[_mail.scheme]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
    EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.scheme == "smtps", _mail.scheme == "smtp+tls"
    EMAIL_TIMEOUT = 20
elif DEMO:
    EMAIL_BACKEND, EMAIL_FILE_PATH = "django.core.mail.backends.filebased.EmailBackend", DATA_DIR / "mail"
else:
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
DIGEST_AT = time.fromisoformat(os.environ.get("DIGEST_AT", "07:30"))
"""When the daily mail goes out, local time."""
GATHER_SECONDS = float(os.environ.get("GATHER_SECONDS", "20"))
"""How long a mail about what is overdue waits for more of the same sweep."""
COURIER_SECONDS = float(os.environ.get("COURIER_SECONDS", "2"))
"""How often the courier looks for itself."""
WEBHOOKS_PRIVATE = _flag("WEBHOOKS_PRIVATE", DEMO)
"""Whether webhooks may go to addresses of this machine and its own network, and by plain http."""
WEBHOOK_LOG_DAYS = int(os.environ.get("WEBHOOK_LOG_DAYS", "30"))

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = BUILD_DIR / "static"
STATICFILES_DIRS = [("vendor", BUILD_DIR / "vendor")] if (BUILD_DIR / "vendor").exists() else []
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "wastetrack.statics.ModuleStorage"},
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 4_000
"""A receipt has three fields for every drum of the load."""
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
TOKEN_DAYS = int(os.environ.get("TOKEN_DAYS", "30"))

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
}

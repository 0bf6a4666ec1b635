"""The key that signs checkpoints: Ed25519, from LEDGER_SIGNING_KEY or derived from SECRET_KEY."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings


@lru_cache(maxsize=2)
def _load(configured: str, secret_key: str) -> Ed25519PrivateKey:
    seed = bytes.fromhex(configured) if configured else hashlib.sha256(b"ledger\x00" + secret_key.encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def signing_key() -> Ed25519PrivateKey:
    """This site's signing key."""
    return _load(settings.LEDGER_SIGNING_KEY, settings.SECRET_KEY)


def public_key_hex() -> str:
    """The public half, 64 hex digits: what a regulator notes down to check bundles against."""
    return signing_key().public_key().public_bytes_raw().hex()


def key_id() -> str:
    """The first 16 hex digits of the public key's SHA-256."""
    return hashlib.sha256(bytes.fromhex(public_key_hex())).hexdigest()[:16]

"""Signatures that wait on a device: a PIN sealed to this site, so that the device keeps nothing anybody could read.

ECIES as a browser can do it by itself: an ephemeral P-256 key, HKDF-SHA-256, AES-256-GCM. What the signature is bound
to is authenticated with it: a seal opens under no other stop, nonce, time or content.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from wastetrack.errors import Refused

CURVE = ec.SECP256R1()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
POINT, IV = 65, 12
INFO = b"wastetrack signature v1"
MOST = 2_000
"""Characters of a seal: a name and a PIN need a fraction of it."""


@lru_cache(maxsize=2)
def _load(secret_key: str) -> ec.EllipticCurvePrivateKey:
    seed = hashlib.sha512(b"signatures\x00" + secret_key.encode()).digest()
    return ec.derive_private_key(int.from_bytes(seed, "big") % (ORDER - 1) + 1, CURVE)


def public_key() -> str:
    """The point to which a device seals, base64: it comes with every round's page."""
    key = _load(settings.SECRET_KEY).public_key()
    return base64.b64encode(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)).decode()


@dataclass(frozen=True)
class Signer:
    """Who signs with what: the user name only where it is not whoever is signed in."""

    pin: str
    username: str = ""


def bound_to(role: str, stop_id: int, nonce: str, shown: str, signed_at: str) -> bytes:
    """What a seal is for, as the device and this site write it."""
    return "\n".join([role, str(stop_id), nonce, shown, signed_at]).encode()


def unseal(sealed: str, bound: bytes) -> Signer:
    """Who signed. Raises Refused(seal_broken) for another site's seal, another binding, or what is no seal."""
    try:
        raw = base64.b64decode(sealed[:MOST], validate=True)
        point = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, raw[:POINT])
        secret = _load(settings.SECRET_KEY).exchange(ec.ECDH(), point)
        key = HKDF(hashes.SHA256(), 32, salt=raw[:POINT], info=INFO).derive(secret)
        told = json.loads(AESGCM(key).decrypt(raw[POINT : POINT + IV], raw[POINT + IV :], bound))
        return Signer(str(told["pin"]), str(told.get("username", "")))
    except (InvalidTag, binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        raise Refused("seal_broken") from None

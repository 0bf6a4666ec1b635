"""Secrets that are kept nowhere: each is derived from the site's own key, a purpose, and a number that renews it."""

from __future__ import annotations

import base64
import hashlib
import hmac

from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

CONFIRM_DAYS = 3
"""How long the link of a confirmation works."""


def _derived(purpose: str, *parts: int) -> bytes:
    return salted_hmac(f"notices.{purpose}", ".".join(map(str, parts)), algorithm="sha256").digest()


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


# --- the calendar's private link ---------------------------------------------------------------------------


def calendar_token(membership_id: int, serial: int) -> str:
    """What a member's calendar link ends in."""
    return f"{membership_id}-{_text(_derived('calendar', membership_id, serial))}"


def membership_of_calendar(token: str) -> int:
    """The membership that a calendar link names, -1 for none; nothing is proved by that yet."""
    number, _, digest = token.partition("-")
    return int(number) if digest and number.isascii() and number.isdigit() and len(number) < 19 else -1


def is_calendar_token(token: str, membership_id: int, serial: int) -> bool:
    """Whether the link is the one that holds."""
    return constant_time_compare(token, calendar_token(membership_id, serial))


# --- links in mails ----------------------------------------------------------------------------------------


def confirmation(mail_id: int) -> str:
    """A token that proves that its bearer reads mail where this mail went."""
    return signing.dumps(mail_id, salt="notices.confirmation")


def confirming(token: str) -> int:
    """The mail of a confirmation; -1, which none has, when it is forged or older than CONFIRM_DAYS."""
    try:
        mail_id: int = signing.loads(token, salt="notices.confirmation", max_age=CONFIRM_DAYS * 86_400)
    except signing.BadSignature:
        return -1
    return mail_id


def leave_token(membership_id: int) -> str:
    """A token that lets its bearer stop a member's mails, and nothing else."""
    return signing.Signer(salt="notices.leave").sign(str(membership_id))


def leaving(token: str) -> int:
    """The membership of such a token; -1, which none has, when it is forged."""
    try:
        return int(signing.Signer(salt="notices.leave").unsign(token))
    except signing.BadSignature:
        return -1


# --- webhooks ----------------------------------------------------------------------------------------------


def webhook_secret(webhook_id: int, serial: int) -> str:
    """A webhook's secret as its owner notes it down (Standard Webhooks: `whsec_` and base64)."""
    return "whsec_" + base64.b64encode(_derived("webhook", webhook_id, serial)).decode()


def webhook_signature(webhook_id: int, serial: int, message: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `id.timestamp.body` under the secret, in base64 (Standard Webhooks)."""
    signed = f"{message}.{timestamp}.".encode() + body
    digest = hmac.new(_derived("webhook", webhook_id, serial), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"

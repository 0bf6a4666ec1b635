"""A person's PIN for signing: which digits make one, and tries that are counted before they are looked at."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from wastetrack.errors import NotPermitted, Refused, invalid
from wastetrack.parties.models import Pin, User
from wastetrack.parties.tries import hold_tries
from wastetrack.regulations.parameters import parameter

_UP = "01234567890123456789"
_DAYS = ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%y%m%d", "%d%m%y", "%m%d%y")
_FIRST_YEAR, _LAST_YEAR = 1920, 2060
_LOCKS = ("first", "second", "third", "longest")
_NOBODYS_SECONDS = 30 * 86_400
"""How long tries at a name without a PIN are remembered: well beyond the longest lock."""


@dataclass(frozen=True)
class Tried:
    """What came of a try: whether it was right, and until when this wrong one locked the PIN (None: it did not)."""

    right: bool
    locked_until: datetime | None = None


def read_pin(text: object) -> str:
    """The digits of a PIN to be set, full-width ones too. Raises Invalid(pin_missing | pin_digits | pin_trivial)."""
    digits = plain(text)
    if not digits:
        raise invalid("pin", "pin_missing")
    least, most = parameter("pin.least_digits").value, parameter("pin.most_digits").value
    if not (digits.isascii() and digits.isdigit() and least <= len(digits) <= most):
        raise invalid("pin", "pin_digits", least=least, most=most)
    if is_trivial(digits):
        raise invalid("pin", "pin_trivial")
    return digits


def plain(text: object) -> str:
    """As typed, with half-width digits and without spaces."""
    storable = str(text or "")[:64].encode("utf-8", "replace").decode()
    return "".join(unicodedata.normalize("NFKC", storable).split())


def is_trivial(digits: str) -> bool:
    """Whether these are what others try first: one digit, a run, a pattern over and over, a day."""
    repeated = any(
        digits == (digits[:length] * len(digits))[: len(digits)] for length in range(1, len(digits) // 2 + 1)
    )
    run = digits in _UP or digits[::-1] in _UP
    # Half of it up and down again, 123321 or 112233, is as easy.
    folded = digits == digits[::-1] and digits[: len(digits) // 2] in _UP
    pairs = digits[::2] == digits[1::2] and (digits[::2] in _UP or digits[::2][::-1] in _UP)
    return repeated or run or folded or pairs or _is_a_day(digits)


def _is_a_day(digits: str) -> bool:
    for form in _DAYS:
        if len(digits) != (8 if "Y" in form else 6):
            continue
        try:
            day = datetime.strptime(digits, form).date()  # noqa: DTZ007 (a day has no zone)
        except ValueError:
            continue
        if date(_FIRST_YEAR, 1, 1) <= day <= date(_LAST_YEAR, 12, 31):
            return True
    return False


def keep_pin(user: User, digits: str, now: datetime) -> None:
    """Keep a PIN, as its hash, in the place of the one before; the tries begin anew."""
    kept = {"digest": make_password(digits), "set_at": now, "tries": 0, "locked_until": None}
    Pin.objects.update_or_create(user=user, defaults=kept)


def has_pin(user_id: int | None) -> bool:
    """Whether this person has set a PIN."""
    return Pin.objects.filter(user=user_id).exists()


def try_pin(*, user: User, pin: object, now: datetime) -> Tried:
    """Look whether this is the person's PIN; the try is counted, for good, before it is looked at.

    Raises NotPermitted(no_pin), and Refused(pin_locked, 429) while it is locked: the right PIN gets the same answer,
    and no hash is compared.
    """
    counted = _count(user, now)
    if check_password(plain(pin), counted.digest):
        # A try that came after this one stays counted.
        Pin.objects.filter(pk=counted.pk, tries=counted.tries).update(tries=0, locked_until=None)
        return Tried(True)
    return Tried(False, counted.locked_until)


def _count(user: User, now: datetime) -> Pin:
    """The PIN with this try counted and, from the last free one on, locked already in case it is wrong."""
    # Durable: a refusal that rolls back what it belongs to must not roll back the count.
    with transaction.atomic(durable=True):
        pin = Pin.objects.select_for_update().filter(user=user).first()
        if pin is None:
            raise NotPermitted("no_pin")
        _require_unlocked(pin.locked_until, now)
        pin.tries += 1
        pin.locked_until = _lock_after(pin.tries, now)
        pin.save(update_fields=["tries", "locked_until"])
    return pin


def try_nobody(name: str, now: datetime) -> None:
    """Count a try at a name that has no PIN as at one that has: who tries names learns of neither.

    Raises Refused(pin_locked, 429) after as many tries, and for as long, as try_pin does.
    """
    with transaction.atomic(durable=True):
        counted = hold_tries(f"nobody\n{name}", now=now, seconds=_NOBODYS_SECONDS)
        _require_unlocked(counted.locked_until, now)
        counted.tries += 1
        counted.locked_until = _lock_after(counted.tries, now)
        counted.forgotten_at = now + timedelta(seconds=_NOBODYS_SECONDS)
        counted.save(update_fields=["tries", "locked_until", "forgotten_at"])


def _require_unlocked(until: datetime | None, now: datetime) -> None:
    if until is not None and now < until:
        seconds = ceil((until - now).total_seconds())
        raise Refused("pin_locked", status=429, seconds=seconds, minutes=ceil(seconds / 60))


def _lock_after(tries: int, now: datetime) -> datetime | None:
    """Until when the PIN is locked if this many tries in a row were wrong: longer with each one."""
    over = tries - int(parameter("pin.tries").value)
    if over < 0:
        return None
    step = _LOCKS[min(over, len(_LOCKS) - 1)]
    return now + timedelta(minutes=int(parameter(f"pin.{step}_lock_minutes").value))

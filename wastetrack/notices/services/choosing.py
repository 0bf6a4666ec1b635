"""What a member wants to be told, where, and by which link: their own affair, so no entries in the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from secrets import token_hex

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F

from wastetrack.alerts.registry import kinds
from wastetrack.errors import NotFound, Refused, invalid
from wastetrack.notices.models import Address, CalendarLink, Choice, Mail, Purpose, When
from wastetrack.notices.selectors import Circle, address_of, circles, confirmation_of, mail_is_on, membership_of
from wastetrack.parties.actors import Actor
from wastetrack.parties.models import Membership, Organisation, User
from wastetrack.parties.tries import count_try

CONFIRMATIONS = 5
"""So many mails to addresses not yet confirmed a person may cause in five minutes."""


def choose(*, actor: Actor, choices: Mapping[str, str]) -> None:
    """Choose when to be mailed of kinds; of the kind "" for all without a choice. "" takes a kind's choice back.

    All of them or none; a member who may only read chooses, too. Raises Invalid(unknown_kind | unknown_choice),
    Refused(last_to_be_told) where nobody else of the organisation would be told what the law asks for.
    """
    for kind, email in choices.items():
        if kind and kind not in kinds():
            raise invalid("kind", "unknown_kind")
        if email not in When.values and (email or not kind):
            raise invalid("email", "unknown_choice")
    with transaction.atomic():
        member, circle = _held(membership_of(actor))
        Choice.objects.filter(membership=member, kind__in=choices).delete()
        made = [Choice(membership=member, kind=kind, email=email) for kind, email in choices.items() if email]
        Choice.objects.bulk_create(made)
        for kind in choices:
            circle.choices.pop((member.pk, kind), None)
        circle.choices |= {(member.pk, choice.kind): When(choice.email) for choice in made}
        _require_told(member, circle)


def stop_all(member: Membership) -> bool:
    """No mail any more; of what nobody else would be told by law, once a day. Returns whether such is left."""
    with transaction.atomic():
        member, circle = _held(member)
        bound = [kind for kind in kinds() if circle.must_hear(member, kind)]
        Choice.objects.filter(membership=member).delete()
        Choice.objects.create(membership=member, kind="", email=When.NEVER)
        Choice.objects.bulk_create([Choice(membership=member, kind=kind, email=When.DAILY) for kind in bound])
    return bool(bound)


def _held(member: Membership) -> tuple[Membership, Circle]:
    """The member and the circle, held: two who stop at the same moment do so one after the other."""
    Organisation.objects.select_for_update().get(pk=member.organisation_id)
    return member, circles([member.organisation_id])[member.organisation_id]


def _require_told(member: Membership, circle: Circle) -> None:
    for kind in kinds():
        if circle.chosen(member, kind) == When.NEVER and circle.must_hear(member, kind):
            raise Refused("last_to_be_told")


def ask_address(*, actor: Actor, email: str, again: str, now: datetime) -> None:
    """Mail a link to an address; it becomes the person's own when the link is used, and not before.

    The links that the person asked for before lead nowhere from now on.
    Raises Invalid(missing | not_an_address | addresses_differ), Refused(mail_off), Refused(too_many_requests, 429).
    Call it outside a transaction: a try stays counted.
    """
    email, again = email.strip(), again.strip()
    if not email:
        raise invalid("email", "missing")
    try:
        validate_email(email)
    except ValidationError:
        raise invalid("email", "not_an_address") from None
    # Django passes on signs that nobody sees in a pasted address, and an address of a machine, where nobody reads mail.
    if len(email) > 254 or not (email.isascii() and email.isprintable()) or email.endswith("]"):
        raise invalid("email", "not_an_address")
    if email != again:
        raise invalid("again", "addresses_differ")
    if not mail_is_on():
        raise Refused("mail_off")
    person = actor.person
    count_try(f"confirmation\n{person.pk}", now=now, most=CONFIRMATIONS)
    with transaction.atomic():
        _void_links(User.objects.select_for_update().get(pk=person.pk))
        _write(Purpose.CONFIRM, person, email, now)


def confirm_address(*, token: str, now: datetime) -> str:
    """The bearer of the link reads mail there: it is the person's address from now on. Returns it.

    It works once. Whoever read the person's mail until then is told so there. Raises NotFound(confirmation_over) for a
    link that is forged, too old, used, or not the last one asked for, or whose person is gone.
    """
    user_id = confirmation_of(token).user_id
    with transaction.atomic():
        user = User.objects.select_for_update().filter(pk=user_id, is_active=True).first()
        if user is None:
            raise NotFound("confirmation_over")
        # Read again: two may have used it at the same moment.
        email, before = confirmation_of(token).to, address_of(user)
        _void_links(user)
        User.objects.filter(pk=user.pk).update(email=email)
        Address.objects.update_or_create(user=user, defaults={"email": email, "confirmed_at": now})
        if before not in {"", email}:
            _write(Purpose.REPLACED, user, before, now)
    return email


def _void_links(user: User) -> None:
    """The links that wait to be used lead nowhere; one that was not mailed yet is not mailed."""
    Mail.objects.filter(user=user, purpose=Purpose.CONFIRM).exclude(to="").update(to="", next_at=None)


def _write(purpose: Purpose, user: User, to: str, now: datetime) -> None:
    key = f"{purpose}:{user.pk}:{token_hex(8)}"
    Mail.objects.create(purpose=purpose, key=key, user=user, to=to, next_at=now, created_at=now)


def renew_calendar(*, actor: Actor) -> None:
    """Another private link for the calendar; the one before leads nowhere from now on."""
    member = membership_of(actor)
    with transaction.atomic():
        CalendarLink.objects.get_or_create(membership=member)
        CalendarLink.objects.filter(membership=member).update(serial=F("serial") + 1)

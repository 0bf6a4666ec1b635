"""The small district in a process of its own: `python -m tests.feed.district` obeys a JSON line at a time.

A line is `["write", "firm", 500]`: a function of this module and its arguments; the answer is what it returned.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from tests.world import build_world  # noqa: E402
from wastetrack.ledger.models import Entry  # noqa: E402
from wastetrack.ledger.services import Fact, record, seal  # noqa: E402
from wastetrack.parties.actors import Actor  # noqa: E402
from wastetrack.parties.models import Delegation, Membership, Token  # noqa: E402


def build() -> None:
    """PostgreSQL has counted something before it plans, as on every site that is older than a minute."""
    build_world()
    write("firm", 300)
    write("firm2", 300)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def token(name: str, for_whom: str = "") -> str:
    """Of that member, or of theirs under a delegation of `for_whom`."""
    now, member = timezone.now(), Membership.objects.get(user__username=name)
    delegation = None
    if for_whom:
        principal = Membership.objects.get(user__username=for_whom).organisation
        delegation = Delegation.objects.create(principal=principal, agent=member.organisation, begun_at=now)
    return Token.mint(membership=member, delegation=delegation, now=now, expires=now + timedelta(days=1))


def actor_of(name: str) -> Actor:
    return Actor.of(Membership.objects.select_related("user", "organisation").get(user__username=name))


def write(name: str, count: int, said: str = "", at_once: int = 200) -> int:
    """So many facts for that member's organisation, in transactions of `at_once`; returns the newest index."""
    actor = actor_of(name)
    readers = frozenset({f"o:{actor.organisation_id}"})
    for start in range(0, count, at_once):
        facts = [
            Fact("test.fact", f"t:{name}", readers, {"said": said}) for _ in range(start, min(start + at_once, count))
        ]
        with transaction.atomic():
            record(actor, facts, now=timezone.now())
    seal()
    return head()


def write_in_turn(names: list[str], count: int) -> int:
    """A fact for each in turn, each in a transaction of its own."""
    for number in range(count):
        write(names[number % len(names)], 1)
    return head()


def head() -> int:
    last = Entry.objects.order_by("-index").values_list("index", flat=True).first()
    return -1 if last is None else last


def visible(name: str, after: int) -> list[int]:
    """The indices after `after` that the member's organisation may read: found without the index of readers."""
    key = f"o:{Membership.objects.get(user__username=name).organisation_id}"
    rows = Entry.objects.filter(index__gt=after).order_by("index").values_list("index", "readers")
    return [index for index, readers in rows if key in readers.split()]


def pretend(name: str, count: int) -> int:
    """So many sealed entries with no tree behind them: nothing can be sealed after."""
    start, key = head() + 1, f"o:{Membership.objects.get(user__username=name).organisation_id}"
    columns = "username, user_name, role, organisation_uscc, organisation_name, via_uscc, via_name"
    entry, reader = "ledger_entry", "ledger_entryreader"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO {entry} ("index", leaf_hash, kind, subject, serial, event_time, recorded_at, payload, '
            f"readers, {columns}) SELECT g, '', 'test.fact', 't:' || g, 1, now(), now(), %s, %s, '', '', '', '', '', "
            "'', '' FROM generate_series(%s, %s) g",
            [json.dumps({"said": "x" * 300}), key, start, start + count - 1],
        )
        cursor.execute(
            f'INSERT INTO {reader} (entry_id, reader) SELECT id, %s FROM {entry} WHERE "index" >= %s', [key, start]
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return head()


def end_token(secret_of: str) -> None:
    Token.objects.filter(membership__user__username=secret_of).delete()


def end_delegation(agent: str) -> None:
    now = timezone.now()
    Delegation.objects.filter(agent__memberships__user__username=agent).update(ended_at=now)


def obey(names: dict[str, Any]) -> None:
    """Do what each line of the standard input says, with the functions of these names."""
    for line in sys.stdin:
        name, *given = json.loads(line)
        answer = names[name](*given)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    obey(globals())

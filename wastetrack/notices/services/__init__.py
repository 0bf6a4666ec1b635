"""Choices and addresses, gathering what is to be told, mailing it, and the webhooks."""

from wastetrack.notices.services.choosing import ask_address, choose, confirm_address, renew_calendar, stop_all
from wastetrack.notices.services.delivering import deliver_next
from wastetrack.notices.services.gathering import forget_old, gather
from wastetrack.notices.services.mailing import send_next
from wastetrack.notices.services.webhooks import create, pause, ping, remove, replay, require_own, resume, rotate

__all__ = [
    "ask_address",
    "choose",
    "confirm_address",
    "create",
    "deliver_next",
    "forget_old",
    "gather",
    "pause",
    "ping",
    "remove",
    "renew_calendar",
    "replay",
    "require_own",
    "resume",
    "rotate",
    "send_next",
    "stop_all",
]

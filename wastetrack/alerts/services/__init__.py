"""Setting deadlines and ending them, bringing alerts in line with the facts, and the sweep."""

from wastetrack.alerts.registry import Deadline
from wastetrack.alerts.services.deadlines import acknowledge, end, watch
from wastetrack.alerts.services.settling import settle
from wastetrack.alerts.services.sweeping import sweep

__all__ = ["Deadline", "acknowledge", "end", "settle", "sweep", "watch"]

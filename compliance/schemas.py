"""What the API takes."""

from wastetrack.schemas import Body, Loose, Text, required


class FilingIn(Body):
    model_config = required("kind", "period", "filed_on", "reference")

    kind: Text = ""
    """`plan` or `declaration`."""
    period: Text = ""
    """`2026`, `2026-Q4`, `2026-11`."""
    filed_on: Loose = None
    reference: Text = ""
    """The receipt's number."""


class WithdrawIn(Body):
    model_config = required("reason")

    reason: Text = ""

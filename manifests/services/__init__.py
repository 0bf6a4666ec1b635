"""The manifest's verbs: each moves manifest and containers in one transaction; its ledger entry is the signature."""

from manifests.services.carriage import deliver, depart, plain_plate
from manifests.services.common import plain_code
from manifests.services.content import content_of, digest_of, require_as_shown
from manifests.services.drafting import cancel, draft, issue, problems
from manifests.services.loading import load, unload
from manifests.services.receipt import Receipt, read_receipts, receive, take_back, undo_receipt, weigh_again
from manifests.services.settlement import close, settle
from manifests.services.treatment import Treated, treat

__all__ = [
    "Receipt",
    "Treated",
    "cancel",
    "close",
    "content_of",
    "deliver",
    "depart",
    "digest_of",
    "draft",
    "issue",
    "load",
    "plain_code",
    "plain_plate",
    "problems",
    "read_receipts",
    "receive",
    "require_as_shown",
    "settle",
    "take_back",
    "treat",
    "undo_receipt",
    "unload",
    "weigh_again",
]

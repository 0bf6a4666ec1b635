"""The manifest's verbs: each moves manifest and containers in one transaction; its ledger entry is the signature."""

from manifests.services.again import draft_as_last_time
from manifests.services.carriage import deliver, depart, hand_over, read_place, require_next, take_over
from manifests.services.common import plain_code
from manifests.services.content import content_of, digest_of, require_as_shown
from manifests.services.contracts import may_contract, record_contract
from manifests.services.corrections import approve, decline, propose, withdraw, withdraw_stale
from manifests.services.drafting import Wanted, cancel, draft, draft_wanted, issue, revise
from manifests.services.loading import load, unload
from manifests.services.numbers import may_number, set_national_number
from manifests.services.paper import attach, type_in
from manifests.services.permits import correct_permit, record_permit, withdraw_permit
from manifests.services.planning import amend_plan, plan_transfer, record_approval
from manifests.services.receipt import earliest_receipt, receive, take_back, undo_receipt, weigh_again
from manifests.services.receipt_rows import Receipt, read_receipts
from manifests.services.settlement import close, settle
from manifests.services.streams import FromStream
from manifests.services.treatment import Treated, end_if_treated, read_treatments, treat
from manifests.services.turned_away import send_back

__all__ = [
    "FromStream",
    "Receipt",
    "Treated",
    "Wanted",
    "amend_plan",
    "approve",
    "attach",
    "cancel",
    "close",
    "content_of",
    "correct_permit",
    "decline",
    "deliver",
    "depart",
    "digest_of",
    "draft",
    "draft_as_last_time",
    "draft_wanted",
    "earliest_receipt",
    "end_if_treated",
    "hand_over",
    "issue",
    "load",
    "may_contract",
    "may_number",
    "plain_code",
    "plan_transfer",
    "propose",
    "read_place",
    "read_receipts",
    "read_treatments",
    "receive",
    "record_approval",
    "record_contract",
    "record_permit",
    "require_as_shown",
    "require_next",
    "revise",
    "send_back",
    "set_national_number",
    "settle",
    "take_back",
    "take_over",
    "treat",
    "type_in",
    "undo_receipt",
    "unload",
    "weigh_again",
    "withdraw",
    "withdraw_permit",
    "withdraw_stale",
]

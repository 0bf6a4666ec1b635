"""The manifests room's rows: the manifest, what a receipt found, corrections, papers, the counter, the rounds."""

from manifests.models.correction import Consent, Correction, CorrectionState
from manifests.models.manifest import (
    AFTER_RECEIPT,
    NO_RETURN,
    ON_THE_WAY,
    TURNED_AWAY,
    UNDER_WAY,
    Leg,
    Line,
    Manifest,
    ManifestState,
    Outcome,
    to_treat,
)
from manifests.models.papers import Approval, Attachment, Contract, ContractPurpose, PlannedTransfer, RoadsideCheck
from manifests.models.receipt import Discrepancy, Severity, Statement, Treatment
from manifests.models.rounds import (
    CollectionItem,
    CollectionRequest,
    CollectionState,
    Round,
    RoundState,
    SignedStop,
    SignedStopState,
    Stop,
)
from manifests.models.walk_in import WalkIn, WalkInLine, WalkInState

__all__ = [
    "AFTER_RECEIPT",
    "NO_RETURN",
    "ON_THE_WAY",
    "TURNED_AWAY",
    "UNDER_WAY",
    "Approval",
    "Attachment",
    "CollectionItem",
    "CollectionRequest",
    "CollectionState",
    "Consent",
    "Contract",
    "ContractPurpose",
    "Correction",
    "CorrectionState",
    "Discrepancy",
    "Leg",
    "Line",
    "Manifest",
    "ManifestState",
    "Outcome",
    "PlannedTransfer",
    "RoadsideCheck",
    "Round",
    "RoundState",
    "Severity",
    "SignedStop",
    "SignedStopState",
    "Statement",
    "Stop",
    "Treatment",
    "WalkIn",
    "WalkInLine",
    "WalkInState",
    "to_treat",
]

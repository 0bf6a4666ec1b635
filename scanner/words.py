"""What the scripts of the scan page say, in the reader's language: the words, and the sentences of local verdicts."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from scanner.models import Intent
from wastetrack.sentences import SENTENCES

SAID_ON_THE_DEVICE = (
    "already_counted",
    "already_here",
    "already_loaded",
    "bay_full",
    "bay_incompatible",
    "bay_missing",
    "bay_no_place",
    "bay_not_admitted",
    "bay_reaction_unknown",
    "bund_too_small",
    "emptied",
    "foreign_code",
    "is_a_bay",
    "no_manifest",
    "no_room",
    "no_safe_bay",
    "not_a_code",
    "not_departed",
    "not_here",
    "not_on_a_manifest",
    "other_manifest",
    "treated",
    "unknown_bay",
    "unknown_code",
    "voided",
    "was_missing",
    "wrong_bay",
    "wrong_depot",
    "mass_not_a_number",
    "no_barcode",
)
"""Codes that a device without a network may answer by itself: it needs their sentences beforehand."""


def words() -> dict[str, Any]:
    """Every text of the scripts, by name; sentences by their code, with %(name)s where a value goes."""
    return {
        **_verdicts(),
        **_connection(),
        **_steps(),
        **_camera(),
        **_setup(),
        "modes": {name: str(label) for name, label in Intent.choices},
        "sentences": {code: str(SENTENCES[code]) for code in SAID_ON_THE_DEVICE if code in SENTENCES},
    }


def _verdicts() -> dict[str, str]:
    return {
        "check_in": pgettext("verdict", "In"),
        "put_away": pgettext("verdict", "Moved"),
        "check_out": pgettext("verdict", "Loaded"),
        "count": pgettext("verdict", "Counted"),
        "lookup": pgettext("verdict", "Found"),
        "undo": pgettext("verdict", "Undone"),
        "refused": pgettext("verdict", "Stop"),
        "repeated": pgettext("verdict", "Already done"),
        "already_here": pgettext("verdict", "Already here"),
        "already_loaded": pgettext("verdict", "Already loaded"),
        "already_counted": pgettext("verdict", "Already counted"),
        "hereIn": pgettext("verdict", "Already in {b}"),
        "massWrong": pgettext("verdict", "Weight?"),
        "flagged": pgettext("verdict", "Recorded, but wrong"),
        "weigh": pgettext("verdict", "Weigh again"),
        "hand": pgettext("verdict", "Which bay?"),
        "bay": pgettext("verdict", "Bay chosen"),
        "which": pgettext("verdict", "Which one?"),
        "kept": pgettext("verdict", "Kept, not sent yet"),
        "bayLabel": _("Bay"),
        "manifestLabel": _("Manifest"),
    }


def _connection() -> dict[str, str]:
    return {
        "waiting": _("{n} kept here, the oldest {t}"),
        "settled": _("{n} to be looked at"),
        "seconds": _("{n} s"),
        "minutes": _("{n} min"),
        "hours": _("{n} h"),
        "days": _("{n} days"),
        "offline": _("No connection: scans are kept on this device and sent by themselves."),
        "signedOut": _("You are signed out: sign in again, then the scans go on."),
        "signIn": _("Sign in"),
        "reload": _("This page is old: load it again, then the scans go on."),
        "load": _("Load the page again"),
        "others": _("Scans of another person wait on this device: they are sent when that person signs in here."),
        "noStore": _("This browser keeps nothing: without a connection scans would be lost. Leave private browsing."),
        "allSent": _("All sent"),
        "sending": pgettext("verdict", "Sending"),
        "full": _("This device has no room left: free some, or scans cannot be kept."),
        "notKept": _("This device could not keep the scan, and it was not sent. Scan again."),
        "otherPerson": _("Somebody else is signed in here now: these scans go on when their own person signs in."),
        "localOnly": _("Judged by this device, not sent yet."),
        "snapshotAge": _("Stock known as of {t} ago"),
        "snapshotNone": _("This device does not know the stock yet: without a connection it only keeps scans."),
        "seen": _("Seen"),
    }


def _steps() -> dict[str, str]:
    return {
        "scanBay": _("Scan the bay's sign, or tap the bay."),
        "standsIn": _("It stands in bay {b}."),
        "standsRight": _("It stands right in {b}: nothing to do."),
        "noBay": _("No other bay here may take this drum: set it aside and ask."),
        "massHeld": _("Waiting for the weight: {c}. Mend it and press Enter; empty, it is recorded without one."),
        "best": pgettext("bay", "Best"),
        "inHand": _("{n} in hand"),
        "putDown": _("Put down again"),
        "bayFollows": _("The drums scanned now go to this bay."),
        "countFollows": _("The drums scanned now are counted in this bay."),
        "bayAuto": _("Bay: automatic"),
        "bayScan": _("Bay: by drum"),
        "bayCount": _("Bay to count"),
        "allIn": _("All in"),
        "countBay": _("Scan the bay's sign or choose the bay that you count."),
        "counted": _("{n} counted in bay {b}"),
        "declared": _("Declared"),
        "received": _("On the scale"),
        "weighSay": _(
            "More than {p} per cent apart. Weigh once more: type the mass, then press Enter or scan the same drum."
        ),
        "weighSayPlain": _(
            "The masses are too far apart. Weigh once more: type the mass, then press Enter or scan the same drum."
        ),
        "weighOther": _(
            "The mass was typed for drum {c}: scan that drum, or empty the field first. This one was not recorded."
        ),
        "loadIn": _("{n} of {t} in"),
        "loaded": _("{n} of {t} loaded"),
        "missing": _("Missing:"),
        "chooseManifest": _("Choose the manifest that is being loaded."),
    }


def _camera() -> dict[str, str]:
    return {
        "no_camera": _("No camera here, or this page is not served over https: use a photo, or type the code."),
        "camera_denied": _("This page may not use the camera: allow it in the browser's settings, or use a photo."),
        "camera_busy": _("Another program holds the camera: close it and try again."),
        "no_reader": _("The camera's reader could not be loaded: load the page again with a connection."),
        "twoInPhoto": _("Two codes are in this photo: tap the one you mean."),
        "twoCodes": _("Two codes are in view: tap the one you mean, or show it alone."),
        "reading": _("Reading the photo"),
        "unread": _("The photo did not get through. Try again."),
        "torchOn": _("Light on"),
        "torchOff": _("Light off"),
    }


def _setup() -> dict[str, str]:
    return {
        "setupWait": _("Waiting for the scanner."),
        "setupNoEnd": _(
            "The text has come, but no end: set the scanner to send Enter (CR), line feed or Tab after each code."
        ),
        "setupExact": _("The scanner reads as printed and ends with {e}."),
        "setupFolded": _("It ends with {e}. Letters come small or full-width: this page mends that."),
        "setupLayout": _(
            "It ends with {e}. The marks come through as on another keyboard layout: labels are read all the same; "
            "better set the scanner to this keyboard's layout."
        ),
        "setupWrong": _("This is not the code above: {s}. Scan that one; clean it or bring it nearer."),
        "enter": _("Enter (CR)"),
        "feed": _("line feed (LF)"),
        "tab": _("Tab"),
    }

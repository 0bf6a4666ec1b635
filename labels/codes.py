"""What our barcodes hold, and what a scanned or typed text means. Pure: no Django, no database."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from wastetrack.regulations.identifiers import CONTAINER_CODE_RE, ContainerCode, normalise_short_code, short_code_ok

Kind = Literal["container", "short", "bay", "foreign", "garbage"]

MAX_TEXT = 512
"""Characters of a scanned text that are looked at; a longer one is garbage."""

_CONTAINER, _BAY, _MANIFEST, _CERTIFICATE = "W", "B", "M", "C"
_URL = re.compile(r"HTTPS?://(?P<host>[^/?#]+)(?P<path>[^?#]*)")
_BAY_ID = re.compile(r"[0-9A-Z-]{1,64}")
_AIM = re.compile(r"^\][A-Z][0-9A-Z]")
_CODE_INSIDE = re.compile(rf"(?<![0-9A-Z]){CONTAINER_CODE_RE.pattern}(?![0-9A-Z])")
# A Chinese input method types these for the keys . / ]
_IME = str.maketrans({"。": ".", "、": "/", "】": "]"})


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a text means. `code`: the 37-digit code, the short code or the bay's id; `text`: as read, folded."""

    kind: Kind
    code: str | None
    text: str


def payload(code: str, host_url: str) -> str:
    """What a container's QR holds: HTTPS://HOST/W/<code>, in QR's alphanumeric mode; ValueError host_url."""
    return f"{_site_address(host_url)}/{_CONTAINER}/{code}"


def bay_payload(bay: str, host_url: str) -> str:
    """What the QR of a bay's sign holds: HTTPS://HOST/B/<bay>; ValueError host_url."""
    return f"{_site_address(host_url)}/{_BAY}/{bay}".upper()


def manifest_payload(number: str, host_url: str) -> str:
    """What the QR of a manifest's document holds: HTTPS://HOST/M/<14 digits>; ValueError host_url."""
    return f"{_site_address(host_url)}/{_MANIFEST}/{number}"


def certificate_payload(number: str, host_url: str) -> str:
    """What the QR of a certificate holds: HTTPS://HOST/C/<its number>; ValueError host_url."""
    return f"{_site_address(host_url)}/{_CERTIFICATE}/{number}"


def read(text: str, host_url: str) -> Scanned:
    """What a scanner typed or a person entered, for the site at `host_url`. Never raises for any text."""
    if len(text) > MAX_TEXT:
        return Scanned("garbage", None, text[:MAX_TEXT])
    folded = fold(text)
    plain = "".join(folded.split())
    found = _read_url(plain, host_url) if "://" in plain else _read_bare(plain, host_url)
    kind, code = found or ("garbage", None)
    return Scanned(kind, code, folded)


def fold(text: str) -> str:
    """Half-width capitals without control or invisible characters, AIM identifier or space around; ≤ MAX_TEXT."""
    plain = unicodedata.normalize("NFKC", text).upper().translate(_IME)
    # Control and invisible characters go wherever they stand: a byte-order mark, the joiners of a paste.
    # Those that part words (tab, line end, the separators of GS1) become a space.
    shown = "".join(" " if c.isspace() else c for c in plain if c.isspace() or unicodedata.category(c)[0] != "C")
    return _AIM.sub("", shown.strip(), count=1).strip()[:MAX_TEXT]


def _site_address(host_url: str) -> str:
    """SCHEME://HOST/PREFIX in capitals; ValueError when it is no plain ASCII web address."""
    parts = urlsplit(host_url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or not host_url.isascii() or " " in host_url:
        raise ValueError("host_url")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}".upper()


def _without_scheme(address: str) -> str:
    """HOST/PREFIX; the port that goes without saying goes unsaid, and http and https are one site."""
    scheme, _, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return host.removesuffix(":443" if scheme == "HTTPS" else ":80") + slash + path


def _container(text: str) -> str | None:
    try:
        return str(ContainerCode.parse(text))
    except ValueError:
        return None


def _read_url(text: str, host_url: str) -> tuple[Kind, str | None] | None:
    match = _URL.match(text)
    if not match:
        return None
    here = _without_scheme(match[0]).rstrip("/")
    ours = _without_scheme(_site_address(host_url))
    if here.partition("/")[0] == ours.partition("/")[0]:
        return _read_path(here.removeprefix(ours)) if here.startswith(ours + "/") else None
    inside = _CODE_INSIDE.search(text)
    return "foreign", _container(inside[0]) if inside else None


def _read_path(path: str) -> tuple[Kind, str] | None:
    _, letter, name, *more = [*path.split("/"), "", ""]
    if any(more):
        return None
    if letter == _CONTAINER and (code := _container(name)):
        return "container", code
    if letter == _BAY and _BAY_ID.fullmatch(name):
        return "bay", name
    return None


def _read_bare(text: str, host_url: str) -> tuple[Kind, str] | None:
    if code := _container(text):
        return "container", code
    if short_code_ok(short := normalise_short_code(text)):
        return "short", short
    return _read_mistyped(text, host_url)


def _read_mistyped(text: str, host_url: str) -> tuple[Kind, str] | None:
    """Our own payload through a keyboard layout that has other marks on the keys : / . and -."""
    letters = re.sub(r"[^0-9A-Z]", "", text)
    prefix = re.sub(r"[^0-9A-Z]", "", _site_address(host_url) + _CONTAINER)
    if letters.startswith(prefix) and (code := _container(letters.removeprefix(prefix))):
        return "container", code
    return None

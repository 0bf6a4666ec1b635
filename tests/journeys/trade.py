"""The parties of a journey and what they do, each step a call of the API, checked and written down."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from depots.models import DepotKind
from manifests.models import CorrectionState, Manifest, ManifestState
from scanner.models import Scan
from tests.journeys.frame import CAST, Tale
from tests.world import DRUM, PASSWORD
from wastetrack.ledger.models import Entry
from wastetrack.parties.models import Vehicle
from wastetrack.regulations.identifiers import group
from wastetrack.units import kg_text
from wastetrack.waste.models import Container, ContainerState

BARREL = {"container_kind": "steel_drum", "volume_l": 200}


@dataclass(frozen=True)
class Drum:
    """A drum, told by a name."""

    code: str
    name: str

    @property
    def row(self) -> Container:
        return Container.objects.select_related("holder").get(code=self.code)

    @property
    def state(self) -> str:
        return self.row.state

    @property
    def kg(self) -> str:
        return str(kg_text(self.row.mass_g))


@dataclass(frozen=True)
class Load:
    """A manifest, told by a name."""

    number: str
    name: str

    @property
    def row(self) -> Manifest:
        return Manifest.objects.get(number=self.number)

    @property
    def state(self) -> str:
        return self.row.state

    @property
    def label(self) -> str:
        return str(ManifestState(self.state).label)

    @property
    def proposal(self) -> str:
        """How its last correction stands."""
        last = self.row.corrections.latest("pk")
        return (
            f"{CorrectionState(last.state).label}: version {last.version}"
            if last.version
            else str(CorrectionState(last.state).label)
        )


@dataclass(frozen=True)
class Party:
    """An organisation that acts. `cannot(code)` is the same one, expected to be refused with this code."""

    tale: Tale
    key: str
    expected: str = ""

    def cannot(self, code: str) -> Party:
        return replace(self, expected=code)

    @property
    def title(self) -> str:
        return CAST[self.key]

    @property
    def uscc(self) -> str:
        return self.tale.world.organisations[self.key].uscc

    @property
    def depot_id(self) -> str:
        return str(self.tale.world.depots[self.key].pk)

    def post(self, path: str, body: dict[str, Any], what: str, *, to: Party | None = None, then: Any = "") -> Any:
        """Send it, and write down what was done and what came of it: `then`, or what it makes of the answer."""
        response = self.tale.api(self.key).post(path, body)
        answer = json.loads(response.content)
        towards = to.key if to else ""
        if self.expected:
            found = {answer.get("code"), *(error["code"] for error in answer.get("errors", []))}
            assert response.status_code >= 400, (path, answer)
            assert self.expected in found, answer
            sentences = [error["message"] for error in answer.get("errors", []) if error["code"] == self.expected]
            self.tale.tell(self.key, what, to=towards, then=(sentences or [answer["detail"]])[0], refused=True)
            return answer
        assert response.status_code < 300, (path, answer)
        self.tale.tell(self.key, what, to=towards, then=then(answer) if callable(then) else then)
        return answer

    def get(self, path: str) -> Any:
        response = self.tale.api(self.key).get(path)
        assert response.status_code == 200, response.content
        return response.json()

    def sees(self, path: str) -> bool:
        """Whether this address shows it anything; what is hidden answers as what there is not."""
        status = self.tale.api(self.key).get(path).status_code
        assert status in (200, 404)
        return bool(status == 200)

    # --- drums ---

    def logs(self, name: str, kg: str, **changes: Any) -> Drum:
        """Log a drum into its own store."""
        body = {**DRUM, "depot": self.depot_id, "mass_kg": kg, "hazards": ["T", "I"], **changes}
        body["accumulation_start"] = self.tale.now.date().isoformat()
        answer = self.post("/containers", body, f"logs {name}, {kg} kg", then="Stored")
        return self._drum(answer["code"], answer["short_code"], name)

    def _drum(self, code: str, short: str, name: str) -> Drum:
        self.tale.names |= dict.fromkeys([code, short, group(code), group(short)], name)
        return Drum(code, name)

    def merges(self, drums: list[Drum], name: str, kg: str) -> Drum:
        """Pour several together."""
        body = {"containers": [drum.code for drum in drums], **BARREL, "mass_kg": kg, "waste_code": "900-249-08"}
        answer = self.post("/containers/merge", body, f"merges {_all(drums)}", then=f"{name}, {kg} kg")
        return self._drum(answer["code"], answer["short_code"], name) if "short_code" in answer else Drum("", name)

    def splits(self, drum: Drum, parts: dict[str, str]) -> list[Drum]:
        """Pour one into several: {name: kg}."""
        body = {"container": drum.code, "parts": [{**BARREL, "mass_kg": kg} for kg in parts.values()]}
        told = ", ".join(f"{name} {kg} kg" for name, kg in parts.items())
        answer = self.post("/containers/split", body, f"splits {drum.name}", then=told)
        made = answer["containers"]
        return [self._drum(one["code"], one["short_code"], name) for one, name in zip(made, parts, strict=True)]

    def scans_in(self, drum: Drum, what: str = "", *, kg: str = "", bay: str = "") -> dict[str, Any]:
        """Scan a drum at the own gate; the verdict is what happens."""
        body = {"nonce": f"s{Scan.objects.count()}", "text": drum.code, "intent": "check_in", "depot": self.depot_id}
        body |= {name: value for name, value in (("mass_kg", kg), ("bay", bay)) if value}
        answer: dict[str, Any] = self.tale.api(self.key).post("/scans", body).json()
        refused = answer["verdict"] == "refused"
        assert answer.get("reason") == (self.expected or None), answer
        then = answer["message"] if refused else f"{drum.name}: {ContainerState(drum.state).label}"
        self.tale.tell(self.key, what or f"scans {drum.name} in", then=then, refused=refused)
        return answer

    # --- manifests ---

    def drafts(
        self, name: str, drums: list[Drum], *, to: Party, by: Party | list[Party] | None = None, **more: Any
    ) -> Load:
        """A draft that only it sees; `by` several carriers where they take it on one after the other."""
        body: dict[str, Any] = {"receiver": to.uscc, "containers": [drum.code for drum in drums]}
        body["emergency_measures"] = "吸附、围堵"
        body |= {"carriers": [one.uscc for one in by]} if isinstance(by, list) else {"carrier": by.uscc} if by else {}
        answer = self.post("/manifests", {**body, **more}, f"drafts {name} with {_all(drums)}", then="Draft")
        if "number" not in answer:
            return Load("", name)
        self.tale.names[answer["number"]] = name
        return Load(answer["number"], name)

    def does(self, verb: str, load: Load, what: str, *, to: Party | None = None, then: str = "", **body: Any) -> Any:
        """A verb on a manifest, signed with the password where it is one that is signed."""
        signed = {} if "pin" in body else {"password": PASSWORD}
        path = f"/manifests/{load.number}/{verb}"
        return self.post(path, {**signed, **body}, what, to=to, then=then or (lambda _: load.label))

    def revises(self, load: Load, drums: list[Drum], *, to: Party, by: Party) -> Any:
        """Say the draft anew, whole."""
        body = {"receiver": to.uscc, "carrier": by.uscc, "containers": [drum.code for drum in drums]}
        body["emergency_measures"] = "吸附、围堵"
        what = f"says {load.name} anew: {_all(drums)}, to {to.title}, by {by.title}"
        return self.post(f"/manifests/{load.number}/revise", body, what, then=lambda _: load.label)

    def returns(self, load: Load, name: str) -> Load:
        """Draft the manifest under which everything it refused goes back."""
        answer = self.post(f"/manifests/{load.number}/return", {}, f"drafts {name}", then="Draft")
        self.tale.names[answer["number"]] = name
        return Load(answer["number"], name)

    def issues(self, load: Load, *, to: Party | None = None) -> Any:
        return self.does("issue", load, f"signs and issues {load.name}", to=to)

    def sends(self, name: str, drums: list[Drum], *, to: Party, by: Party | list[Party], **more: Any) -> Load:
        """Draft and issue."""
        load = self.drafts(name, drums, to=to, by=by, **more)
        self.issues(load, to=by[0] if isinstance(by, list) else by)
        return load

    def departs(self, load: Load, plate: str = "", **body: Any) -> Any:
        return self.does("depart", load, f"signs, and departs with {load.name}", vehicle=plate, **body)

    def hands_over(self, load: Load, to: Party, place: str, **body: Any) -> Any:
        what = f"hands {load.name} over at {place}"
        return self.does("hand-over", load, what, to=to, carrier=to.uscc, place=place, **body)

    def takes_over(self, load: Load, plate: str = "", **body: Any) -> Any:
        return self.does("take-over", load, f"signs for {load.name}, and carries it on", vehicle=plate, **body)

    def delivers(self, load: Load, to: Party, **body: Any) -> Any:
        return self.does("deliver", load, f"is at the gate with {load.name}", to=to, **body)

    def brings(self, load: Load, to: Party, plate: str = "") -> None:
        """Depart and deliver."""
        self.departs(load, plate)
        self.delivers(load, to)

    def receives(
        self,
        load: Load,
        *,
        accepts: dict[Drum, str] | None = None,
        refuses: dict[Drum, str] | None = None,
        to: Party | None = None,
        **body: Any,
    ) -> Any:
        """Sign the receipt: {drum: kg} accepted, {drum: reason} refused; neither: all as declared."""
        accepts, refuses = accepts or {}, refuses or {}
        rows = [{"container": drum.code, "outcome": "accepted", "mass_kg": kg} for drum, kg in accepts.items()]
        rows += [{"container": drum.code, "outcome": "rejected", "reason": why} for drum, why in refuses.items()]
        told = [f"accepts {', '.join(f'{drum.name} with {kg} kg' for drum, kg in accepts.items())}"] if accepts else []
        told += [f"refuses {', '.join(f'{drum.name} ({why})' for drum, why in refuses.items())}"] if refuses else []
        what = " and ".join(told) or f"receives all of {load.name} as declared"
        return self.does("receive", load, f"weighs, signs: {what}" if accepts else what, to=to, lines=rows, **body)

    def settles(self, load: Load, drum: Drum, kg: str, note: str) -> Any:
        return self.does(
            "settle", load, f"stands by {kg} kg of {drum.name}: {note}", container=drum.code, mass_kg=kg, note=note
        )

    def treats(self, load: Load, drums: dict[Drum, str], method: str = "R9", residue: str = "") -> Any:
        rows = [
            {"container": drum.code, "method": method, "mass_kg": kg, "treated_at": self.tale.now.isoformat(),
             **({"residue": residue} if residue else {})}
            for drum, kg in drums.items()
        ]  # fmt: skip
        return self.does("treat", load, f"signs: {_all(list(drums))} treated by {method}", lines=rows)

    def closes(self, load: Load) -> Any:
        return self.does("close", load, f"closes {load.name}")

    def cancels(self, load: Load, reason: str) -> Any:
        return self.does("cancel", load, f"cancels {load.name}: {reason}", reason=reason)

    # --- corrections ---

    def proposes(self, load: Load, what: str, reason: str, *, to: Party | None = None, **changes: Any) -> Any:
        body = {"reason": reason, "password": PASSWORD, **changes}
        return self._settles("correct", load, f"proposes a correction: {what}", to, body)

    def agrees(self, load: Load, *, to: Party | None = None, to_what: str = "the correction") -> Any:
        return self._settles("approve", load, f"signs: agrees to {to_what}", to, {"password": PASSWORD})

    def declines(self, load: Load, reason: str, *, to: Party | None = None) -> Any:
        return self._settles("decline", load, f"does not agree: {reason}", to, {"reason": reason})

    def _settles(self, verb: str, load: Load, what: str, to: Party | None, body: dict[str, Any]) -> Any:
        return self.post(f"/manifests/{load.number}/{verb}", body, what, to=to, then=lambda _: load.proposal)

    # --- the end ---

    def asks_fates(self, drum: Drum) -> dict[str, Any]:
        """Where this drum's waste ended, to the gram."""
        found: dict[str, Any] = self.get(f"/containers/{drum.code}/fates")
        return found


def _all(drums: list[Drum]) -> str:
    return ", ".join(drum.name for drum in drums)


def cast(tale: Tale, *names: str) -> list[Party]:
    """The parties of a journey."""
    return [Party(tale, name) for name in names]


def another_firm(tale: Tale, key: str) -> Party:
    tale.world.add(key, "generator")
    tale.world.add_depot(key, DepotKind.STORAGE_POINT)
    return Party(tale, key)


def another_carrier(tale: Tale, key: str, plate: str) -> Party:
    """A further carrier with a permit and one vehicle."""
    organisation = tale.world.add(key, "carrier", role="driver")
    tale.world.permit(key, "", kind="transport")
    Vehicle.objects.create(organisation=organisation, plate=plate, capacity_g=10_000_000)
    return Party(tale, key)


def another_plant(tale: Tale, key: str, division: str = "330602") -> Party:
    """A further plant, with a permit and a store."""
    tale.world.add(key, "treater", division=division)
    permit = tale.world.permit(key, "HW08 HW49 HW06 HW12")
    tale.world.add_depot(key, DepotKind.PLANT_STORE, bays=1, permit=permit)
    return Party(tale, key)


def kinds_of(subject: str) -> list[str]:
    """The verbs of a subject's entries, in their order."""
    kinds = Entry.objects.filter(subject=subject).order_by("id").values_list("kind", flat=True)
    return [kind.partition(".")[2] for kind in kinds]

"""The demo year: the nested, readable form of fixtures/demo.json becomes rows.

The key of a row follows from its place in the file, so the same file always gives the same rows.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from budget.models import (
    AnnualAllocation,
    Budget,
    BudgetExpense,
    BudgetIncome,
    Event,
    Membership,
    Organization,
    Settlement,
    SettlementItem,
    User,
)
from config.operations.seed_rows import Seeding
from receipts.models import OcrResult, ReceiptScan, ReceiptValidation
from receipts.models.scans import scan_path

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://example.org/parish-budget/demo")
_PEOPLE = frozenset(
    {"user", "created_by", "decided_by", "reviewed_by", "paid_by", "uploaded_by", "validated_by"}
)
# What an object of the file holds besides columns: lines, objects that become rows of their own, a file.
_NOT_COLUMNS = frozenset(
    {"budget", "settlement", "incomes", "expenses", "receipts", "readings", "validation", "expense", "file"}
)
_NUMBER_AND_UNIT = re.compile(r"([\d.]+)(.*)")


class OrganizationMissing(Exception):
    """Somebody has changed the code of an organization that the demo year is about."""


@dataclass(frozen=True)
class SignIn:
    email: str
    password: str


class Entry(NamedTuple):
    """An object of the file, the row made from it, and where in the file it stands."""

    path: tuple[str, ...]
    content: dict[str, Any]
    row: Any


class DemoYear:
    def __init__(self, *, seeding: Seeding, folder: Path) -> None:
        content = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
        self.sign_in = SignIn(**content["sign_in"])
        self._seeding = seeding
        self._receipts = folder / "receipts"
        self._columns = content["columns"]
        self._people = dict(self._read_people(content["people"]))
        self._organizations = content["organizations"]

    def place(self) -> dict[str, Path]:
        """Put the rows in; return the receipt files by their names in the storage."""
        self._place_people()
        organizations = self._find_organizations()
        self._place_memberships(organizations)
        events = self._place_events(organizations)
        self._place_budgets(events)
        settlements = self._place_parts(Settlement, "settlement", events, parent="event")
        items = self._place_settlement_items(settlements)
        files = self._place_receipts(settlements, items)
        self._place_allocations(organizations)
        return files

    def _read_people(self, people: dict[str, list[Any]]) -> Iterator[tuple[str, User]]:
        for email, line in people.items():
            values = {"status": User.Status.ACTIVE, **self._read_line("people", line)}
            person = User(id=_key("people", email), email=email, **values)
            person.set_unusable_password()
            yield email, person

    def _place_people(self) -> None:
        known = User.objects.annotate(lower_email=Lower("email")).filter(lower_email__in=self._people)
        placed = self._seeding.place(User, list(self._people.values()), unique=("email",), among=known)
        operator = self._people[self.sign_in.email]
        if operator in placed:
            operator.set_password(self.sign_in.password)
            operator.save(update_fields=["password"])

    def _find_organizations(self) -> list[Entry]:
        rows = {row.code: row for row in Organization.objects.filter(code__in=self._organizations)}
        for code in self._organizations.keys() - rows.keys():
            raise OrganizationMissing(
                _("No organization has the code %(code)s, which the demo year needs. Give it back its code.")
                % {"code": code}
            )
        return [Entry((code,), content, rows[code]) for code, content in self._organizations.items()]

    def _place_memberships(self, organizations: Sequence[Entry]) -> None:
        rows = []
        for path, content, organization in organizations:
            for line in content["members"]:
                values = self._read_line("members", line)
                key = _key("members", *path, line[0])
                rows.append(Membership(id=key, organization=organization, **self._with_people(values)))
        self._seeding.place(Membership, rows, unique=("organization_id", "user_id"))

    def _place_allocations(self, organizations: Sequence[Entry]) -> None:
        rows = [
            AnnualAllocation(
                id=_key("allocations", *path, year), organization=organization, year=int(year), amount=amount
            )
            for path, content, organization in organizations
            for year, amount in content["allocations"].items()
        ]
        self._seeding.place(AnnualAllocation, rows, unique=("organization_id", "year"))

    def _place_events(self, organizations: Sequence[Entry]) -> list[Entry]:
        entries = [
            self._read(Event, ("events", *path, event["name"]), event, organization=organization)
            for path, content, organization in organizations
            for event in content["events"]
        ]
        self._seeding.place(Event, [entry.row for entry in entries])
        return entries

    def _place_budgets(self, events: Sequence[Entry]) -> None:
        budgets = self._place_parts(Budget, "budget", events, parent="event")
        incomes = self._read_lines(BudgetIncome, "incomes", budgets, parent="budget")
        self._place_lines(BudgetIncome, incomes, parent="budget")
        expenses = self._read_lines(BudgetExpense, "expenses", budgets, parent="budget")
        self._place_lines(BudgetExpense, expenses, parent="budget")

    def _place_settlement_items(self, settlements: Sequence[Entry]) -> dict[tuple[str, ...], Any]:
        """Return the rows by their path; a settlement has one order for its income and its spending."""
        items = {}
        for settlement in settlements:
            incomes = self._read_lines(SettlementItem, "incomes", [settlement], parent="settlement")
            expenses = self._read_lines(SettlementItem, "expenses", [settlement], parent="settlement")
            for order, entry in enumerate([*incomes, *expenses], start=1):
                entry.row.display_order = order
                entry.row.item_type = "INCOME" if entry in incomes else "EXPENSE"
                items[entry.path] = entry
        self._place_lines(SettlementItem, list(items.values()), parent="settlement")
        return {path: entry.row for path, entry in items.items()}

    def _place_receipts(
        self, settlements: Sequence[Entry], items: dict[tuple[str, ...], Any]
    ) -> dict[str, Path]:
        files, scans = {}, []
        for path, content, _settlement in settlements:
            for receipt in content.get("receipts", []):
                file = self._receipts / receipt["file"]
                item = items[*path, "expenses", str(receipt["expense"])]
                scan = self._read_scan((*path, receipt["file"]), receipt, file, item)
                files[scan.row.file.name] = file
                scans.append(scan)
        rows = [entry.row for entry in scans]
        self._seeding.place(ReceiptScan, rows, unique=("organization_id", "sha256"))
        self._place_readings(scans)
        return files

    def _read_scan(
        self, path: tuple[str, ...], receipt: dict[str, Any], file: Path, item: SettlementItem
    ) -> Entry:
        content = file.read_bytes()
        scan = self._read(ReceiptScan, path, receipt, settlement=item.settlement, settlement_item=item)
        scan.row.organization = item.settlement.event.organization
        scan.row.sha256 = hashlib.sha256(content).hexdigest()
        scan.row.byte_size = len(content)
        scan.row.file.name = scan_path(scan.row, file.name)
        return scan

    def _place_readings(self, scans: Sequence[Entry]) -> None:
        readings = [
            self._read(OcrResult, (*path, "readings", str(number)), reading, scan=scan)
            for path, content, scan in scans
            for number, reading in enumerate(content["readings"], start=1)
        ]
        self._seeding.place(OcrResult, [entry.row for entry in readings])
        self._place_parts(ReceiptValidation, "validation", readings, parent="ocr_result")

    def _place_parts(
        self, model: type[models.Model], name: str, entries: Sequence[Entry], *, parent: str
    ) -> list[Entry]:
        """Put in the one part called `name` of each entry that has it."""
        parts = [
            self._read(model, (*path, name), content[name], **{parent: row})
            for path, content, row in entries
            if name in content
        ]
        self._seeding.place(model, [part.row for part in parts], unique=(f"{parent}_id",))
        return parts

    def _place_lines(self, model: type[models.Model], lines: Sequence[Entry], *, parent: str) -> None:
        rows = [line.row for line in lines]
        self._seeding.place(model, rows, unique=(f"{parent}_id", "display_order"))

    def _read_lines(
        self, model: type[models.Model], name: str, entries: Sequence[Entry], *, parent: str
    ) -> list[Entry]:
        """Read the arrays called `name` of each entry, numbered in their order from 1."""
        return [
            self._read(
                model,
                (*path, name, str(order)),
                self._read_line(f"{parent}_{name}", line),
                **{parent: row, "display_order": order},
            )
            for path, content, row in entries
            for order, line in enumerate(content[name], start=1)
        ]

    def _read(
        self, model: type[models.Model], path: tuple[str, ...], content: dict[str, Any], **fixed: Any
    ) -> Entry:
        columns = {name: value for name, value in content.items() if name not in _NOT_COLUMNS}
        return Entry(path, content, model(id=_key(*path), **self._with_people(columns), **fixed))

    def _with_people(self, columns: dict[str, Any]) -> dict[str, Any]:
        return {name: self._people[value] if name in _PEOPLE else value for name, value in columns.items()}

    def _read_line(self, kind: str, line: list[Any]) -> dict[str, Any]:
        further = line[-1] if isinstance(line[-1], dict) else {}
        plain = line[:-1] if further else line
        # Lines leave out what is empty at their end.
        columns = dict(zip(self._columns[kind], plain, strict=False))
        for name in {"quantity", "times"} & columns.keys():
            columns |= _split_unit(name, columns[name])
        return columns | further


def _split_unit(name: str, text: str) -> dict[str, str]:
    """Split 30명 into the number and its unit."""
    number, unit = _NUMBER_AND_UNIT.fullmatch(text).groups()  # type: ignore[union-attr]
    return {name: number, f"{name}_unit": unit}


def _key(*path: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, "/".join(path))

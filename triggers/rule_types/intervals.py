"""After how many days a service is due again: set at the rule, set at the service by hand, or learned from visits.

A learned interval is that of the patient's sex and age on the day of the use; where a service has none for them, that
of everybody. So of every use exactly one interval counts. The intervals are those known today, for the back-test too:
what was learned back then nobody has kept, and a clinic that asks about the past wants to know what its rule of today
would have done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from patients.models import Service, ServiceGroup
from patients.wording import days
from segmentation.reports.cycles import whom
from segmentation.selectors import cycles
from segmentation.selectors.cycles import CELLS, EVERYBODY, NEVER, Interval, cell_of, cell_sql
from triggers.rule_types import visits
from triggers.rule_types.base import Params


class IntervalsForm(forms.Form):
    """Which services, and after how many days each is due again."""

    services = forms.ModelMultipleChoiceField(
        Service.objects.all(), required=False, label=_("services"),
        help_text=_("Each on its own, unless “one for all of them” is ticked: then coming for any of them counts."),
    )  # fmt: skip
    group = forms.ModelChoiceField(
        ServiceGroup.objects.all(), required=False, label=_("or all services of a group"),
        help_text=_("Services and group empty: every service that has a recall interval, set or learned."),
    )  # fmt: skip
    days = forms.IntegerField(
        min_value=1, max_value=3650, required=False, label=_("own interval, days"),
        help_text=_(
            "Empty: the recall interval set at the service, or the learned one where none is set. A service with "
            "neither is left out then."
        ),
    )  # fmt: skip
    prefer_learned = forms.BooleanField(
        required=False, label=_("prefer the learned interval where there is one"),
        help_text=_(
            "After how many days patients do come again, by sex and age, goes before what is set at the service."
        ),
    )  # fmt: skip
    together = forms.BooleanField(
        required=False, label=_("one for all of them"),
        help_text=_("Coming for any of them counts, and of a visit for several the one that is due first is told of."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("services") and cleaned.get("group"):
            self.add_error("group", ValidationError(_("Choose services or a group, not both.")))
        if cleaned.get("days") and not (cleaned.get("services") or cleaned.get("group")) and not self.errors:
            self.add_error("days", ValidationError(_("Choose the services this interval is for.")))
        if cleaned.get("days") and cleaned.get("prefer_learned"):
            self.add_error("prefer_learned", ValidationError(_("The rule has an interval of its own.")))
        return cleaned


@dataclass(frozen=True)
class Intervals:
    """The services of a rule and the days after which each is due again; of every use one interval counts."""

    rows: tuple[Interval, ...]
    together: bool = False

    @classmethod
    def of(cls, params: Params) -> "Intervals":
        chosen, together = _chosen(params), bool(params.get("together"))
        if own := params.get("days"):
            rows = [Interval(pk, "", None, None, min(own, NEVER), False) for pk in chosen or ()]
        else:
            rows = cycles.intervals(chosen, prefer_learned=bool(params.get("prefer_learned")))
        return cls(tuple(rows), together)

    @cached_property
    def _by_service(self) -> dict[int, list[Interval]]:
        found: dict[int, list[Interval]] = {}
        for row in self.rows:
            found.setdefault(row.service, []).append(row)
        return found

    @property
    def services(self) -> list[int]:
        return list(self._by_service)

    @property
    def days(self) -> set[int]:
        return {row.days for row in self.rows}

    @property
    def _by_cell(self) -> bool:
        """Whether of any service not everybody has the same interval."""
        return len(self.rows) > len(self._by_service)

    def times(self, number: int) -> "Intervals":
        rows = tuple(row._replace(days=min(row.days * number, NEVER)) for row in self.rows)
        return Intervals(rows, self.together)

    def of_use(self, service: int, sex: str, age: int | None) -> Interval:
        """The interval that counts after a use of the service by somebody of this sex and age."""
        cells = _cells(self._by_service[service])
        return cells.get(cell_of(sex, age)) or cells[EVERYBODY]

    def sql(self, name: str = "w") -> str:
        """FROM item: service_id and what `after` needs; one row per service."""
        if not self._by_cell:
            return f"unnest(%(o_services)s::int[], %(o_intervals)s::int[]) AS {name}(service_id, days)"
        columns = "%(o_services)s::int[], %(o_intervals)s::int[], %(o_bases)s::int[]"
        return f"unnest({columns}) AS {name}(service_id, days, base)"

    def after(self, card: str, day: str, name: str = "w") -> str:
        """SQL of the days after which the service of a row of `sql` is due again for the person of a card
        (patients_patient) who used it on a day."""
        if not self._by_cell:
            return f"{name}.days"
        by_cell = f"(%(o_by_cell)s::int[])[{name}.base + {cell_sql(card, day)}]"
        return f"CASE WHEN {name}.base IS NULL THEN {name}.days ELSE {by_cell} END"

    def parts(self) -> list["Intervals"]:
        """Services with one interval for everybody apart from those with one for each sex and age."""
        one = tuple(rows[0] for rows in self._by_service.values() if len(rows) == 1)
        several = tuple(row for rows in self._by_service.values() if len(rows) > 1 for row in rows)
        return [Intervals(rows, self.together) for rows in (one, several) if rows]

    def due(self, days: int) -> tuple[str, str, str]:
        """Of one of the `parts`: SQL of the anchor of a use (`v` a visit, `i` an item of it), the FROM item `w` ON
        which it falls due on one of so many days from %(o_first)s on to %(o_last)s, and `AND …` for whom.

        Where sex and age have their own intervals, rows are joined by service and day: only those meet that may be
        right, and whose row it is, is settled (OFFSET 0) before the later visits of ten wrong cells are gone through.
        """
        if not self._by_cell:
            anchor = "v.starts_on + w.days"
            within = f"{anchor} BETWEEN %(o_first)s AND %(o_last)s"
            table = "unnest(%(o_plain)s::int[], %(o_plain_days)s::int[]) AS w(service_id, days)"
            return anchor, f"{table} ON w.service_id = i.service_id AND {within}", ""
        columns = "%(o_rows)s::int[], %(o_rows_days)s::int[], %(o_rows_cells)s::int[]"
        table = f"""(
            SELECT c.service_id, %(o_first)s::date - c.days + n AS day, %(o_first)s::date + n AS anchor, c.cell
            FROM unnest({columns}) AS c(service_id, days, cell) CROSS JOIN generate_series(0, {days - 1}) n
        ) w ON w.service_id = i.service_id AND w.day = v.starts_on"""
        fitting = f"""AND i.service_id = ANY (ARRAY[{visits.listed(self.services)}])
            AND w.cell = {cell_sql("own", "v.starts_on")} OFFSET 0"""
        return "w.anchor", table, fitting

    def card(self, patient: str) -> str:
        """JOIN of the card `own` that `due` and `after` ask about, or nothing when it does not matter whose it
        is."""
        return f"JOIN patients_patient own ON own.id = {patient}" if self._by_cell else ""

    def values(self) -> dict[str, Any]:
        bases: list[int | None] = []
        by_cell: list[int] = []
        plain: list[tuple[int, int]] = []
        table: list[tuple[int, int, int]] = []
        for service, rows in self._by_service.items():
            if len(rows) == 1:
                bases.append(None)
                plain.append((service, rows[0].days))
                continue
            cells = _cells(rows)
            bases.append(len(by_cell) + 1)  # arrays of the database begin with one, cells with zero
            by_cell += [cells.get(cell, cells[EVERYBODY]).days for cell in range(CELLS)]
            table += [(service, days, cell) for cell, days in enumerate(by_cell[-CELLS:])]
        return {
            "o_services": self.services, "o_bases": bases, "o_by_cell": by_cell,
            "o_intervals": [_cells(rows)[EVERYBODY].days for rows in self._by_service.values()],
            "o_plain": [row[0] for row in plain], "o_plain_days": [row[1] for row in plain],
            "o_rows": [row[0] for row in table], "o_rows_days": [row[1] for row in table],
            "o_rows_cells": [row[2] for row in table],
        }  # fmt: skip


def _cells(rows: Sequence[Interval]) -> dict[int, Interval]:
    """The rows of a service by the number of their cell."""
    return {EVERYBODY if row.age_from is None else cell_of(row.sex, row.age_from): row for row in rows}


def _chosen(params: Params) -> list[int] | None:
    """The services chosen; None: all."""
    if params.get("services"):
        return visits.ids(params, "services")
    if params.get("group"):
        return list(Service.objects.filter(group=params["group"]).order_by("pk").values_list("pk", flat=True))
    return None


# --- In words -----------------------------------------------------------------------------------------------------
def which(params: Params) -> str:
    """The services in words."""
    if params.get("services"):
        names = Service.objects.filter(pk__in=visits.ids(params, "services")).values_list("name", flat=True)
        return visits.in_words(list(names))
    if params.get("group"):
        group = ServiceGroup.objects.filter(pk=params["group"]).first()
        return gettext("services of the group “%(name)s”") % {"name": group or "?"}
    return gettext("every service with a recall interval, set or learned")


def after(params: Params) -> str:
    """After which interval, in a sentence."""
    if own := params.get("days"):
        return ngettext("%(n)s day after the last time.", "%(n)s days after the last time.", own) % {"n": own}
    if params.get("prefer_learned"):
        return gettext("After the interval learned from visits; where there is none, after that set at the service.")
    return gettext("After the interval set at the service; where none is set, after the one learned from visits.")


def whence(interval: Interval) -> str:
    """Behind a due date: after which interval, when it was learned; nothing when it was set."""
    if not interval.learned:
        return ""
    told = {"whom": whom(interval.sex, interval.age_from, interval.age_to), "interval": days(interval.days)}
    return " " + gettext("(%(interval)s, learned for %(whom)s)") % told


def needs_intervals() -> str:
    if Service.objects.filter(recall_days__gt=0).exists() or cycles.intervals():
        return ""
    return gettext(
        "No service has a recall interval yet: set it at the service, let the nights learn it from visits, or give the "
        "rule its own."
    )

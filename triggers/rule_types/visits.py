"""What the types about visits share: the choice of services, in a form, in SQL and in words."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Model, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from patients.models import Patient, Service, ServiceGroup, Visit
from triggers.rule_types.base import Params, Span

STANDING = "('booked', 'confirmed')"
_NAMED = 4  # so many names are told in a sentence, the rest is counted


class ServicesForm(forms.Form):
    """Only visits with one of the services, or of the groups; both empty: every visit."""

    services = forms.ModelMultipleChoiceField(
        Service.objects.all(), required=False, label=_("services"),
        help_text=_("Only visits with one of them. Empty: all."),
    )  # fmt: skip
    groups = forms.ModelMultipleChoiceField(
        ServiceGroup.objects.all(), required=False, label=_("groups of services"),
        help_text=_("Only visits with a service of one of them. Empty: all."),
    )  # fmt: skip


def as_json(cleaned: dict[str, Any]) -> Params:
    """Cleaned settings as JSON: of rows their ids."""
    return {name: _json(value) for name, value in cleaned.items()}


def _json(value: Any) -> Any:
    if isinstance(value, QuerySet):
        return sorted(value.values_list("pk", flat=True))
    return value.pk if isinstance(value, Model) else value


def ids(params: Params, name: str) -> list[int]:
    return [int(pk) for pk in params.get(name) or ()]


def listed(numbers: Sequence[int]) -> str:
    """`1, 2, 3` for IN (…); NULL for nothing."""
    return ", ".join(str(int(number)) for number in numbers) or "NULL"


def about(params: Params, visit: str = "v.id") -> str:
    """`AND …`: the visit has one of the services asked for, or nothing when all are."""
    services, groups = ids(params, "services"), ids(params, "groups")
    if not services and not groups:
        return ""
    return f"""AND EXISTS (
        SELECT FROM patients_visititem item JOIN patients_service kind ON kind.id = item.service_id
        WHERE item.visit_id = {visit}
            AND (item.service_id IN ({listed(services)}) OR kind.group_id IN ({listed(groups)}))
    )"""


def main_service(params: Params, visit: str = "v.id") -> str:
    """SQL of the service a visit is about: the dearest of those asked for, else the dearest at all."""
    services, groups = ids(params, "services"), ids(params, "groups")
    wanted = ""
    if services or groups:
        of_group = f"SELECT kind.id FROM patients_service kind WHERE kind.group_id IN ({listed(groups)})"
        # NULL would come first when descending: with no services named the first half is NULL for the others.
        asked = f"item.service_id IN ({listed(services)}) OR item.service_id IN ({of_group})"
        wanted = f"coalesce({asked}, false) DESC,"
    return f"""(
        SELECT item.service_id FROM patients_visititem item
        WHERE item.visit_id = {visit} ORDER BY {wanted} item.quantity * item.price DESC, item.service_id LIMIT 1
    )"""


def starting_in(span: Span, visit: str = "v") -> str:
    """The visit starts in (after, until]; by day first, for which there is an index."""
    # The day is that of the branch: at most one off that of the moment in UTC.
    return (
        f"{visit}.starts_on BETWEEN (%(o_after)s::timestamptz AT TIME ZONE 'UTC')::date - 1 "
        f"AND (%(o_until)s::timestamptz AT TIME ZONE 'UTC')::date + 1 "
        f"AND {visit}.starts_at > %(o_after)s AND {visit}.starts_at <= %(o_until)s"
    )


def moments(span: Span) -> dict[str, Any]:
    return {"o_after": span.after, "o_until": span.until}


def days(span: Span) -> dict[str, Any]:
    return {"o_first": span.first, "o_last": span.last}


def zone(branch: str) -> str:
    """SQL of the time zone of a branch (an SQL id, may be NULL)."""
    # The name of a zone is a setting of the installation, not of a form.
    home = str(settings.TIME_ZONE).replace("'", "")
    return f"coalesce((SELECT branch.timezone FROM patients_branch branch WHERE branch.id = {branch}), '{home}')"


def midnight(day: str, branch: str) -> str:
    """SQL of the moment a day (an SQL date) begins at a branch."""
    return f"({day}::timestamp AT TIME ZONE {zone(branch)})"


def kept(patient: str) -> str:
    """SQL of the card that is kept of the one that a column names."""
    return f"(SELECT coalesce(card.merged_into_id, card.id) FROM patients_patient card WHERE card.id = {patient})"


def cards_sql(person: str) -> str:
    """SQL array of the cards of a person, by the kept one: facts stay on the card they were posted to."""
    return f"(ARRAY(SELECT card.id FROM patients_patient card WHERE card.merged_into_id = {person}) || {person})"


def cards(patient_id: int) -> list[int]:
    """The cards of a person."""
    kept_id = Patient.objects.filter(pk=patient_id).values_list("merged_into", flat=True).first() or patient_id
    return [kept_id, *Patient.objects.filter(merged_into=kept_id).values_list("pk", flat=True)]


def visits_of(patient_id: int, params: Params) -> QuerySet[Visit]:
    """The visits of a person with the services asked for."""
    found = Visit.objects.filter(patient__in=cards(patient_id), deleted_at__isnull=True)
    services, groups = ids(params, "services"), ids(params, "groups")
    if services or groups:
        found = found.filter(Q(items__service__in=services) | Q(items__service__group__in=groups)).distinct()
    return found


def of_services(params: Params) -> str:
    """ " of the services “Cleaning”, “Lenses”", or nothing: to be put behind the words for a visit."""
    names = [
        *Service.objects.filter(pk__in=ids(params, "services")).values_list("name", flat=True),
        *ServiceGroup.objects.filter(pk__in=ids(params, "groups")).values_list("name", flat=True),
    ]
    return " " + gettext("(only %(names)s)") % {"names": in_words(names)} if names else ""


def in_words(names: Sequence[Any]) -> str:
    """Names in the quotes of the language, the first few of them."""
    told = [gettext("“%(name)s”") % {"name": name} for name in names[:_NAMED]]
    if len(names) > _NAMED:
        told.append(gettext("%(n)s more") % {"n": len(names) - _NAMED})
    return ", ".join(told)


def either(words: Sequence[str | Promise]) -> str:
    """ "a", "a or b", "a, b or c"."""
    texts = [str(word) for word in words]
    if len(texts) < 2:
        return "".join(texts)
    return gettext("%(first)s or %(last)s") % {"first": ", ".join(texts[:-1]), "last": texts[-1]}


def money(amount: float) -> str:
    """Whole roubles with thin spaces."""
    return f"{amount:,.0f}".replace(",", "\u202f") + "\u00a0₽"

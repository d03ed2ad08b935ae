"""Return cycles in words."""

from django.utils.translation import gettext as _

from patients.models.catalogue import Sex


def whom(sex: str, age_from: int | None, age_to: int | None) -> str:
    """Those an interval is for: "women 30–44"; "all patients" when it is for everybody."""
    words = {Sex.FEMALE.value: _("women %(ages)s"), Sex.MALE.value: _("men %(ages)s")}
    if age_from is None:
        return _("all patients")
    ages = f"{age_from}+" if age_to is None else f"{age_from}–{age_to}"
    return words.get(sex, _("patients %(ages)s")) % {"ages": ages}

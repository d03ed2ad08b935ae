"""Sentences of the wizard."""

from django.utils.translation import gettext as _

from patients import wording


def power(audience: int, held: int, percent: int, visible: float, share: float, *, measured: bool) -> str:
    """ "With 10 % of 4 200 (420 patients) an effect of +3 points can be proven …"."""
    first = _(
        "With %(percent)s %% of %(audience)s held back (%(held)s patients) the campaign can prove an effect from "
        "%(points)s percentage points on."
    ) % {
        "percent": percent, "audience": wording.number(audience), "held": wording.number(held),
        "points": wording.number(visible * 100, 1),
    }  # fmt: skip
    if measured:
        second = _("Counted from past hold-outs, in which %(share)s came by themselves within the window.")
    else:
        second = _("Supposing that %(share)s come by themselves; no campaign with a hold-out has ended yet.")
    more = ""
    if visible > 0.05:
        more = " " + _(
            "For this audience that is much: small effects will show only when several campaigns are put together."
        )
    return f"{first} {second % {'share': wording.share(share)}}{more}"

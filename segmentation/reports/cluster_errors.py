"""Why a search for clusters could not be made, in words; codes are kept with the fit."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from patients import wording
from segmentation.kinds.features import columns_of
from segmentation.models import ClusterFit


def refusal(fit: ClusterFit) -> str:
    """What stood in the way of a failed search, and what can be done; empty for any other."""
    if fit.state != ClusterFit.State.FAILED:
        return ""
    details: dict[str, Any] = fit.profile.get("refused", {})
    features = _named(details.get("features", ()))
    if fit.error == "too_few":
        return ngettext(
            "Only %(n)s patient is in this segment: clusters are looked for among %(least)s at least. Choose a larger "
            "segment.",
            "Only %(n)s patients are in this segment: clusters are looked for among %(least)s at least. Choose a "
            "larger segment.",
            details.get("patients", 0),
        ) % {"n": wording.number(details.get("patients", 0)), "least": wording.number(details.get("least", 0))}
    if fit.error == "constant_feature":
        return _("The same for nearly everybody here, so that it tells nobody apart: %(features)s. Leave it out.") % {
            "features": features
        }
    if fit.error == "all_missing":
        return _("Not known of anybody here: %(features)s. Leave it out, or wait until the data have come in.") % {
            "features": features
        }
    words = {
        "no_features": _("No feature is left: none of the chosen ones divides these patients. Choose others."),
        "base_gone": _("The segment to look into has been archived or is gone. Choose another one."),
        "base_empty": _("Nobody was in this segment on the last night."),
        "no_night": _("No night has been finished yet: there are no figures to look for clusters in."),
        "archived": _("The clusters were archived while the search was under way."),
    }
    return words.get(fit.error) or _("The search has failed (%(error)s). The clusters before it still hold.") % {
        "error": fit.error
    }


def _named(codes: Iterable[str]) -> str:
    wanted = list(codes)
    known = columns_of(wanted)
    return ", ".join(f"“{known[code].label}”" if code in known else code for code in wanted)

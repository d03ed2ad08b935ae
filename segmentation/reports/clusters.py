"""What a search for clusters found, in words: figures of quality, what sets a cluster apart, what became of the old."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients import wording
from segmentation.kinds.features import Feature
from segmentation.models import ClusterFit

Words = str | Promise

STABILITY: dict[str, Words] = {
    "very_stable": gettext_lazy("very stable"),
    "stable": gettext_lazy("stable"),
    "shaky": gettext_lazy("shaky"),
    "none": gettext_lazy("not stable"),
}
METHODS: dict[str, Words] = {"kmeans": "KMeans", "gmm": gettext_lazy("Gaussian mixture")}
STAGES: dict[str, Words] = {
    "": gettext_lazy("Waiting for a worker…"),
    "load": gettext_lazy("Reading the features of the patients…"),
    "prepare": gettext_lazy("Bringing the features to one scale…"),
    "fit": gettext_lazy("Trying different numbers of clusters…"),
    "resample": gettext_lazy("Checking whether the same clusters come out again…"),
    "reference": gettext_lazy("Comparing with data that has no clusters…"),
    "finish": gettext_lazy("Drawing the map and the portraits…"),
    "save": gettext_lazy("Putting the patients into their clusters…"),
}
DOUBTS: dict[str, Words] = {
    "not_stable": gettext_lazy("the clusters come out differently each time"),
    "like_noise": gettext_lazy("no better than data without clusters"),
    "no_gap": gettext_lazy("there is no gap between neighbouring clusters"),
    "too_small": gettext_lazy("the smallest cluster is too small (under 30 people or 2 in a hundred)"),
}
# A share of unknown values below this is not worth a word.
LITTLE_MISSING = 0.1
# Whether a feature is above or below the others, as one says it of people.
_ABOVE_BELOW: dict[str, tuple[Words, Words]] = {
    "age": (gettext_lazy("older"), gettext_lazy("younger")),
    "female": (gettext_lazy("more women"), gettext_lazy("more men")),
    "average_bill": (gettext_lazy("a higher average bill"), gettext_lazy("a lower average bill")),
    "money_365": (gettext_lazy("pay more in a year"), gettext_lazy("pay less in a year")),
    "margin": (gettext_lazy("bring more margin"), gettext_lazy("bring less margin")),
    "visits_365": (gettext_lazy("come more often"), gettext_lazy("come less often")),
    "own_interval_days": (gettext_lazy("longer between visits"), gettext_lazy("shorter between visits")),
    "lifetime_days": (gettext_lazy("with the clinic for longer"), gettext_lazy("with the clinic not for long")),
    "since_days": (gettext_lazy("have not been here for longer"), gettext_lazy("have been here recently")),
    "cycles_since": (gettext_lazy("further past their cycle"), gettext_lazy("within their cycle")),
    "overdue_days": (gettext_lazy("overdue for longer"), gettext_lazy("their next visit is further ahead")),
    "hour": (gettext_lazy("come later in the day"), gettext_lazy("come earlier in the day")),
    "weekend_share": (gettext_lazy("more often at weekends"), gettext_lazy("more often on weekdays")),
    "discount_share": (gettext_lazy("larger discounts"), gettext_lazy("smaller discounts")),
    "clicked_share": (gettext_lazy("follow links more often"), gettext_lazy("follow links less often")),
    "booked_share": (gettext_lazy("come after a message more often"), gettext_lazy("come after a message less often")),
    "p_alive": (gettext_lazy("more likely to stay"), gettext_lazy("more likely to have left")),
    "money_12m": (gettext_lazy("expected to pay more"), gettext_lazy("expected to pay less")),
}  # fmt: skip
# The name of a service or a channel within the label of its feature.
_QUOTED = re.compile("[«“](.+)[»”]")
# The mean of these says the direction better without a number: it may lie below zero.
_WITHOUT_FIGURES = ("overdue_days",)


def stability_words(level: str) -> str:
    return str(STABILITY.get(level, ""))


def doubts_words(codes: Iterable[str]) -> str:
    return ", ".join(str(DOUBTS.get(code, code)) for code in codes)


def silhouette_words(value: float | None) -> str:
    """Borders of Kaufman and Rousseeuw (1990): from 0.5 a reasonable structure, below 0.25 none to speak of."""
    if value is None:
        return ""
    if value >= 0.5:
        return _("clearly apart")
    return _("apart, with blurred borders") if value >= 0.25 else _("they run into each other")


def clusters_count(count: int) -> str:
    """4 → «4 кластера»."""
    return ngettext("%(n)s cluster", "%(n)s clusters", count) % {"n": wording.number(count)}


def headline(fit: ClusterFit | None, level: str) -> str:
    """The sentence on top of the page: what was found, and whether to believe it."""
    if fit is None:
        return ""
    if fit.outcome != ClusterFit.Outcome.FOUND:
        return _("There are no clusters in these data: %(patients)s were looked at by %(features)s.") % {
            "patients": wording.patients_count(fit.patients), "features": features_count(len(asked_features(fit))),
        }  # fmt: skip
    doubts = fit.profile.get("doubts", [])
    if doubts:
        return _(
            "There is no good ground for %(clusters)s among %(patients)s: the number was insisted on, but %(doubts)s."
        ) % {
            "clusters": clusters_count(fit.k), "patients": wording.patients_count(fit.patients),
            "doubts": doubts_words(doubts),
        }  # fmt: skip
    said = _("%(clusters)s among %(patients)s; stability %(figure)s — %(word)s.") % {
        "clusters": clusters_count(fit.k),
        "patients": wording.patients_count(fit.patients),
        "figure": wording.number(fit.stability, 2),
        "word": stability_words(level),
    }
    if level in ("shaky", "none"):
        said += " " + _("Do not build much on them: another sample of the same patients would be divided differently.")
    return said


def features_count(count: int) -> str:
    return ngettext("%(n)s feature", "%(n)s features", count) % {"n": wording.number(count)}


def asked_features(fit: ClusterFit) -> list[str]:
    return [str(code) for code in fit.asked.get("features", [])]


# --- What sets a cluster apart ------------------------------------------------------------------------------------


def trait(feature: Feature, row: Mapping[str, Any], *, with_figures: bool = True) -> str:
    """One distinguishing feature: "older (47 years against 38 years)"."""
    high = row["direction"] == "high"
    words = str(_above_below(feature)[0 if high else 1])
    own, others = _figures(row, high)
    if not with_figures or feature.code in _WITHOUT_FIGURES or own is None or others is None:
        return words
    own_words, others_words = feature.say(own), feature.say(others)
    if own_words == others_words:
        return words
    return _("%(trait)s (%(own)s against %(others)s)") % {"trait": words, "own": own_words, "others": others_words}


def _above_below(feature: Feature) -> tuple[Words, Words]:
    if feature.code in _ABOVE_BELOW:
        return _ABOVE_BELOW[feature.code]
    label = str(feature.label)
    return _("more %(feature)s") % {"feature": label}, _("less %(feature)s") % {"feature": label}


def _figures(row: Mapping[str, Any], high: bool) -> tuple[float | None, float | None]:
    """Means, or medians where a few large sums turn the means the other way round."""
    for name in ("mean", "median"):
        own, others = row.get(name), row.get(f"base_{name}")
        if own is not None and others is not None and own != others and (own > others) == high:
            return own, others
    return None, None


def sentence(traits: Iterable[Mapping[str, Any]], features: Mapping[str, Feature]) -> str:
    """What sets a cluster apart, the strongest first."""
    said = [trait(features[row["feature"]], row) for row in _telling(traits, features)]
    if not said:
        return _("In nothing far from the average: the middle of those who were looked at.")
    return _capital(", ".join(said)) + "."


def _telling(traits: Iterable[Mapping[str, Any]], features: Mapping[str, Feature]) -> list[Mapping[str, Any]]:
    """Shares of one whole make up for each other: with more of one service there is less of all the rest, and that
    need not be said of each of them."""
    known = [row for row in traits if row["feature"] in features]
    wholes = {_whole(row) for row in known if row["direction"] == "high"} - {""}
    return [row for row in known if row["direction"] == "high" or _whole(row) not in wholes]


def _whole(row: Mapping[str, Any]) -> str:
    kind, colon, _number = row["feature"].partition(":")
    return kind if colon else ""


def _in_short(feature: Feature, row: Mapping[str, Any]) -> str:
    quoted = _QUOTED.search(str(feature.label)) if _whole(row) and row["direction"] == "high" else None
    return quoted[1] if quoted else trait(feature, row, with_figures=False)


def suggested_name(traits: Iterable[Mapping[str, Any]], features: Mapping[str, Feature]) -> str:
    """A short name from the two strongest features: "Cosmetology, older"."""
    said = [_in_short(features[row["feature"]], row) for row in _telling(traits, features)]
    return _capital(", ".join(said[:2]))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def missing_words(missing: Mapping[str, float], features: Mapping[str, Feature]) -> list[str]:
    """What is not known of many patients and was taken as the middle of the others."""
    return [
        _("“%(feature)s” is not known for %(share)s of the patients; the search took the middle of the others.")
        % {"feature": features[code].label, "share": wording.share(share)}
        for code, share in missing.items()
        if code in features and share >= LITTLE_MISSING
    ]


# --- Following the clusters of the search before ------------------------------------------------------------------


def matching_notices(matching: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """What became of the clusters of the search before. `names` by code, also of those that are shown no more."""
    if not matching.get("before"):
        return []
    codes, notices = matching.get("codes", []), matching.get("notices", [])
    new = {code for notice in notices if notice["code"] == "new" for code in notice["new"]}
    if codes and new >= set(codes):
        return [
            _(
                "None of the clusters could be matched with those of the search before: names, colours and texts begin "
                "anew. The history of the old ones is kept."
            )
        ]
    return [said for notice in notices if (said := _notice(notice, names))]


def _notice(notice: Mapping[str, Any], names: Mapping[str, str]) -> str:
    new, old = (_listed(notice.get(side, []), names) for side in ("new", "old"))
    if notice["code"] == "new":
        return _("New since the search before: %(new)s.") % {"new": new}
    if notice["code"] == "gone":
        return _("No longer found: %(old)s. Their history and texts are kept.") % {"old": old}
    if notice["code"] == "merged":
        return _("%(new)s is made of what used to be %(old)s.") % {"new": new, "old": old}
    if notice["code"] == "split":
        return _("%(old)s has fallen into %(new)s.") % {"new": new, "old": old}
    return ""


def _listed(codes: Iterable[str], names: Mapping[str, str]) -> str:
    return ", ".join(_("“%(name)s”") % {"name": names.get(code, code)} for code in codes)

"""Clusters of the demonstration: patients who come now, by what they come for, with personas written for them.

Everything is done by the services the pages use: if the data of a seed have no clusters, there are none.
"""

import datetime
from collections import Counter

from django.utils import timezone

from patients.models import ServiceGroup
from segmentation.demo.personas import MIXED, PERSONAS, Persona
from segmentation.models import ClusterFit, Segment, Segmentation
from segmentation.services.clusters import requesting, searching

CODE = "cl-active"
WISH = requesting.Wish(base="lifecycle:active", features=("age", "average_bill", "mix"), method="kmeans")
# A group of services that takes at least this much of the money of a cluster is what it comes for.
MOST_OF_IT = 0.5
# The clusters were found so long ago: the nights since then have moved patients between them.
FOUND_AGO = datetime.timedelta(days=200)


def stand(as_of: datetime.date, today: datetime.date) -> None:
    """After each night: some months before today the marketer has looked for clusters, once."""
    if today - FOUND_AGO <= as_of < today and not ClusterFit.objects.filter(segmentation__code=CODE).exists():
        prepare()
        noon = timezone.make_aware(datetime.datetime.combine(as_of, datetime.time(12)))
        fits = ClusterFit.objects.filter(segmentation__code=CODE)
        fits.update(created_at=noon, started_at=noon, finished_at=noon, heartbeat_at=noon)


def prepare() -> str:
    """Look for the clusters and write their personas; a word about what came of it. What is there already stays."""
    segmentation = requesting.create(CODE, "Кто ходит к нам сейчас", "Who comes to us now", WISH)
    fit = requesting.latest(segmentation, ClusterFit.State.DONE) or _search(segmentation)
    if fit.outcome != ClusterFit.Outcome.FOUND:
        return f"no clusters among the active patients ({fit.error or 'the data have none'})"
    written = _write(segmentation, fit)
    return f"{fit.k} clusters among the active patients, {written} with a persona"


def _search(segmentation: Segmentation) -> ClusterFit:
    fit = requesting.request(segmentation)
    searching.run(fit.pk, timezone.now())
    fit.refresh_from_db()
    return fit


def _write(segmentation: Segmentation, fit: ClusterFit) -> int:
    chosen = personas_for(fit)
    segments = {segment.code: segment for segment in Segment.objects.filter(segmentation=segmentation)}
    for code, persona in chosen.items():
        if not segments[code].problem:  # somebody's own words are left alone
            requesting.save_persona(segments[code], requesting.Persona(**persona._asdict()))
    return len(chosen)


def personas_for(fit: ClusterFit) -> dict[str, Persona]:
    """A persona for each cluster that has one, by its code. Of one group the larger bills choose first."""
    codes = fit.matching["codes"]
    means = {row["feature"]: [cluster["mean"] or 0.0 for cluster in row["clusters"]] for row in fit.profile["rows"]}
    names = {f"mix:{pk}": name for pk, name in ServiceGroup.objects.values_list("pk", "name")}
    chosen: dict[str, Persona] = {}
    given: Counter[str] = Counter()
    for label in sorted(range(len(codes)), key=lambda label: -means["average_bill"][label]):
        shares = {names[column]: means[column][label] for column in means if column in names}
        group = max(shares, key=lambda name: shares[name], default=MIXED)
        topic = group if shares.get(group, 0.0) >= MOST_OF_IT and group in PERSONAS else MIXED
        if given[topic] < len(PERSONAS[topic]):
            chosen[codes[label]] = PERSONAS[topic][given[topic]]
            given[topic] += 1
    return chosen

"""Searches for clusters inside a segment, and what each of them found."""

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from segmentation.models.segmentations import Segmentation


class ClusterFit(models.Model):
    """One search for clusters among the members of a base segment, as of the last finished night.

        waiting -> running -> done
                      |
                      +-----> failed

    The segmentation keeps what is asked for in `params` (base segment, features, method, k); this row keeps what was
    asked at that time (`asked`) and what came of it. `outcome` of a finished search: `found`, or `none` when the data
    has no clusters. A night applies the last `done` and `found` fit made of figures not younger than itself: a search
    that finds none leaves the clusters before it in force, and after a rewind a fit waits for its own night.
    A search found `running` whose worker is gone is started again by the page that waits or by the periodic check.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    class Outcome(models.TextChoices):
        FOUND = "found", _("clusters found")
        NONE = "none", _("no clusters")

    segmentation = models.ForeignKey(Segmentation, models.CASCADE, related_name="fits")
    state = models.CharField(_("state"), max_length=7, choices=State.choices, default=State.WAITING)
    outcome = models.CharField(_("outcome"), max_length=5, choices=Outcome.choices, blank=True)
    as_of = models.DateField(_("as of"), null=True)
    asked = models.JSONField(default=dict)
    progress = models.PositiveSmallIntegerField(_("progress, %"), default=0, validators=[MaxValueValidator(100)])
    stage = models.CharField(max_length=30, blank=True, help_text="Code of what is being done.")
    error = models.CharField(max_length=60, blank=True, help_text="Code of what stood in the way.")
    patients = models.PositiveIntegerField(_("patients"), default=0)
    method = models.CharField(_("method"), max_length=10, blank=True)
    k = models.PositiveSmallIntegerField(_("clusters"), default=0)
    silhouette = models.FloatField(_("silhouette"), null=True)
    separation = models.FloatField(_("separation"), null=True)
    stability = models.FloatField(
        _("stability"), null=True, help_text=_("Mean adjusted Rand index between searches over resamples.")
    )
    tried = models.JSONField(default=list, help_text="A row for every method and k that was tried.")
    model = models.JSONField(default=dict, help_text="What the night needs to apply it: scaling and centres.")
    profile = models.JSONField(default=dict, help_text="Means of each cluster and of the base, feature by feature.")
    points = models.JSONField(default=list, help_text="A sample on the map: [x, y, code of the segment].")
    matching = models.JSONField(default=dict, help_text="How the clusters follow those of the fit before.")
    heartbeat_at = models.DateTimeField(null=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("search for clusters")
        verbose_name_plural = _("searches for clusters")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["segmentation"], condition=models.Q(state__in=["waiting", "running"]),
                name="clusterfit_one_at_a_time",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.segmentation_id}: {self.state}"

"""How many come anyway: what past hold-outs did within their windows."""

from django.db.models import Max

from campaigns.models import CampaignResult

# Assumed, and said so on the page, while no campaign with a hold-out has ended.
USUAL_SHARE = 0.10
FEWEST = 200


def share_that_comes() -> tuple[float, bool]:
    """The share of hold-outs that came, 0…1, over the latest figures of every campaign; and whether it was measured."""
    of_holdouts = CampaignResult.objects.filter(group="holdout", breakdown="")
    nights = dict(of_holdouts.values_list("campaign").annotate(Max("as_of")))
    patients = came = 0
    for row in of_holdouts.filter(as_of__in=set(nights.values())):
        if nights[row.campaign_id] == row.as_of:
            patients += int(row.figures.get("n") or 0)
            came += int(row.figures.get("came") or 0)
    return (came / patients, True) if patients >= FEWEST and came else (USUAL_SHARE, False)

"""A score from 0 to 10, given on the page of a letter: feedback of the visit, and a call at once to whoever is unhappy.

Bands of the Net Promoter Score: 0–6 detractors, 7–8 passives, 9–10 promoters (Reichheld, "The One Number You Need to
Grow", Harvard Business Review, December 2003).
"""

import datetime as dt

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from campaigns.models import CallTask, Message
from campaigns.selectors.call_origins import score_key as key
from campaigns.services.calling import needless
from patients.models import PORTAL, Feedback, Integration

UNHAPPY, HAPPY = 6, 9  # up to, from
COMMENT_LENGTH = 2000
CALL_WITHIN = dt.timedelta(days=3)
OPEN_FOR = dt.timedelta(days=60)
_SOURCE = gettext_noop("The portal's own pages")
_TITLE = gettext_noop("Unhappy after the visit: %(score)d of 10")
_SCRIPT = gettext_noop("Thank for the frankness, ask what went wrong, promise an answer by a day and write it down.")


def given(message_id: int) -> Feedback | None:
    """What was said on the page of this message."""
    return Feedback.objects.filter(source__code=PORTAL, external_id=key(message_id)).first()


def is_open(message: Message, now: dt.datetime) -> bool:
    """For two months: later a score says little of the visit."""
    return now <= (message.sent_at or message.due_at) + OPEN_FOR


def give(message_id: int, score: int, comment: str | None, now: dt.datetime) -> Feedback:
    """Note the score, and the comment unless it is None. Said again, the last word holds; one row per message.

    Up to 6 a manager is asked to call at once; whoever thinks better of it before anybody has called is not called.
    Raises ValueError outside 0…10.
    """
    if not 0 <= score <= 10:
        raise ValueError(f"a score of {score}")
    with transaction.atomic():
        message = Message.objects.select_for_update(of=("self",)).select_related("patient", "visit").get(pk=message_id)
        source, _created = Integration.objects.get_or_create(
            code=PORTAL, defaults={"name": _in_clinics_language(_SOURCE), "scopes": []}
        )
        said = {"score": score, "given_at": now} | ({} if comment is None else {"comment": comment[:COMMENT_LENGTH]})
        patient = message.patient.merged_into or message.patient
        feedback, _created = Feedback.objects.update_or_create(
            source=source, external_id=key(message_id),
            defaults={"patient": patient, "visit": message.visit, **said},
        )  # fmt: skip
        _call(message, feedback, now)
    return feedback


def _call(message: Message, feedback: Feedback, now: dt.datetime) -> None:
    score = feedback.score or 0
    if score > UNHAPPY:
        untouched = CallTask.objects.filter(key=key(message.pk), attempts=0)
        needless.close(untouched, CallTask.Closed.BETTER, now, held_too=True)
        return
    words = {
        "title": _in_clinics_language(_TITLE) % {"score": score},
        "script": _in_clinics_language(_SCRIPT),
    }
    task, created = CallTask.objects.get_or_create(
        key=key(message.pk),
        defaults={
            "patient": feedback.patient, "branch_id": message.branch_id or feedback.patient.branch_id,
            "priority": 10, "due_at": now, "useful_until": now + CALL_WITHIN, **words,
        },
    )  # fmt: skip
    if not created and not task.attempts:
        CallTask.objects.filter(pk=task.pk, attempts=0).update(done_at=None, closed_why="", **words)


def _in_clinics_language(text: str) -> str:
    """What is stored for the front desk is in the clinic's language, whatever the patient reads."""
    with translation.override(settings.LANGUAGE_CODE):
        return _(text)

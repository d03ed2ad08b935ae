"""Whether the goal of a ladder is met: one predicate in SQL for the live run, the last look and the back-test.

A goal is an appointment that begins after the moment `since` of the occasion, of the patient or of a card merged into
the patient's, that is still to come or has taken place. One that was cancelled, not come to or withdrawn by the source
is none, so a ladder goes on when the appointment that stopped it is cancelled. Booking one service stops the ladder
of that service and no other's (F15). An appointment of which the source has not said what for meets no goal of a
service: whoever posts appointments without services chooses "any appointment".
"""

from triggers.models import Goal, TriggerRule

_MADE = "('booked', 'confirmed', 'arrived', 'completed')"


def met(f: str = "f", at: str = "", rule: TriggerRule | None = None) -> str:
    """SQL predicate over a row `f` with patient_id, since and service_id: triggers_firing, or `finding.found`.

    `at` is SQL of a past moment: what could be known then, which is what had begun by then or had been noted by then;
    empty: what is known now. Without `rule` (which need not be saved) `f` also has rule_id, and its rule is looked up.

    A goal of the service of an occasion that is about none, or of a group that was not chosen, is met by any
    appointment: better no message than one to somebody who has booked.
    """
    if rule is not None:
        return _met(f, at, _fits_rule(rule, f)) if rule.goal != Goal.NONE else "false"
    wanted = f"""(g.goal = '{Goal.VISIT.value}' OR g.goal = '{Goal.SERVICE.value}' AND {_fits_service(f)}
        OR g.goal = '{Goal.GROUP.value}' AND (g.goal_group_id IS NULL OR {_fits_group("g.goal_group_id")}))"""
    return f"""EXISTS (SELECT FROM triggers_triggerrule g
        WHERE g.id = {f}.rule_id AND g.goal <> '{Goal.NONE.value}' AND {_met(f, at, wanted)})"""


def met_from(f: str, rule: TriggerRule, until: str) -> str:
    """SQL of the moment from which the goal of a row `f` was known to be met: `met(f, at, rule)` is this <= at, for any
    moment up to `until`. NULL: it was not met by then."""
    if rule.goal == Goal.NONE:
        return "NULL::timestamptz"
    known = "SELECT min(least(v.starts_at, v.created_at)) FROM"
    own, merged = _visits(f, until, _fits_rule(rule, f))
    return f"least(({known} {own}), ({known} {merged}))"


def _met(f: str, at: str, wanted: str) -> str:
    own, merged = _visits(f, at, wanted)
    return f"(EXISTS (SELECT FROM {own}) OR EXISTS (SELECT FROM {merged}))"


def _visits(f: str, at: str, wanted: str) -> tuple[str, str]:
    """FROM … WHERE of the appointments `v` that meet it: of the card itself, and of cards merged into it.

    The day goes first into the index, which has the hour too; a day less, because `since` is in UTC here."""
    known = f"AND (v.starts_at <= {at} OR v.created_at <= {at})" if at else ""
    made = f"""v.deleted_at IS NULL AND v.status IN {_MADE}
        AND v.starts_on >= ({f}.since AT TIME ZONE 'UTC')::date - 1 AND v.starts_at > {f}.since {known} AND {wanted}"""
    return (
        f"patients_visit v WHERE v.patient_id = {f}.patient_id AND {made}",
        f"""patients_patient card JOIN patients_visit v ON v.patient_id = card.id
            WHERE card.merged_into_id = {f}.patient_id AND {made}""",
    )


def _fits_rule(rule: TriggerRule, f: str) -> str:
    if rule.goal == Goal.SERVICE:
        return _fits_service(f)
    if rule.goal == Goal.GROUP and rule.goal_group_id:
        return _fits_group(str(int(rule.goal_group_id)))
    return "true"


def _fits_service(f: str) -> str:
    return f"""({f}.service_id IS NULL OR EXISTS (SELECT FROM patients_visititem i
        WHERE i.visit_id = v.id AND i.service_id = {f}.service_id))"""


def _fits_group(group: str) -> str:
    return f"""EXISTS (SELECT FROM patients_visititem i JOIN patients_service s ON s.id = i.service_id
        WHERE i.visit_id = v.id AND s.group_id = {group})"""

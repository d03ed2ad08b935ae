"""Whether what a ladder is about is no more: one predicate in SQL for the live run and the last look."""

from triggers.models import TriggerRule
from triggers.rule_types import RuleType, visits

# The source may say later that a visit was another person's: who had it by mistake hears no more of it.
_OF_ANOTHER = f"""EXISTS (SELECT FROM patients_visit theirs
    WHERE theirs.id = f.visit_id AND theirs.patient_id <> f.patient_id
        AND {visits.kept("theirs.patient_id")} <> {visits.kept("f.patient_id")})"""


def withdrawn(kind: RuleType, rule: TriggerRule) -> str:
    """SQL over `f` (triggers_firing): the type says that the occasion is no more, or its visit is another's."""
    return f"({kind.withdrawn(rule.params)} OR {_OF_ANOTHER})"

"""What can be asked about a patient: every attribute with its operators, its SQL and its words. Pure.

docs/audience.md lists them all and says how windows count.
"""

from segmentation.attributes.base import GROUPS, Attribute, Catalogue, Directory, Field, Operator, Words  # fmt: skip
from segmentation.attributes.belonging import BELONGING
from segmentation.attributes.dealings import DEALINGS
from segmentation.attributes.events import EVENTS
from segmentation.attributes.person import PERSON
from segmentation.attributes.results import RESULTS

ATTRIBUTES: dict[str, Attribute] = {one.code: one for one in (*BELONGING, *EVENTS, *DEALINGS, *RESULTS, *PERSON)}

__all__ = ["ATTRIBUTES", "GROUPS", "Attribute", "Catalogue", "Directory", "Field", "Operator", "Words"]

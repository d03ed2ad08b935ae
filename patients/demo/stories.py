"""The stories told by the demo clinic: what reports must later find, and how strongly it is there.

Everything in this module is planted on purpose; docs/demo.md says where to look for it and tests/patients/
test_demo_stories.py finds each story statistically in the generated rows.
"""

# A doctor who loses first-visit patients. Far from the busiest; others at the same work lose the ordinary share.
LOSING_DOCTOR = "D07"
LOSING_DOCTOR_EXTRA_LOSS = 0.38  # added to the probability that a first visit stays the only one

# The busiest doctor of the network: by raw counts the one with most lost patients, by ratio an ordinary one.
BUSIEST_DOCTOR = "D01"

# Young men of 17–18 come for a cardiologist, ultrasound and tests in spring and autumn (conscription).
CONSCRIPT_AGES = (17, 18)
CONSCRIPT_MONTHS = (3, 4, 5, 9, 10, 11)

# Discount hunters: pay only with a large discount, complain, cancel.
HUNTER_SHARE = 0.06  # of the patients of directions where discounts are given
HUNTER_MIN_DISCOUNT = 0.30
HUNTER_MAX_DISCOUNT = 0.50
HUNTER_MISSED_PER_VISIT = 0.60  # cancelled or missed visits per completed one
HUNTER_COMPLAINT_RATE = 0.12  # complaints per completed visit

# VIPs who turn cold: after a day within the last months they hardly come any more.
VIP_SHARE = 0.045  # of the adults of 28–65 in regular care
COLD_VIP_SHARE = 0.35  # of the VIPs
COLD_SINCE_DAYS = (110, 200)
COLD_KEPT_VISITS = 0.08  # share of their usual visits that still happens

# A channel whose patients come once, for the discount.
ONE_OFF_CHANNEL = "Купонный сервис"
ONE_OFF_CHANNEL_LOSS = 0.78  # probability that the first visit stays the only one
ONE_OFF_CHANNEL_DISCOUNT = 0.50

# Patients who are not content: lower scores, earlier leaving.
UNHAPPY_SHARE = 0.09

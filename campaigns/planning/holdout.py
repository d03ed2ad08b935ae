"""Who gets nothing, and who gets which variant: decided by a hash, the same in SQL and in Python.

    digest     SHA-256 of "<salt>:<patient id>" in UTF-8
    hold-out   the first 8 bytes, modulo 10 000, below the percentage × 100
    variant    the second 8 bytes, modulo the sum of the weights, by cumulated weight in the order of the letters

Both numbers are read as signed big-endian 64-bit integers with the sign bit cut off, as PostgreSQL reads them. A
patient therefore keeps the same side in every run of the same campaign, another salt decides anew, and hold-out and
variant do not know of each other. The bias of the modulo is below 10⁻¹⁴.
"""

import hashlib
from collections.abc import Sequence

PARTS = 10_000
_POSITIVE = 2**63 - 1
# %(salt)s is a parameter; {patient} is a column of integers. Casting eight bytes to bigint needs PostgreSQL 18.
DIGEST_SQL = "sha256(convert_to(%(salt)s || ':' || {patient}, 'UTF8'))"
# mod() and not %, which would have to be doubled wherever parameters are filled in.
_NUMBER_SQL = "mod(substring({digest} FROM {start} FOR 8)::bigint & 9223372036854775807, {parts})"


def held_out(salt: str, patient_id: int, percent: int) -> bool:
    """Whether this patient is left alone, to compare with."""
    return _number(salt, patient_id, 0) % PARTS < percent * (PARTS // 100)


def variant(salt: str, patient_id: int, weights: Sequence[int]) -> int:
    """The index of the variant: each gets its weight's share."""
    drawn = _number(salt, patient_id, 8) % sum(weights)
    for index, weight in enumerate(weights):
        drawn -= weight
        if drawn < 0:
            return index
    raise ValueError("No weights to choose from.")


def held_out_sql(digest: str, percent: int) -> str:
    """The same as `held_out`, of a column with the digest."""
    return f"{_NUMBER_SQL.format(digest=digest, start=1, parts=PARTS)} < {int(percent) * (PARTS // 100)}"


def variant_sql(digest: str, choices: Sequence[tuple[int, int]]) -> str:
    """The same as `variant`: `choices` are (value, weight) in the order of the letters."""
    if len(choices) == 1:
        return str(int(choices[0][0]))
    drawn = _NUMBER_SQL.format(digest=digest, start=9, parts=sum(weight for _value, weight in choices))
    below, lines = 0, []
    for value, weight in choices:
        below += weight
        lines.append(f"WHEN {drawn} < {below} THEN {int(value)}")
    return f"CASE {' '.join(lines)} END"


def _number(salt: str, patient_id: int, start: int) -> int:
    digest = hashlib.sha256(f"{salt}:{patient_id}".encode()).digest()
    return int.from_bytes(digest[start : start + 8], "big") & _POSITIVE

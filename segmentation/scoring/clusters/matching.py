"""Which new cluster is which old one.

Two clusters are the same when they hold the same people: |A ∩ B| ÷ |A ∪ B| (Jaccard) of at least LEAST_OVERLAP = 1/3,
that is, when what they share is at least half of their mean size. Among all ways to pair old and new, the one with the
highest total overlap is taken (Kuhn 1955, the Hungarian method); ties go to the nearer centre. Where the two fits have
nobody in common, centres alone decide: nearer than half the way to the next centre is the same.
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy.optimize import linear_sum_assignment

from segmentation.scoring.clusters.scaling import Floats, Json, Labels, Scaling

LEAST_OVERLAP = 1 / 3
# A share of a cluster's people from which on it is said to have gone into another.
LARGE_PART = 0.3
TIE = 1e-3


@dataclass(frozen=True)
class Matching:
    """How the clusters of a new fit follow those of the one before; fields as in the package's docstring."""

    kept: dict[int, int | None]
    overlap: dict[int, float]
    gone: list[int]
    merged: dict[int, list[int]]
    split: dict[int, list[int]]

    @property
    def new(self) -> list[int]:
        return [new for new, old in self.kept.items() if old is None]

    @property
    def notices(self) -> list[Json]:
        """What a reader has to be told: {"code", "new", "old"}."""
        told: list[Json] = [{"code": "merged", "new": [new], "old": olds} for new, olds in self.merged.items()]
        told += [{"code": "split", "new": news, "old": [old]} for old, news in self.split.items()]
        explained = set(chain(self.merged, *self.split.values())), set(chain(self.split, *self.merged.values()))
        told += [{"code": "new", "new": [new], "old": []} for new in self.new if new not in explained[0]]
        told += [{"code": "gone", "new": [], "old": [old]} for old in self.gone if old not in explained[1]]
        return told

    def to_json(self) -> Json:
        return {
            "kept": {str(new): old for new, old in self.kept.items()},
            "overlap": {str(new): round(share, 4) for new, share in self.overlap.items()},
            "new": self.new,
            "gone": self.gone,
            "merged": {str(new): olds for new, olds in self.merged.items()},
            "split": {str(old): news for old, news in self.split.items()},
            "notices": self.notices,
        }


def match(before: Labels, after: Labels, *, old_model: Json | None = None, new_model: Json | None = None) -> Matching:
    """Pair the clusters `before` and `after` of the same people (−1: was not there)."""
    olds = max(len(old_model["centres"]) if old_model else 0, int(before.max(initial=-1)) + 1)
    news = max(len(new_model["centres"]) if new_model else 0, int(after.max(initial=-1)) + 1)
    there = (before >= 0) & (after >= 0)
    table = np.zeros((olds, news))
    np.add.at(table, (before[there].astype(np.int64), after[there].astype(np.int64)), 1)
    sizes = table.sum(axis=1), table.sum(axis=0)
    union = sizes[0][:, None] + sizes[1][None] - table
    overlap = np.where(union > 0, table / np.maximum(union, 1), 0.0)
    near = _nearness(old_model, new_model, olds, news)
    same = overlap >= LEAST_OVERLAP if there.any() else near > 0.5
    worth = np.where(same, (overlap if there.any() else near) + TIE * near, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    pairs = {int(new): int(old) for old, new in zip(rows, columns, strict=True) if same[old, new]}
    kept = {new: pairs.get(new) for new in range(news)}
    into = table >= LARGE_PART * np.maximum(sizes[0], 1)[:, None]
    out_of = table >= LARGE_PART * np.maximum(sizes[1], 1)[None]
    # Merged: several old clusters went into this one with most of their people. Split: the same, seen backwards.
    most_of_old = table > 0.5 * np.maximum(sizes[0], 1)[:, None]
    most_of_new = table > 0.5 * np.maximum(sizes[1], 1)[None]
    return Matching(
        kept,
        {new: float(overlap[:, new].max(initial=0.0)) for new in range(news)},
        [old for old in range(olds) if old not in pairs.values()],
        _several((most_of_old & (out_of | into)).T),
        _several(most_of_new & (into | out_of)),
    )


def _several(links: np.ndarray) -> dict[int, list[int]]:
    return {i: np.flatnonzero(row).tolist() for i, row in enumerate(links) if row.sum() > 1}


def _nearness(old_model: Json | None, new_model: Json | None, olds: int, news: int) -> Floats:
    """1: the same centre; ½: half the way to the next centre of the old fit; 0 without models of the same features."""
    if old_model is None or new_model is None or old_model["features"] != new_model["features"]:
        return np.zeros((olds, news))
    old, new = _centres(old_model, old_model), _centres(new_model, old_model)
    if len(old) > 1:
        apart = np.linalg.norm(old[:, None] - old[None], axis=2) + np.diag([np.inf] * len(old))
        scale = apart.min(axis=1)
    else:
        scale = np.full(1, np.sqrt(old.shape[1]))
    away = np.linalg.norm(old[:, None] - new[None], axis=2) / np.maximum(scale, 1e-9)[:, None]
    return np.asarray(1 / (1 + (2 * away) ** 2))


def _centres(model: Json, scale_of: Json) -> Floats:
    """The centres of a model in the scale of another."""
    own, other = Scaling.from_json(model["scaling"]).columns, Scaling.from_json(scale_of["scaling"]).columns
    columns = []
    for i, (mine, theirs) in enumerate(zip(own, other, strict=True)):
        values = np.asarray(model["centres"])[:, i] * mine.sd + mine.mean
        if mine.log:
            values = np.expm1(values) * mine.unit
        columns.append(theirs.scaled(values))
    return np.column_stack(columns)

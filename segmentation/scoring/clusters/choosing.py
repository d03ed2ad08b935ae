"""The search: every method with every k is tried, judged against data without structure, and the best that holds is
taken, or nothing.

A division holds when

1. its stability over resamples is at least 0.5, and not below that of data without structure by more than SLACK;
2. its silhouette is higher than on every set of data without structure, and by LEAST_GAIN than their mean;
3. even the two clusters that are the least apart have a gap between them in something else than categories:
   separation ≥ LEAST_SEPARATION;
4. its smallest cluster holds LEAST_SHARE of the patients, and LEAST_PEOPLE of them.

The score is (silhouette − that of data without structure) × separation × stability. Of those that hold, whose score is
at least AS_GOOD of the highest and which are very stable (or as stable as the highest), the one with most clusters is
taken, k-means before the mixture: a group within a group that has a gap of its own is worth telling apart.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from threadpoolctl import threadpool_limits

from segmentation.scoring.clusters.applying import apply
from segmentation.scoring.clusters.categories import categories_of, weighed
from segmentation.scoring.clusters.fits import FITS, Fit
from segmentation.scoring.clusters.measures import level_of, mean_agreement, separation, silhouette
from segmentation.scoring.clusters.mixture import Ints, floors_of
from segmentation.scoring.clusters.reference import Reference, reference_of
from segmentation.scoring.clusters.sampling import sample_rows
from segmentation.scoring.clusters.scaling import LEAST_PATIENTS, Floats, Json, Labels, Matrix, Refused, prepare

METHODS = ("kmeans", "gmm")
KS = tuple(range(2, 11))
SAMPLE, RESAMPLE, JUDGED = 20_000, 3_000, 1_500
FEWER = 6  # resamples of what cannot be taken
STARTS, AGAIN = 4, 2  # starts of a fit; of one on a resample or without structure
LEAST_STABILITY, LEAST_SEPARATION, LEAST_GAIN, SLACK, LEAST_SHARE = 0.5, 0.3, 0.08, 0.1, 0.02
LEAST_PEOPLE = 30  # so many that a mean, and the answer to a campaign, say something
AS_GOOD, VERY_STABLE = 0.7, 0.85
Report = Callable[[int, str], None]


@dataclass
class Tried:
    """One method with one k, and how it did."""

    method: str
    k: int
    fit: Fit
    silhouette: float
    separation: float
    smallest: float
    bic: float | None
    people: int = 0
    stability: float = 0.0
    references: list[float] = field(default_factory=list)
    usual_stability: float | None = None

    @property
    def score(self) -> float:
        return max(self.silhouette - self.reference, 0.0) * self.separation * max(self.stability, 0.0)

    @property
    def reference(self) -> float:
        return float(np.mean(self.references))

    def doubts(self) -> list[str]:
        to_beat = max(self.reference + LEAST_GAIN, *self.references)
        usual = self.usual_stability if self.usual_stability is not None else 0.0
        found = {
            "not_stable": self.stability < max(LEAST_STABILITY, usual - SLACK),
            "like_noise": self.silhouette <= to_beat,
            "no_gap": self.separation < LEAST_SEPARATION,
            "too_small": self.smallest * self.people < max(LEAST_PEOPLE, LEAST_SHARE * self.people),
        }
        return [code for code, doubtful in found.items() if doubtful]

    def to_json(self, chosen: bool) -> Json:
        return {
            "method": self.method, "k": self.k, "silhouette": round(self.silhouette, 4),
            "reference": round(self.reference, 4), "separation": round(self.separation, 4),
            "stability": round(self.stability, 4), "bic": None if self.bic is None else round(self.bic, 1),
            "smallest": round(self.smallest, 4), "score": round(self.score, 4), "doubts": self.doubts(),
            "chosen": chosen,
        }  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a search came to; the fields are told in the package's docstring."""

    outcome: str
    doubts: list[str]
    method: str
    k: int
    silhouette: float
    separation: float
    stability: float
    level: str
    labels: Labels
    sizes: list[int]
    tried: list[Json]
    model: Json
    missing: dict[str, float]
    sampled: int


class Progress:
    """Tells how far the search is; weights are the usual shares of the time."""

    def __init__(self, report: Report | None) -> None:
        self.report = report or (lambda percent, stage: None)
        self.last = -1

    def steps(self, stage: str, first: int, last: int, count: int) -> Iterator[int]:
        for i in range(count):
            self.tell(first + (last - first) * i // max(count, 1), stage)
            yield i

    def tell(self, percent: int, stage: str) -> None:
        if percent != self.last:
            self.last = percent
            self.report(percent, stage)


def search(
    matrix: Matrix, names: Sequence[str], *, methods: Sequence[str] = METHODS, ks: Sequence[int] = KS,
    k: int | None = None, resamples: int = 20, references: int = 10, seed: int = 0, report: Report | None = None,
    blocks: Sequence[Sequence[str]] = (),
) -> Found:  # fmt: skip
    """Look for clusters among the rows of `matrix`. See the package's docstring for what is asked and returned."""
    progress = Progress(report)
    progress.tell(0, "prepare")
    if len(names) and len(matrix) < LEAST_PATIENTS:
        raise Refused("too_few", patients=len(matrix), least=LEAST_PATIENTS)
    rows = sample_rows(matrix, SAMPLE, seed)
    sample = np.asarray(matrix[rows], dtype=np.float64)
    categories = categories_of(sample, names, blocks)
    scaling = weighed(prepare(sample, names), blocks, categories)
    # Those with a value drawn in stand in heaps at the limits: they are assigned in the end, but shape no cluster.
    usual = scaling.usual(sample)
    sample = sample[usual] if usual.sum() >= LEAST_PATIENTS // 2 else sample
    z = scaling.scaled(sample)
    # Small numerical kernels: threads would only wait for each other.
    with threadpool_limits(1), config_context(assume_finite=True, skip_parameter_validation=True):
        reference = reference_of(z, np.isfinite(sample), categories, np.random.default_rng([seed, 6]))
        space = Space(z, floors_of(z), reference, seed, len(matrix))
        tried = _tried(space, methods, ks if k is None else (k,), progress)
        _compare(tried, space, references, progress)
        _resample(tried, space, resamples, progress)
        best = _best(tried, space)
    progress.tell(95, "finish")
    doubts = best.doubts()
    outcome = "found" if k is not None or not doubts else "none"
    labels: Labels = np.full(len(matrix), -1, np.int8)
    model: Json = {}
    if outcome == "found":
        labels, model = _finished(best, matrix, names, scaling.to_json())
    sizes = np.bincount(labels[labels >= 0], minlength=best.k if model else 0).tolist()
    missing = {name: float(1 - np.isfinite(matrix[:, i]).mean()) for i, name in enumerate(names)}
    progress.tell(100, "finish")
    return Found(
        outcome, doubts, best.method, best.k, best.silhouette, best.separation, best.stability,
        level_of(best.stability), labels, sizes, [one.to_json(one is best and bool(model)) for one in tried], model,
        {name: share for name, share in missing.items() if share > 0}, len(rows),
    )  # fmt: skip


@dataclass(frozen=True)
class Space:
    """Scaled features of the sample, the variance added to each of them, data like it without structure, the seed.

    `people`: how many they all are.
    """

    z: Floats
    floors: Floats
    reference: Reference
    seed: int
    people: int

    def rng(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *purpose])

    def separation(self, z: Floats, labels: Ints, k: int) -> float:
        """In the amounts alone: between the levels of a category there is nobody, whatever the patients are like."""
        amounts = ~self.reference.categories
        return separation(z[:, amounts], self.floors[amounts], labels, k) if amounts.any() else 0.0

    def fit(self, method: str, z: Floats, k: int, seed: int, starts: int) -> Fit:
        return FITS[method](z, self.floors, k, seed, starts)


def _tried(space: Space, methods: Sequence[str], ks: Sequence[int], progress: Progress) -> list[Tried]:
    judged = _some(space.z, JUDGED, space.rng(1))
    grid = [(method, k) for method in methods for k in ks]
    tried = []
    for position in progress.steps("fit", 2, 15, len(grid)):
        method, k = grid[position]
        fit = space.fit(method, space.z, k, space.seed, STARTS)
        labels = fit.predict(judged)
        tried.append(Tried(
            method, k, fit, silhouette(judged, space.floors, labels, k), space.separation(judged, labels, k),
            float(np.bincount(fit.predict(space.z), minlength=k).min() / len(space.z)),
            fit.mixture.bic(len(space.z)) if fit.mixture else None, space.people,
        ))  # fmt: skip
    return tried


def _resample(tried: list[Tried], space: Space, resamples: int, progress: Progress) -> None:
    """What is doubtful already is told how unstable it is from fewer resamples: it cannot be taken any more."""
    for position in progress.steps("resample", 50, 90, len(tried)):
        one = tried[position]
        open_ = len(tried) <= len(METHODS) or not set(one.doubts()) - {"not_stable"}
        rounds = resamples if open_ else min(resamples, FEWER)
        one.stability = _stability(space, space.z, one, rounds, space.rng(2))


def _stability(space: Space, z: Floats, one: Tried, resamples: int, rng: np.random.Generator) -> float:
    """Mean agreement, on the same patients, of fits on resamples: halves of the data drawn without repetition."""
    judged = _some(z, JUDGED, rng)
    size = max(min(len(z) // 2, RESAMPLE), one.k * 2)
    divisions = [
        space.fit(one.method, z[rng.choice(len(z), size, replace=False)], one.k, round_, AGAIN).predict(judged)
        for round_ in range(resamples)
    ]
    return mean_agreement(np.stack(divisions), one.k)


def _compare(tried: list[Tried], space: Space, references: int, progress: Progress) -> None:
    """The silhouette that the better of the methods reaches with the same k on data without structure."""
    rng = space.rng(3)
    for position in progress.steps("reference", 15, 50, references):
        unstructured = space.reference.draw(min(len(space.z), RESAMPLE), rng)
        judged = _some(unstructured, JUDGED, rng)
        reached: dict[int, float] = {}
        for one in tried:
            labels = space.fit(one.method, unstructured, one.k, position, AGAIN).predict(judged)
            reached[one.k] = max(reached.get(one.k, -1.0), silhouette(judged, space.floors, labels, one.k))
        for one in tried:
            one.references.append(reached[one.k])


def _best(tried: list[Tried], space: Space) -> Tried:
    """Of those that hold and score as well as the best, the one with most clusters; k-means before the mixture.

    If none holds, the best of all.
    """
    while held := [one for one in tried if not one.doubts()]:
        top = max(held, key=lambda one: one.score)
        sure = min(top.stability, VERY_STABLE)
        as_good = [one for one in held if one.score >= AS_GOOD * top.score and one.stability >= sure]
        one = max(as_good, key=lambda one: (one.k, one.method == "kmeans"))
        one.usual_stability = _usual_stability(one, space)
        if not one.doubts():
            return one
    return max(tried, key=lambda one: one.score)


def _usual_stability(one: Tried, space: Space) -> float:
    """The stability of the same method and k on data without structure."""
    rng = space.rng(4)
    size = min(len(space.z), 2 * RESAMPLE)
    return float(np.mean([_stability(space, space.reference.draw(size, rng), one, 4, rng) for _round in range(3)]))


def _some(z: Floats, most: int, rng: np.random.Generator) -> Floats:
    return z if len(z) <= most else z[np.sort(rng.choice(len(z), most, replace=False))]


def _finished(best: Tried, matrix: Matrix, names: Sequence[str], scaling: list[Json]) -> tuple[Labels, Json]:
    """Everybody's cluster and the model, numbered by size."""
    model = _model(best, names, scaling, np.arange(best.k))
    sizes = np.bincount(apply(model, matrix), minlength=best.k)
    order = sorted(range(best.k), key=lambda i: (-sizes[i], best.fit.centres[i].tolist()))
    model = _model(best, names, scaling, np.array(order))
    return apply(model, matrix), model


def _model(best: Tried, names: Sequence[str], scaling: list[Json], order: NDArray[np.int64]) -> Json:
    mixture = best.fit.mixture
    return {
        "method": best.method, "features": list(names), "scaling": scaling,
        "centres": best.fit.centres[order].tolist(),
        "weights": mixture.weights[order].tolist() if mixture else None,
        "covariances": mixture.covariances[order].tolist() if mixture else None,
    }  # fmt: skip

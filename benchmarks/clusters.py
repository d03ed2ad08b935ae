"""Clusters: the nightly assignment beside bare scikit-learn, the whole search, how often noise is taken for clusters.

    python benchmarks/clusters.py [--patients 1000000] [--only apply search noise] [--seeds 8]

Needs no database. The matrix has 8 features of a clinic (age, sex, bill, interval, hour, visits and two that say
nothing), 5 % of the values missing. `apply` is measured against KMeans.predict of the same patients with the scaling
already done, in turns; `search` with its defaults: k from 2 to 10, two methods, 20 resamples.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from segmentation.scoring import clusters  # noqa: E402
from segmentation.scoring.clusters.scaling import Scaling  # noqa: E402
from tests.segmentation.planted import NOISE, PLANTED  # noqa: E402

NAMES = ("age", "sex", "bill", "interval", "hour", "visits", "one", "other")
ROUNDS = 15
NOISY_PEOPLE = 400
NOISY = {"ks": range(2, 7), "resamples": 6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="*", default=["apply", "search", "noise"])
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    print(f"load of the machine {', '.join(f'{load:.1f}' for load in os.getloadavg())}", flush=True)
    if {"apply", "search"} & set(asked.only):
        matrix, truth = _patients(asked.patients)
        if "apply" in asked.only:
            _apply(matrix)
        if "search" in asked.only:
            _search(matrix, truth)
    if "noise" in asked.only:
        _noise(asked.seeds)


def _patients(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    matrix, truth = PLANTED["clinic"](rng, count)
    matrix = np.asfortranarray(np.hstack([matrix, rng.random((count, 2))]))
    matrix[rng.random(matrix.shape) < 0.05] = np.nan
    return matrix, truth


def _apply(matrix: np.ndarray) -> None:
    """Both in turns, so that others on the machine disturb both alike; the ratio is that of the medians."""
    for method in clusters.METHODS:
        few = matrix[:: max(len(matrix) // 5000, 1)]
        found = clusters.search(few, NAMES, methods=(method,), k=5, resamples=2, references=2)
        scaled = np.ascontiguousarray(Scaling.from_json(found.model["scaling"]).scaled(matrix))
        centres = np.asarray(found.model["centres"])
        bare = KMeans(5, init=centres, n_init=1, max_iter=1).fit(scaled[:10_000])
        bare.cluster_centers_ = centres
        ours, theirs = [], []
        for _round in range(ROUNDS):
            theirs.append(_seconds(bare.predict, scaled))
            ours.append(_seconds(clusters.apply, found.model, matrix))
        same = float((clusters.apply(found.model, matrix) == bare.predict(scaled)).mean())
        times = [np.median(ours), np.median(theirs), min(ours), min(theirs)]
        print(
            f"apply {method:6s} {times[0] * 1e3:6.1f} ms = {times[0] / times[1]:.2f} × KMeans.predict of "
            f"{times[1] * 1e3:.1f} ms (best {times[2] * 1e3:.1f} ms = {times[2] / times[3]:.2f} ×)"
            + (f"; same labels {same:.4%}" if method == "kmeans" else ""),
            flush=True,
        )


def _search(matrix: np.ndarray, truth: np.ndarray) -> None:
    before, started, worked = _peak(), time.perf_counter(), time.process_time()
    stages: dict[str, float] = {}

    def report(percent: int, stage: str) -> None:
        stages.setdefault(stage, time.perf_counter() - started)

    found = clusters.search(matrix, NAMES, report=report)
    took, cpu = time.perf_counter() - started, time.process_time() - worked
    print(
        f"search {took:.1f} s, {cpu:.1f} s of processor time; peak {_peak()} MB, {_peak() - before} MB above the data; "
        f"{found.sampled} of {len(matrix)} patients looked at"
    )
    print("  " + ", ".join(f"{stage} from {at:.1f} s" for stage, at in stages.items()))
    print(
        f"  {found.outcome}: {found.method}, k = {found.k} of 3, silhouette {found.silhouette:.2f}, separation "
        f"{found.separation:.2f}, stability {found.stability:.3f}; adjusted Rand index against the truth "
        f"{adjusted_rand_score(truth, found.labels):.3f}",
        flush=True,
    )


def _noise(seeds: int) -> None:
    """How often data without clusters is said to have some, and planted clusters are found."""
    wrong = tried = 0
    for name, make in NOISE.items():
        found = []
        for seed in range(seeds):
            matrix = make(np.random.default_rng([seed, 100]), NOISY_PEOPLE)
            found.append(clusters.search(matrix, [str(i) for i in range(matrix.shape[1])], **NOISY).outcome)
        tried += seeds
        wrong += found.count("found")
        print(f"noise {name:20s} {found.count('found')} of {seeds} taken for clusters", flush=True)
    print(f"noise {'altogether':20s} {wrong} of {tried} = {wrong / tried:.1%}")
    for name, plant in PLANTED.items():
        figures = []
        for seed in range(seeds):
            matrix, truth = plant(np.random.default_rng([seed, 100]), NOISY_PEOPLE)
            result = clusters.search(matrix, [str(i) for i in range(matrix.shape[1])], **NOISY)
            figures.append((adjusted_rand_score(truth, result.labels), result.k == truth.max() + 1))
        least = min(figure for figure, _right in figures)
        print(
            f"planted {name:18s} right k {sum(right for _figure, right in figures)} of {seeds}, least adjusted Rand "
            f"index {least:.3f}", flush=True,
        )  # fmt: skip


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    started = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - started


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()

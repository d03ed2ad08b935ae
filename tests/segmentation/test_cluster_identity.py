"""A model is applied as it was fitted; clusters keep their identity from fit to fit; the map and the portrait."""

import json

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from segmentation.scoring import clusters
from segmentation.scoring.clusters.scaling import Scaling
from tests.segmentation.planted import PLANTED

NAMES = ["age", "sex", "bill", "interval", "hour", "visits"]
QUICK = {"k": 3, "resamples": 2, "references": 2}


@pytest.fixture(scope="module")
def base():
    matrix, truth = PLANTED["clinic"](np.random.default_rng(1), 600)
    matrix[np.random.default_rng(2).random(matrix.shape) < 0.02] = np.nan
    return matrix, truth


@pytest.fixture(scope="module")
def found(base):
    return clusters.search(base[0], NAMES, methods=("kmeans",), **QUICK)


def test_the_night_puts_everybody_where_a_plain_computation_does(base, found, monkeypatch):
    monkeypatch.setattr("segmentation.scoring.clusters.applying.CHUNK", 250)
    model = json.loads(json.dumps(found.model))
    z = Scaling.from_json(model["scaling"]).scaled(base[0])
    nearest = np.linalg.norm(z[:, None] - np.array(model["centres"])[None], axis=2).argmin(axis=1)
    for matrix in (base[0], np.asfortranarray(base[0]), base[0].astype(np.float32)):
        assert (clusters.apply(model, matrix) == nearest).mean() > 0.998
    assert clusters.apply(model, base[0][:0]).shape == (0,)
    with pytest.raises(ValueError, match="6 features"):
        clusters.apply(model, base[0][:, :3])


def test_a_mixture_is_applied_as_scikit_learn_would(base):
    model = clusters.search(base[0], NAMES, methods=("gmm",), **QUICK).model
    plain = GaussianMixture(3)
    plain.weights_, plain.means_ = np.array(model["weights"]), np.array(model["centres"])
    plain.covariances_ = np.array(model["covariances"])
    plain.precisions_cholesky_ = np.linalg.cholesky(np.linalg.inv(plain.covariances_))
    z = Scaling.from_json(model["scaling"]).scaled(base[0])
    assert (clusters.apply(model, base[0]) == plain.predict(z)).mean() > 0.998


def test_who_is_on_the_border_stays_where_they_were(found):
    columns = Scaling.from_json(found.model["scaling"]).columns
    old, new = (np.array(centre) for centre in found.model["centres"][:2])

    def at(beyond: float) -> np.ndarray:
        """A patient `beyond` standard deviations on the new side of the middle."""
        z = (old + new) / 2 + beyond * (new - old) / np.linalg.norm(new - old)
        values = z * [column.sd for column in columns] + [column.mean for column in columns]
        own = [np.expm1(v) * c.unit if c.log else v for v, c in zip(values, columns, strict=True)]
        return np.array([own])

    before = np.array([0], np.int8)
    assert clusters.apply(found.model, at(0.05))[0] == 1
    assert clusters.apply(found.model, at(0.05), before=before)[0] == 0
    assert clusters.apply(found.model, at(0.15), before=before)[0] == 1
    assert clusters.apply(found.model, at(0.05), before=np.array([-1], np.int8))[0] == 1


def test_clusters_keep_their_identity_when_people_drift(base, found):
    matrix = base[0].copy()
    matrix[:, 0] += 1
    matrix[:, 2] *= 1.15
    order = np.random.default_rng(3).permutation(len(matrix))[:500]
    again = clusters.search(matrix[order], NAMES, methods=("kmeans",), seed=5, **QUICK)
    matching = clusters.match(
        clusters.apply(found.model, matrix[order]), again.labels, old_model=found.model, new_model=again.model
    )
    same = [base[1][order][again.labels == new] for new in matching.kept]
    old = [base[1][found.labels == matching.kept[new]] for new in matching.kept]
    assert [np.bincount(a).argmax() for a in same] == [np.bincount(b).argmax() for b in old]
    assert (matching.new, matching.gone, matching.notices) == ([], [], [])
    nobody = np.full(500, -1, np.int8)
    by_centres = clusters.match(nobody, again.labels, old_model=found.model, new_model=again.model)
    assert by_centres.kept == matching.kept


def test_the_best_pairing_is_of_all_together():
    # Jaccard: 0–0 30 ÷ 60, 0–1 25 ÷ 65, 1–0 25 ÷ 65, 1–1 5 ÷ 65: crosswise 0.77 beats straight 0.5 + nothing.
    before = np.repeat([0, 0, 1, 1], [30, 25, 25, 5]).astype(np.int8)
    after = np.repeat([0, 1, 0, 1], [30, 25, 25, 5]).astype(np.int8)
    assert clusters.match(before, after).kept == {0: 1, 1: 0}


def test_merged_split_new_and_gone_are_told():
    before = np.repeat([0, 1, 2], [60, 30, 40]).astype(np.int8)
    merged = np.repeat([0, 1], [90, 40]).astype(np.int8)
    result = clusters.match(before, merged)
    assert (result.kept, result.gone, result.merged) == ({0: 0, 1: 2}, [1], {0: [0, 1]})
    assert result.notices == [{"code": "merged", "new": [0], "old": [0, 1]}]
    back = clusters.match(merged, before)
    assert (back.kept, back.split) == ({0: 0, 1: None, 2: 1}, {0: [0, 1]})
    assert back.notices == [{"code": "split", "new": [0, 1], "old": [0]}]
    strangers = clusters.match(np.append(before, [-1] * 50).astype(np.int8), np.repeat([0, 1, 2, 3], [60, 30, 40, 50]))
    assert strangers.notices == [{"code": "new", "new": [3], "old": []}]
    assert json.loads(json.dumps(result.to_json()))["kept"] == {"0": 0, "1": 2}
    scattered = clusters.match(np.repeat([0, 1], [80, 8]).astype(np.int8), np.zeros(88, np.int8))
    assert scattered.gone == [1]


def test_the_map_shows_clusters_apart_and_does_not_turn(base, found):
    first = clusters.map2d(found.model, base[0], found.labels)
    means = np.array([first.points[found.labels == i].mean(axis=0) for i in range(3)])
    spread = np.array([first.points[found.labels == i].std(axis=0).mean() for i in range(3)])
    assert np.linalg.norm(means[0] - means[1]) > 2 * spread.max()
    assert first.axes["kind"] == "lda"
    part = np.random.default_rng(4).permutation(len(base[0]))[:400]
    second = clusters.map2d(found.model, base[0][part], found.labels[part], before=json.loads(json.dumps(first.axes)))
    moved = second.points - (first.points[part] - first.points[part].mean(axis=0))
    assert np.abs(moved).mean() < 0.15
    nothing = np.full(len(base[0]), -1, np.int8)
    flat = clusters.map2d(found.model, base[0], nothing)
    assert flat.axes["kind"] == "pca"
    assert np.array(flat.axes["loadings"]) @ np.array(flat.axes["loadings"]).T == pytest.approx(np.eye(2), abs=1e-6)


def test_the_portrait_is_in_the_units_of_the_features(base, found):
    rows = {row["feature"]: row for row in clusters.portrait(found.model, base[0], found.labels)}
    own = base[0][found.labels == 1]
    assert rows["age"]["clusters"][1]["mean"] == pytest.approx(np.nanmean(own[:, 0]))
    assert rows["bill"]["clusters"][1]["median"] == pytest.approx(np.nanmedian(own[:, 2]))
    assert rows["bill"]["base"]["missing"] == pytest.approx(np.isnan(base[0][:, 2]).mean())
    assert [rows[name]["share"] for name in ("sex", "age")] == [True, False]
    assert json.dumps(list(rows.values()))


def test_only_what_differs_beyond_noise_distinguishes(base, found):
    rng = np.random.default_rng(6)
    matrix = np.column_stack([base[0][:, 0], rng.normal(size=len(base[0]))])
    model = clusters.search(matrix, ["age", "nothing"], k=3, methods=("kmeans",), resamples=2, references=2).model
    by_truth = base[1].astype(np.int8)
    top = clusters.distinguishing(clusters.portrait(model, matrix, by_truth))
    assert {row["feature"] for one in top for row in one} == {"age"}
    assert (top[0][0]["direction"], top[2][0]["direction"]) == ("low", "high")
    assert top[0][0]["base_mean"] == pytest.approx(np.nanmean(matrix[:, 0]))

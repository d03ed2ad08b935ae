"""The search finds planted clusters, finds nothing in noise, and depends on nothing but the data and the seed."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from segmentation.scoring import clusters
from segmentation.scoring.clusters.categories import categories_of, weighed
from segmentation.scoring.clusters.fits import fit_gmm
from segmentation.scoring.clusters.measures import agreement, separation, silhouette
from segmentation.scoring.clusters.mixture import floors_of
from segmentation.scoring.clusters.reference import reference_of
from segmentation.scoring.clusters.scaling import prepare
from tests.segmentation.planted import CATEGORIES, NOISE, PLANTED, levels

QUICK = {"ks": (2, 3, 4), "resamples": 3, "references": 4}
PEOPLE = 300


def look(matrix, **asked):
    return clusters.search(matrix, [f"f{i}" for i in range(matrix.shape[1])], **{**QUICK, **asked})


@pytest.mark.parametrize("name", PLANTED)
def test_planted_clusters_are_found(name):
    matrix, truth = PLANTED[name](np.random.default_rng(3), 500)
    found = look(matrix)
    assert (found.outcome, found.k, found.doubts) == ("found", truth.max() + 1, [])
    assert adjusted_rand_score(truth, found.labels) >= 0.9
    assert found.level in ("stable", "very_stable")
    assert found.sizes == sorted(np.bincount(found.labels).tolist(), reverse=True)
    if name == "logs":
        assert found.method == "gmm"


@pytest.mark.parametrize("name", NOISE)
def test_noise_has_no_clusters(name):
    found = look(NOISE[name](np.random.default_rng(4), PEOPLE))
    assert found.outcome == "none"
    assert found.doubts
    assert (found.labels == -1).all()
    assert found.model == {}
    assert not any(row["chosen"] for row in found.tried)


def test_one_feature_with_two_humps_is_two_clusters_and_yes_or_no_is_not():
    rng = np.random.default_rng(5)
    yes = (rng.random(300) < 0.4).astype(float)
    assert look(np.column_stack([yes, rng.normal(size=300)])).outcome == "none"
    assert look((yes * 10 + rng.normal(size=300))[:, None]).k == 2


@pytest.mark.parametrize("name", CATEGORIES)
def test_categories_are_no_clusters_however_stable(name):
    for people in (84, 500):
        matrix, blocks = CATEGORIES[name](np.random.default_rng([people, 1]), people)
        names = [f"f{i}" for i in range(matrix.shape[1])]
        found = look(matrix, ks=(2, 5, 10), blocks=[[names[i] for i in block] for block in blocks])
        assert found.outcome == "none", (people, found.tried)


def test_planted_clusters_are_found_beside_a_category_that_says_nothing():
    for seed in range(2):
        rng = np.random.default_rng([seed, 2])
        matrix, truth = PLANTED["unequal"](rng, 800)
        beside = np.hstack([matrix, levels(rng, 800, 10)])
        names = [f"f{i}" for i in range(beside.shape[1])]
        found = look(beside, blocks=[names[matrix.shape[1] :]])
        assert (found.outcome, found.k, found.doubts) == ("found", 3, [])
        assert adjusted_rand_score(truth, found.labels) >= 0.9


def test_clusters_that_go_with_a_category_are_found_by_their_amounts():
    rng = np.random.default_rng([1, 3])
    truth = rng.integers(0, 2, 600)
    cloud = rng.normal(size=(600, 3)) + 6 * truth[:, None]
    sex = np.where(rng.random(600) < 0.9, truth, 1 - truth)
    found = look(np.column_stack([cloud, sex]))
    assert (found.outcome, found.k) == ("found", 2)
    assert adjusted_rand_score(truth, found.labels) >= 0.9


def test_a_cluster_of_a_few_people_is_doubted():
    rng = np.random.default_rng(12)
    truth = (np.arange(400) < 20).astype(int)
    found = look(rng.normal(size=(400, 2)) + 9 * truth[:, None], k=2)
    assert min(found.sizes) == 20
    assert "too_small" in found.doubts


def test_categories_are_recognised_and_weigh_as_half_a_feature():
    rng = np.random.default_rng(13)
    one_hot = levels(rng, 400, 4)
    spread = rng.dirichlet((1, 1, 1), 400)
    matrix = np.column_stack([rng.normal(size=400), one_hot, spread, rng.integers(0, 3, 400)])
    names = list("aghijxyzn")
    blocks = [list("ghij"), list("xyz")]
    categories = categories_of(matrix, names, blocks)
    assert categories.tolist() == [False, True, True, True, True, False, False, False, True]
    spread_out = weighed(prepare(matrix, names), blocks, categories).scaled(matrix).var(axis=0)
    assert spread_out == pytest.approx([1, *[0.0625] * 4, 1, 1, 1, 0.25], abs=0.05)


def test_data_without_structure_keep_categories_whole_and_what_goes_with_them():
    rng = np.random.default_rng(14)
    sex = rng.integers(0, 2, 3000)
    channel = levels(rng, 3000, 4)
    bill = rng.normal(size=3000) + sex + 2 * channel[:, 0]
    matrix = np.column_stack([bill, bill + rng.normal(size=3000), sex, channel])
    mask = np.array([False, False, True, True, True, True, True])
    drawn = reference_of(matrix, np.ones(matrix.shape, bool), mask, rng).draw(3000, rng)
    assert (drawn[:, 3:].sum(axis=1) == 1).all()
    assert np.corrcoef(drawn.T) == pytest.approx(np.corrcoef(matrix.T), abs=0.06)
    assert drawn.mean(axis=0) == pytest.approx(matrix.mean(axis=0), abs=0.1)


def test_rows_in_another_order_and_units_of_another_size_change_nothing():
    matrix, _truth = PLANTED["clinic"](np.random.default_rng(6), 300)
    matrix[np.random.default_rng(1).random(matrix.shape) < 0.03] = np.nan
    order = np.random.default_rng(2).permutation(len(matrix))
    first, second = look(matrix, ks=(3,), seed=9), look(matrix[order], ks=(3,), seed=9)
    assert first.model == second.model
    assert first.tried == second.tried
    assert (first.labels[order] == second.labels).all()
    kopecks = matrix * [1, 1, 100, 1, 1, 1]
    assert (look(kopecks, ks=(3,), seed=9).labels == first.labels).mean() > 0.99
    assert set(first.missing) == {f"f{i}" for i in range(6)}


def test_a_sample_of_many_is_the_same_whatever_their_order(monkeypatch):
    monkeypatch.setattr("segmentation.scoring.clusters.choosing.SAMPLE", 300)
    matrix, truth = PLANTED["clinic"](np.random.default_rng(6), 2000)
    order = np.random.default_rng(2).permutation(len(matrix))
    first, second = look(matrix, ks=(3,)), look(matrix[order], ks=(3,))
    assert first.sampled == 300
    assert first.model == second.model
    assert adjusted_rand_score(truth, first.labels) > 0.9


def test_who_insists_on_a_number_gets_it_with_the_doubts():
    found = look(NOISE["gaussian"](np.random.default_rng(7), PEOPLE), k=3)
    assert (found.outcome, found.k, len(found.sizes)) == ("found", 3, 3)
    assert "no_gap" in found.doubts
    assert found.level == clusters.level_of(found.stability)


def test_bad_choices_are_refused_by_code():
    rng = np.random.default_rng(8)
    some, names = rng.normal(size=(200, 2)), ["a", "b"]
    for matrix, columns, code, details in (
        (some[:12], names, "too_few", {"patients": 12, "least": 60}),
        (some[:, :0], [], "no_features", {}),
        (np.column_stack([some[:, 0], np.full(200, 5.0)]), names, "constant_feature", {"features": ["b"]}),
        (np.column_stack([some[:, 0], np.full(200, np.nan)]), names, "all_missing", {"features": ["b"]}),
        (np.column_stack([some[:, 0], np.arange(200) == 7]), names, "constant_feature", {"features": ["b"]}),
    ):
        with pytest.raises(clusters.Refused) as refused:
            clusters.search(matrix, columns)
        assert (refused.value.code, refused.value.details) == (code, details)


def test_progress_rises_to_the_end_and_a_stop_ends_the_search():
    seen = []
    matrix = NOISE["gaussian"](np.random.default_rng(9), 100)
    look(matrix, ks=(2,), report=lambda percent, stage: seen.append((percent, stage)))
    assert [percent for percent, _stage in seen] == sorted({percent for percent, _stage in seen})
    assert seen[-1] == (100, "finish")
    assert {stage for _percent, stage in seen} == {"prepare", "fit", "resample", "reference", "finish"}

    def stop(percent, stage):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        look(matrix, report=stop)


def test_scaling_by_hand():
    # 1..100 twice over: quantiles of values of the base 1 % = 1 … 2, 99 % = 99; nothing skewed.
    column = prepare(np.append(np.repeat(np.arange(1.0, 101.0), 2), np.nan)[:, None], ["a"]).columns[0]
    assert (column.low, column.median, column.high, column.log) == (1.0, 50.0, 99.0, False)
    assert column.missing == pytest.approx(1 / 201)
    assert column.scaled(np.array([np.nan]))[0] == column.scaled(np.array([50.0]))[0]
    assert column.scaled(np.array([1e9]))[0] == column.scaled(np.array([99.0]))[0]
    money = prepare(np.exp(np.random.default_rng(1).normal(size=(500, 1)) + 8), ["m"]).columns[0]
    assert money.log
    assert money.scaled(np.array([money.unit]))[0] == pytest.approx((np.log(2) - money.mean) / money.sd)


def test_agreement_and_silhouette_by_hand():
    # Hubert & Arabie: the table [[2, 0], [1, 3]]: Σ C(n_ij, 2) = 4, rows 1 + 6, columns 3 + 3, of 15 pairs.
    first, second = np.array([0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 1, 1, 1])
    expected = 7 * 6 / 15
    assert agreement(first, second) == pytest.approx((4 - expected) / (6.5 - expected))
    assert agreement(first, second) == pytest.approx(adjusted_rand_score(first, second))
    # Two pairs of points 1 apart, 10 from pair to pair, in one dimension: (10.5 − 1) ÷ 10.5 and (9.5 − 1) ÷ 9.5.
    line, labels = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1])
    by_hand = (9.5 / 10.5 + 8.5 / 9.5) / 2
    assert silhouette(line, np.array([0.005]), labels, 2) == pytest.approx(by_hand, abs=1e-5)


def test_a_hump_cut_in_two_has_no_gap_and_two_humps_have():
    rng = np.random.default_rng(10)
    one = rng.normal(size=(2000, 2))
    assert separation(one, np.full(2, 0.005), (one[:, 0] > 0).astype(np.int64), 2) < 0.1
    truth = rng.integers(0, 2, 2000)
    two = one + 6 * truth[:, None]
    assert separation(two, np.full(2, 0.005), truth, 2) > 0.9


def test_the_mixture_recovers_what_it_was_drawn_from():
    rng = np.random.default_rng(11)
    truth = rng.choice(2, 4000, p=[0.7, 0.3])
    roots = np.array([[[1, 0], [0.8, 0.3]], [[0.4, 0], [-0.3, 0.6]]])
    z = np.array([[0, 0], [4, 4]])[truth] + np.einsum("nij,nj->ni", roots[truth], rng.normal(size=(4000, 2)))
    mixture = fit_gmm(z, floors_of(z), 2, 0, 2).mixture
    order = np.argsort(-mixture.weights)
    assert mixture.weights[order] == pytest.approx([0.7, 0.3], abs=0.02)
    assert mixture.centres[order] == pytest.approx(np.array([[0, 0], [4, 4]]), abs=0.08)
    assert mixture.covariances[order] == pytest.approx(roots @ roots.transpose(0, 2, 1), abs=0.08)

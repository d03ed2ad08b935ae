"""Clusters of patients: looked for, judged against data without structure, applied, followed from fit to fit.

Pure: numpy, scipy and scikit-learn; no Django, no clock. docs/clusters-model.md has every formula with its source.
A `matrix` is patients × features in the units of the features (float32 or float64, NaN: not known), in any row order;
columns are in the order of `names`. Labels are int8, 0..k−1, −1: in no cluster. JSON means plain dicts, lists, numbers
and strings, fit for a JSONField.

    prepare(matrix, names) -> Scaling                                                    # scaling.py
        Raises Refused. `Scaling.to_json()`, `Scaling.from_json(json)`; `.columns`: a tuple of Column(name, log, unit,
        low, high, median, mean, sd, missing), `missing` being the share 0..1 that is filled with the median.
    Refused(ValueError): .code, .details (JSON)
        `too_few` {"patients", "least"}; `no_features` {}; `constant_feature` {"features": [names]} (constant but
        for one in a hundred on either side counts too); `all_missing` {"features": [names]}

    search(matrix, names, *, methods=METHODS, ks=KS, k=None, resamples=20, references=10, seed=0,
           report=None, blocks=()) -> Found                                                         # choosing.py
        METHODS = ("kmeans", "gmm"); KS = (2, …, 10). `k`: the number the user insists on (None: chosen by the data).
        `report(percent: int 0..100, stage: str)` is called every now and then, from the calling thread; an exception
        it raises (cancelled) ends the search. Stages, codes: "prepare", "fit", "resample", "reference", "finish".
        `blocks`: lists of names of columns that stand for one feature together (the channels, the mix of services).
        Raises Refused. The same rows in another order and the same seed give the same clusters.
    Found (dataclass)
        .outcome    "found" | "none"   ("none": labels all −1, model {}; `tried` still tells why)
        .doubts     list of codes, for "none" of the best that was tried; empty when all is well:
                    "not_stable", "like_noise" (silhouette no better than without structure), "no_gap" (no gap between
                    neighbouring clusters), "too_small" (a cluster of fewer than 30 people or 2 %). With an
                    insisted-on `k` the outcome is "found" with whatever doubts there are.
        .method .k .silhouette .separation .stability (floats; stability: mean adjusted Rand index between resamples)
        .level      stability in a code: "very_stable" ≥ 0.85, "stable" ≥ 0.7, "shaky" ≥ 0.5, "none"
        .labels     int8 for every row of `matrix`, clusters numbered by size, the largest is 0
        .sizes      list of int
        .tried      list of JSON rows {"method", "k", "silhouette", "reference" (mean silhouette without structure),
                    "separation", "stability", "bic" (gmm only, else None), "smallest" (share of the smallest cluster),
                    "score", "doubts": [codes], "chosen": bool}
        .model      JSON for `apply` (ClusterFit.model): method, features, scaling, centres, weights, covariances
        .missing    {name: share filled with the median}, only shares above 0
        .sampled    rows the search looked at (all of them, or a sample)
    level_of(stability) -> str

    apply(model, matrix, *, before=None) -> int8 labels                                  # applying.py
        `model["features"]` names the columns in their order. `before`: labels of the same rows in the numbering of this
        model (−1: none): who is on the border stays where they were (MARGIN). One pass in chunks, float32, no copy of
        the matrix. A column-major matrix (np.asfortranarray, or a frame's own block) is fastest.

    match(before, after, *, old_model=None, new_model=None) -> Matching                  # matching.py
        Labels of the same people by the old clusters and by the new ones (−1: was not there). Best: `before` =
        apply(old_model, matrix of today). The models give the distance of centres for ties and where nobody is common.
    Matching (dataclass): .kept {new: old or None}, .overlap {new: Jaccard index 0..1}, .new [new], .gone [old],
        .merged {new: [olds]}, .split {old: [news]}; .to_json() with string keys, `.notices` list of JSON {"code":
        "new" | "gone" | "merged" | "split", "new": […], "old": […]}

    map2d(model, matrix, labels, *, before=None) -> Map                                  # mapping.py
        Map.points float32 n × 2 (sample the rows before: it takes any rows), Map.axes JSON ({"features", "loadings":
        2 lists, "explained": [share, share], "kind": "lda" | "pca"}). `before`: axes JSON of the last fit, so that the
        map does not turn between refits. Keep `axes` beside the points in ClusterFit.profile["axes"].

    portrait(model, matrix, labels, *, base=None) -> list of JSON rows, one per feature   # portraits.py
        {"feature", "share": bool (a 0/1 feature: mean is a share), "base": {"mean", "median", "missing", "count"},
         "clusters": [{"mean", "median", "missing", "count", "effect", "noise"}]}: mean and median in the unit of the
        feature over those who have it (None: nobody has), effect = Cohen's d against the others in the scale clusters
        were looked for in (logarithm for skewed amounts), noise = 1.96 standard errors of it. `base`: a matrix to be
        compared with instead of the other rows.
    distinguishing(portrait, *, top=4) -> list per cluster of [{"feature", "direction": "high" | "low", "effect",
        "mean", "median", "base_mean", "base_median", "share"}], largest first; only |effect| ≥ 0.3 beyond noise.
"""

from segmentation.scoring.clusters.applying import apply
from segmentation.scoring.clusters.choosing import KS, METHODS, Found, search
from segmentation.scoring.clusters.mapping import Map, map2d
from segmentation.scoring.clusters.matching import Matching, match
from segmentation.scoring.clusters.measures import level_of
from segmentation.scoring.clusters.portraits import distinguishing, portrait
from segmentation.scoring.clusters.scaling import Column, Refused, Scaling, prepare

__all__ = [
    "KS", "METHODS", "Column", "Found", "Map", "Matching", "Refused", "Scaling", "apply", "distinguishing",
    "level_of", "map2d", "match", "portrait", "prepare", "search",
]  # fmt: skip

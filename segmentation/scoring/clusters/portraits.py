"""What a cluster is like beside the others, feature by feature."""

import numpy as np

from segmentation.scoring.clusters.scaling import Column, Json, Labels, Matrix, Scaling

LEAST_EFFECT = 0.3  # between "small" (0.2) and "medium" (0.5) in Cohen 1988


def portrait(model: Json, matrix: Matrix, labels: Labels, *, base: Matrix | None = None) -> list[Json]:
    """A row for every feature: the base, then each cluster of the model in their order.

    Means and medians are of those who have the feature, in its unit, winsorised by nothing. The effect is Cohen's d =
    (mean of the cluster − mean of the others) ÷ pooled standard deviation within the two, in the scale in which
    clusters were looked for; its standard error √((n₁ + n₂) ÷ (n₁ n₂) + d² ÷ 2(n₁ + n₂)) (Hedges & Olkin 1985). The
    others are the rows of other clusters, or `base` when given.
    """
    columns = Scaling.from_json(model["scaling"]).columns
    count = len(model["centres"])
    rows = []
    for i, (name, column) in enumerate(zip(model["features"], columns, strict=True)):
        values = matrix[:, i]
        compared = values if base is None else base[:, i]
        known = compared[np.isfinite(compared)]
        clusters = []
        for cluster in range(count):
            own = labels == cluster
            others = values[~own & (labels >= 0)] if base is None else compared
            clusters.append(_figures(values[own]) | _effect(column, values[own], others))
        rows.append({
            "feature": name, "share": bool(len(known)) and bool(np.isin(known, (0, 1)).all()),
            "base": _figures(compared), "clusters": clusters,
        })  # fmt: skip
    return rows


def distinguishing(portrait: list[Json], *, top: int = 4) -> list[list[Json]]:
    """Per cluster the features that set it apart most, the largest effect first.

    Only those whose effect is at least LEAST_EFFECT even at the near end of its 95 % interval.
    """
    clusters = len(portrait[0]["clusters"]) if portrait else 0
    found: list[list[Json]] = []
    for cluster in range(clusters):
        rows = []
        for row in portrait:
            own = row["clusters"][cluster]
            if own["effect"] is None or abs(own["effect"]) - own["noise"] < LEAST_EFFECT:
                continue
            rows.append({
                "feature": row["feature"], "direction": "high" if own["effect"] > 0 else "low",
                "effect": own["effect"], "mean": own["mean"], "median": own["median"],
                "base_mean": row["base"]["mean"], "base_median": row["base"]["median"], "share": row["share"],
            })  # fmt: skip
        found.append(sorted(rows, key=lambda one: (-abs(one["effect"]), one["feature"]))[:top])
    return found


def _figures(values: Matrix) -> Json:
    known = values[np.isfinite(values)]
    return {
        "mean": float(known.mean()) if len(known) else None,
        "median": float(np.median(known)) if len(known) else None,
        "missing": float(1 - len(known) / len(values)) if len(values) else 0.0,
        "count": len(values),
    }


def _effect(column: Column, own: Matrix, others: Matrix) -> Json:
    first, second = (column.scaled(part[np.isfinite(part)]) for part in (own, others))
    sizes = len(first), len(second)
    if min(sizes) < 2:
        return {"effect": None, "noise": None}
    pooled = np.sqrt((sizes[0] * first.var() + sizes[1] * second.var()) / sum(sizes))
    # A feature that is the same for everybody in both parts still differs between them.
    effect = float((first.mean() - second.mean()) / max(float(pooled), 0.05))
    noise = 1.96 * np.sqrt(sum(sizes) / (sizes[0] * sizes[1]) + effect**2 / (2 * sum(sizes)))
    return {"effect": round(effect, 4), "noise": round(float(noise), 4)}

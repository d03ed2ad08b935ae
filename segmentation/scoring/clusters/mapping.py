"""Patients as points of a plane on which clusters lie apart, and which does not turn from fit to fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.scoring.clusters.fits import RIDGE
from segmentation.scoring.clusters.scaling import Floats, Json, Labels, Matrix, Scaling


@dataclass(frozen=True)
class Map:
    """`points`: n × 2; `axes`: what each axis is made of, JSON."""

    points: NDArray[np.float32]
    axes: Json


def map2d(model: Json, matrix: Matrix, labels: Labels, *, before: Json | None = None) -> Map:
    """Two axes of the scaled features: linear discriminants of the clusters (Fisher 1936; Rao 1948), or components.

    With three clusters or more both axes are discriminants; with two the second is the first principal component of
    what is left; without clusters both are principal components. Axes have length 1 in the scaled features. They are
    turned (and mirrored) to agree best with those `before` (orthogonal Procrustes, Schönemann 1966), otherwise each
    points to where its largest loading is positive.
    """
    z = Scaling.from_json(model["scaling"]).scaled(matrix)
    z = z - z.mean(axis=0)
    clusters = np.unique(labels[labels >= 0])
    axes = _discriminants(z, labels, clusters) if len(clusters) > 1 else np.empty((0, z.shape[1]))
    kind = "lda" if len(axes) else "pca"
    axes = _with_components(z, axes)
    axes = _turned(axes, model["features"], before)
    points = z @ axes.T
    total = float(z.var(axis=0).sum()) or 1.0
    explained = (points.var(axis=0) / total).round(4).tolist()
    return Map(
        points.astype(np.float32),
        {"kind": kind, "features": list(model["features"]), "loadings": axes.round(9).tolist(), "explained": explained},
    )


def _discriminants(z: Floats, labels: Labels, clusters: Labels) -> Floats:
    """At most two directions in which clusters differ most beside their spread within."""
    inside = labels >= 0
    means = np.array([z[labels == cluster].mean(axis=0) for cluster in clusters])
    shares = np.array([(labels == cluster).sum() for cluster in clusters]) / inside.sum()
    rest = z[inside] - means[np.searchsorted(clusters, labels[inside])]
    spread = rest.T @ rest / inside.sum() + RIDGE * np.eye(z.shape[1])
    middle = means - shares @ means
    between = (middle * shares[:, None]).T @ middle
    root = np.linalg.cholesky(np.linalg.inv(spread))
    sizes, turned = np.linalg.eigh(root.T @ between @ root)
    count = min(2, len(clusters) - 1, z.shape[1])
    axes = (root @ turned[:, np.argsort(-sizes)[:count]]).T
    return _orthonormal(axes)


def _with_components(z: Floats, axes: Floats) -> Floats:
    """Two axes: those given, then the principal components of what they leave; zeros when there is one feature."""
    left = z - z @ axes.T @ axes
    sizes, components = np.linalg.eigh(left.T @ left / len(z))
    more = components[:, np.argsort(-sizes)].T[: max(min(2, z.shape[1]) - len(axes), 0)]
    axes = np.vstack([axes, more])
    return np.vstack([axes, np.zeros((2 - len(axes), z.shape[1]))])


def _orthonormal(axes: Floats) -> Floats:
    """The first axis as it is, the second without its share of the first: the map shows true angles."""
    turned = np.linalg.qr(axes.T)[0].T
    return np.asarray(turned * np.sign((turned * axes).sum(axis=1, keepdims=True)))


def _turned(axes: Floats, features: list[str], before: Json | None) -> Floats:
    if before is not None and before["features"] == list(features):
        left, _sizes, right = np.linalg.svd(np.asarray(before["loadings"]) @ axes.T)
        return np.asarray(left @ right @ axes)
    largest = axes[np.arange(2), np.abs(axes).argmax(axis=1)]
    return np.asarray(axes * np.where(largest < 0, -1.0, 1.0)[:, None])

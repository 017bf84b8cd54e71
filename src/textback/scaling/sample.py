"""Points as arrays, and their hierarchical bootstrap (Davison and Hinkley 1997, section 3.8).

A resample is made from the top down. Cells get random weights, exponential with mean 1 (Rubin 1981,
the Bayesian bootstrap): drawing them with replacement would leave out whole lengths or dimensions
of a small grid. In every cell, as many seeds as it has are drawn with replacement. Texts are not
drawn again, for a table holds no texts: each point's log u is moved by its standard error over
texts times a standard normal number, one for each length, as all cells of a length are measured on
the same texts and err together.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from textback.scaling.points import CELL


@dataclass(frozen=True)
class Reference:
    """The geometric means of the fitted points' dimension and training FLOPs: d₀ and C₀."""

    dimension: float
    compute: float


@dataclass(frozen=True)
class Sample:
    """n points. where: (3, n), as `forms.log_u` takes it; log_u, noise (its standard error over
    texts): (n,); cell, length: (n,) numbers from 0; weight: (cells,)
    """

    where: np.ndarray
    log_u: np.ndarray
    noise: np.ndarray
    cell: np.ndarray
    length: np.ndarray
    weight: np.ndarray

    def part(self, kept: np.ndarray) -> "Sample":
        """Some of the cells, by a mask of the points, (n,)."""
        cells, cell = np.unique(self.cell[kept], return_inverse=True)
        arrays = (self.where[:, kept], self.log_u[kept], self.noise[kept])
        return Sample(*arrays, cell, self.length[kept], self.weight[cells])


def reference_of(points: pd.DataFrame) -> Reference:
    """d₀ and C₀, of the points that are not held out."""
    fitted = points[~points["held_out"]]
    dimension, compute = np.exp(np.log(fitted[["dim", "compute"]].astype(float)).mean())
    return Reference(float(dimension), float(compute))


def places(
    load: np.ndarray, dimension: np.ndarray, compute: np.ndarray, reference: Reference
) -> np.ndarray:
    """Where n points lie, (3, n): the logarithms of load, d / d₀ and C / C₀."""
    return np.log([load, dimension / reference.dimension, compute / reference.compute])


def sample_of(points: pd.DataFrame, reference: Reference) -> Sample:
    """Points as arrays, every cell of weight 1."""
    columns = (points[name].to_numpy(float) for name in ("load", "dim", "compute"))
    cell = points.groupby(CELL, sort=False).ngroup().to_numpy()
    return Sample(
        places(*columns, reference),
        np.log(points["u"].to_numpy(float)),
        points["noise"].to_numpy(float),
        cell,
        pd.factorize(points["length"])[0],
        np.ones(cell.max() + 1),
    )


def resampled(sample: Sample, number: int, seed: int = 0) -> Iterator[Sample]:
    """Bootstrap resamples: the same cells, with other weights, seeds and errors of the texts."""
    rng = np.random.default_rng(seed)
    seeds = [np.flatnonzero(sample.cell == cell) for cell in range(len(sample.weight))]
    for _ in range(number):
        at = np.concatenate([rng.choice(points, len(points)) for points in seeds])
        length, noise = sample.length[at], sample.noise[at]
        yield Sample(
            sample.where[:, at],
            sample.log_u[at] + noise * rng.standard_normal(length.max() + 1)[length],
            noise,
            sample.cell[at],
            length,
            rng.exponential(size=len(seeds)),
        )

import numpy as np
import pytest

from textback.cells import Reduction
from textback.errors import TextbackError
from textback.reductions import fit, load_projection, save_projection


def unit(points):
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_native_scales_to_unit_length_just_where_the_embedder_does(rng):
    points = rng.normal(size=(50, 8))
    found = fit(Reduction("native"), unit(points).astype(np.float16))(np.array([[3.0, 4.0]]))
    assert found.dtype == np.float32
    assert found[0] == pytest.approx([0.6, 0.8])
    assert fit(Reduction("native"), points)(points) == pytest.approx(points)


def test_pca_by_hand_finds_the_axis_of_most_variance():
    points = np.array([[-2, 0.1], [2, -0.1], [-1, -0.1], [1, 0.1]]) + [5, 7]
    projection = fit(Reduction("pca", 1), points)
    assert projection.mean == pytest.approx([5, 7])
    assert np.abs(projection.basis[:, 0]) == pytest.approx([1, 0], abs=0.05)
    assert projection.explained_variance == pytest.approx(10 / 10.04, abs=1e-3)


def test_texts_without_a_vector_do_not_hide_that_the_others_have_unit_length(rng):
    points = unit(rng.normal(size=(50, 8))).astype(np.float16)
    points[7] = 0
    assert fit(Reduction("native"), points).unit
    assert np.isfinite(fit(Reduction("pca", 3), points)(points)).all()


def test_moments_are_those_of_all_rows_whatever_the_block(rng, monkeypatch):
    points = rng.normal(size=(50, 4))
    whole = fit(Reduction("pca", 2), points)
    monkeypatch.setattr("textback.reductions.BLOCK", 7)
    assert fit(Reduction("pca", 2), points).basis == pytest.approx(whole.basis, abs=1e-6)
    covariance = np.cov(points.T, bias=True)
    top = np.linalg.eigvalsh(covariance)[-2:].sum() / np.trace(covariance)
    assert whole.explained_variance == pytest.approx(top)


@pytest.mark.parametrize("kind", ["prefix", "pca", "random"])
def test_the_basis_is_orthonormal_and_reduced_vectors_are_as_long_as_native_ones(kind, rng):
    points = rng.normal(size=(50, 8))
    projection = fit(Reduction(kind, 3), unit(points))
    assert projection.basis.T @ projection.basis == pytest.approx(np.eye(3), abs=1e-5)
    assert np.linalg.norm(projection(rng.normal(size=(4, 8))), axis=1) == pytest.approx([1] * 4)
    raw = fit(Reduction(kind, 8), points)
    centred = points - points.mean(0) if kind == "pca" else points
    lengths = np.linalg.norm(raw(points), axis=1)
    assert lengths == pytest.approx(np.linalg.norm(centred, axis=1), rel=1e-4)


def test_a_prefix_is_the_first_components(rng):
    points = rng.normal(size=(50, 8))
    assert fit(Reduction("prefix", 3), points)(points) == pytest.approx(points[:, :3], abs=1e-6)


def test_random_axes_depend_on_nothing_but_their_number(rng):
    one, other = rng.normal(size=(50, 8)), rng.normal(size=(60, 8)) + 5
    few, many = fit(Reduction("random", 2), one), fit(Reduction("random", 5), other)
    assert (few.basis == many.basis[:, :2]).all()
    assert few.mean is None
    assert not np.allclose(np.abs(few.basis), np.eye(8)[:, :2], atol=0.3)


def test_axes_are_the_same_bytes_where_sums_are_made_in_another_order(rng, monkeypatch):
    """As libraries do with other numbers of threads: off by 1e-15, and a zero may be negative."""
    points = rng.normal(size=(60, 12))
    points[:, 3] = 0.0
    expected, eigh = fit(Reduction.parse("pca5"), points).basis, np.linalg.eigh

    def otherwise(matrix):
        return [part + 1e-15 * rng.choice([-1, 1], part.shape) for part in eigh(matrix)]

    monkeypatch.setattr(np.linalg, "eigh", otherwise)
    assert fit(Reduction.parse("pca5"), points).basis.tobytes() == expected.tobytes()


def test_each_reduction_states_the_variance_it_keeps(rng):
    points = rng.normal(size=(4000, 4)) * [3, 1, 1, 1] @ np.linalg.qr(rng.normal(size=(4, 4)))[0]
    kept = {k: fit(Reduction(k, 1), points).explained_variance for k in ("pca", "prefix", "random")}
    assert kept["pca"] == pytest.approx(9 / 12, abs=0.02)
    first = points[:, 0].var() / points.var(0).sum()
    assert kept["prefix"] == pytest.approx(first)
    axis = fit(Reduction("random", 1), points).basis[:, 0]
    assert kept["random"] == pytest.approx((points @ axis).var() / points.var(0).sum(), rel=1e-4)


def test_at_the_native_dimension_pca_keeps_all_variance_and_all_angles(rng):
    points = rng.normal(size=(50, 6)).astype(np.float32)
    projection = fit(Reduction("pca", 6), points)
    centred = points - points.mean(0)
    reduced = projection(points)
    assert projection.explained_variance == pytest.approx(1)
    assert unit(reduced) @ unit(reduced).T == pytest.approx(
        unit(centred) @ unit(centred).T, abs=1e-4
    )


def test_more_dimensions_than_there_are_is_an_error(rng):
    with pytest.raises(TextbackError, match="pca9"):
        fit(Reduction("pca", 9), rng.normal(size=(50, 8)))


@pytest.mark.parametrize("text", ["native", "prefix3", "pca3", "random3"])
@pytest.mark.parametrize("scale", [unit, lambda points: points])
def test_a_projection_is_loaded_as_saved(text, scale, rng, tmp_path):
    projection = fit(Reduction.parse(text), scale(rng.normal(size=(50, 8))))
    save_projection(tmp_path / "reduction.safetensors", projection)
    loaded = load_projection(tmp_path / "reduction.safetensors")
    points = rng.normal(size=(4, 8))
    assert (loaded(points) == projection(points)).all()
    assert loaded.explained_variance == pytest.approx(projection.explained_variance)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "reduction.safetensors").write_bytes(b"broken")
    with pytest.raises(TextbackError, match="reduction.safetensors"):
        load_projection(tmp_path / "reduction.safetensors")


@pytest.mark.parametrize("text", ["native", "pca64", "prefix64", "random8"])
def test_a_reduction_is_written_as_it_is_read(text):
    assert str(Reduction.parse(text)) == text


@pytest.mark.parametrize("text", ["pca", "pca0", "native8", "umap3", ""])
def test_an_unknown_reduction_is_an_error(text):
    with pytest.raises(TextbackError, match="unknown reduction"):
        Reduction.parse(text)

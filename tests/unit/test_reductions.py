import numpy as np
import pytest

from textback.cells import Reduction
from textback.errors import TextbackError
from textback.reductions import Projection, fit, load_projection, save_projection


def test_native_only_scales_to_unit_length():
    found = Projection()(np.array([[3.0, 4.0]], np.float16))
    assert found.dtype == np.float32
    assert found[0] == pytest.approx([0.6, 0.8])


def test_pca_by_hand_finds_the_axis_of_most_variance():
    points = np.array([[-2, 0.1], [2, -0.1], [-1, -0.1], [1, 0.1]]) + [5, 7]
    projection = fit(Reduction("pca", 1), points)
    assert projection.mean == pytest.approx([5, 7])
    assert np.abs(projection.basis[:, 0]) == pytest.approx([1, 0], abs=0.05)
    assert projection.explained_variance == pytest.approx(10 / 10.04, abs=1e-3)


def test_the_basis_is_orthonormal_and_reduced_vectors_have_unit_length(rng):
    projection = fit(Reduction("pca", 3), rng.normal(size=(50, 8)))
    assert projection.basis.T @ projection.basis == pytest.approx(np.eye(3), abs=1e-5)
    assert np.linalg.norm(projection(rng.normal(size=(4, 8))), axis=1) == pytest.approx([1] * 4)


def test_at_the_native_dimension_pca_keeps_all_variance_and_all_angles(rng):
    points = rng.normal(size=(50, 6)).astype(np.float32)
    projection = fit(Reduction("pca", 6), points)
    centred = points - points.mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    reduced = projection(points)
    assert projection.explained_variance == pytest.approx(1)
    assert reduced @ reduced.T == pytest.approx(centred @ centred.T, abs=1e-4)


def test_more_dimensions_than_there_are_is_an_error(rng):
    with pytest.raises(TextbackError, match="pca9"):
        fit(Reduction("pca", 9), rng.normal(size=(50, 8)))


@pytest.mark.parametrize("reduction", [Reduction("native"), Reduction("pca", 3)])
def test_a_projection_is_loaded_as_saved(reduction, rng, tmp_path):
    projection = fit(reduction, rng.normal(size=(50, 8)))
    save_projection(tmp_path / "reduction.safetensors", projection)
    loaded = load_projection(tmp_path / "reduction.safetensors")
    points = rng.normal(size=(4, 8))
    assert (loaded(points) == projection(points)).all()
    assert loaded.explained_variance == pytest.approx(projection.explained_variance)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "reduction.safetensors").write_bytes(b"broken")
    with pytest.raises(TextbackError, match="reduction.safetensors"):
        load_projection(tmp_path / "reduction.safetensors")


@pytest.mark.parametrize("text", ["native", "pca64"])
def test_a_reduction_is_written_as_it_is_read(text):
    assert str(Reduction.parse(text)) == text


@pytest.mark.parametrize("text", ["pca", "pca0", "native8", "umap3", ""])
def test_an_unknown_reduction_is_an_error(text):
    with pytest.raises(TextbackError, match="unknown reduction"):
        Reduction.parse(text)

import numpy as np
import pytest

from textback.errors import TextbackError
from textback.perturbations import Perturbation, perturb


def perturbed(text, vectors, **more):
    return perturb(Perturbation.parse(text), np.array(vectors, np.float32), **more)


@pytest.mark.parametrize(
    "text", ["none", "int8", "binary", "gaussian:0.01", "gaussian:1", "gaussian:1e-05"]
)
def test_a_perturbation_is_written_as_it_is_read(text):
    assert str(Perturbation.parse(text)) == text


def test_equal_noise_is_one_perturbation_however_it_is_written():
    assert Perturbation.parse("gaussian:0.010") == Perturbation.parse("gaussian:1e-2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gausian:0.1", "unknown perturbation 'gausian:0.1': did you mean 'gaussian:0.01'"),
        ("", "unknown perturbation"),
        ("gaussian", "needs a positive noise"),
        ("gaussian:much", "needs a positive noise"),
        ("gaussian:0", "needs a positive noise"),
        ("gaussian:inf", "needs a positive noise"),
        ("int8:4", "only gaussian has a number"),
    ],
)
def test_an_unknown_perturbation_is_an_error_of_one_line(text, message):
    with pytest.raises(TextbackError, match=message) as error:
        Perturbation.parse(text)
    assert "\n" not in str(error.value)


def test_none_changes_nothing(rng):
    vectors = rng.normal(size=(4, 3)).astype(np.float32)
    assert (perturbed("none", vectors) == vectors).all()


def test_gaussian_noise_has_its_deviation_in_every_component_whatever_the_vector():
    found = perturbed("gaussian:0.2", np.full((4000, 5), 3.0)) - 3
    assert found.mean(0) == pytest.approx(np.zeros(5), abs=0.02)
    assert found.std(0) == pytest.approx(np.full(5, 0.2), abs=0.02)
    assert abs(np.corrcoef(found.T) - np.eye(5)).max() < 0.1


def test_noise_is_drawn_with_its_seed():
    zeros = np.zeros((3, 2))
    assert (perturbed("gaussian:1", zeros) == perturbed("gaussian:1", zeros)).all()
    assert (perturbed("gaussian:1", zeros) != perturbed("gaussian:1", zeros, seed=1)).all()


def test_int8_keeps_each_dimension_to_half_a_step_of_its_own(rng):
    vectors = rng.normal(size=(500, 3)).astype(np.float32) * [1, 10, 0.01]
    found = perturbed("int8", vectors)
    step = np.abs(vectors).max(0) / 127
    assert (np.abs(found - vectors) <= step / 2 * 1.001).all()
    assert all(len(np.unique(column)) <= 255 for column in found.T)
    assert np.abs(found).max(0) == pytest.approx(np.abs(vectors).max(0))


def test_int8_by_hand():
    found = perturbed("int8", [[1.27, 0], [-0.014, 0], [0.006, 0]])
    assert found == pytest.approx(np.array([[1.27, 0], [-0.01, 0], [0.01, 0]]))


def test_binary_keeps_signs_alone():
    assert perturbed("binary", [[0.3, -2.0, 0.0]]).tolist() == [[1, -1, 1]]

import numpy as np
import pytest

from textback.bootstrap import weights
from textback.information import Likelihoods, bit_metrics


def test_bits_by_hand():
    texts = Likelihoods(
        given=np.array([10.0, 20.0]),
        null=np.array([40.0, 60.0]),
        size_bytes=np.array([10.0, 25.0]),
        length=5,
        dimension=7,
    )
    found = {name: interval.value for name, interval in bit_metrics(texts, weights(2, 10)).items()}
    assert found["nll_bits"] == 15
    assert found["null_nll_bits"] == 50
    assert found["recovered_bits"] == 35
    assert found["recovered_bits_per_token"] == 7
    assert found["recovered_bits_per_byte"] == 2
    assert found["recovered_bits_per_dimension"] == 5
    assert found["unrecovered_fraction"] == pytest.approx(0.3)

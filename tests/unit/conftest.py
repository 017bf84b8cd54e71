import numpy as np
import pytest
import torch

from textback.config import Backbone
from textback.inverter.model import Inverter
from textback.tokenizer import PAD, Tokenizer

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tokenizer():
    """A byte-level BPE that has every word of WORDS as one token."""
    return Tokenizer.train([" ".join(WORDS)] * 50, 320)


@pytest.fixture
def backbone():
    return Backbone(size="toy")


@pytest.fixture
def hypothesizer(backbone):
    torch.manual_seed(0)
    return randomised(Inverter(backbone, vocabulary=30, dimension=5, ways=1))


@pytest.fixture
def corrector(backbone):
    torch.manual_seed(1)
    return randomised(Inverter(backbone, vocabulary=30, dimension=5, ways=3))


def randomised(model):
    """A model whose zero-initialised parts are drawn too, so that every path matters."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.bar([PAD])
    return model.eval()

import logging
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from embedding_server import KEY, KEY_VARIABLE, EmbeddingServer

from textback import device
from textback.config import Backbone
from textback.embedders import endpoint
from textback.inverter.batches import Data
from textback.inverter.model import Inverter
from textback.progress import log
from textback.tokenizer import PAD, Tokenizer

ROOT = Path(__file__).parents[2]
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
BACKBONES = {
    "llama": Backbone(size="toy", family="llama"),
    "t5": Backbone(size="toy", family="t5", embedding_tokens=2),
    "paper": Backbone(size="toy", family="t5", form="paper", embedding_tokens=2),
}


@pytest.fixture
def config():
    """The default study's configuration, as YAML has it."""
    return yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def fp32(monkeypatch):
    """Training in full precision, so that equal computations can be told from similar ones."""
    monkeypatch.setattr(device, "has_bf16", lambda device: False)


class Kept(logging.Handler):
    """Keeps the records it is given."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)

    def lines(self, level=logging.INFO):
        """What was logged so far, at this level or above."""
        return [record.getMessage() for record in self.records if record.levelno >= level]


@pytest.fixture
def logged():
    """What textback logs during the test, whatever became of its handlers before."""
    kept, level = Kept(), log.level
    log.addHandler(kept)
    log.setLevel(logging.INFO)
    yield kept
    log.removeHandler(kept)
    log.setLevel(level)


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


@pytest.fixture(params=BACKBONES)
def each_backbone(request):
    """Every family and form in turn."""
    return BACKBONES[request.param]


@pytest.fixture
def toy():
    """Passages of two tokens that the vector tells: token 1 + index of its largest component."""
    vectors = torch.randn(256, 5, generator=torch.Generator().manual_seed(0))
    first = 1 + vectors.argmax(1)
    return Data(torch.stack([first, first + 5], 1).int(), (vectors,), torch.device("cpu"))


@pytest.fixture
def make(backbone):
    """Untrained hypothesizers for `toy`, all with the same weights."""

    def build(entry=backbone):
        torch.manual_seed(0)
        return Inverter(entry, vocabulary=12, dimension=5, ways=1)

    return build


@pytest.fixture
def hypothesizer(backbone):
    torch.manual_seed(0)
    return randomised(Inverter(backbone, vocabulary=30, dimension=5, ways=1))


@pytest.fixture
def each_hypothesizer(each_backbone):
    """One of every family and form."""
    torch.manual_seed(0)
    return randomised(Inverter(each_backbone, vocabulary=30, dimension=5, ways=1))


@pytest.fixture
def corrector(backbone):
    torch.manual_seed(1)
    return randomised(Inverter(backbone, vocabulary=30, dimension=5, ways=3))


@pytest.fixture(params=[1, 3], ids=["hypothesizer", "corrector"])
def each_model(request, each_backbone):
    """A hypothesizer and a corrector of every family and form."""
    torch.manual_seed(2)
    return randomised(Inverter(each_backbone, vocabulary=30, dimension=5, ways=request.param))


@pytest.fixture
def each_input(each_model):
    """What `each_model` reads of three texts: e, or e, ê and x̂ of five tokens."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(2, 3, 5, generator=generator)
    guesses = torch.randint(1, 30, (3, 5), generator=generator)
    return (*vectors, guesses) if each_model.ways == 3 else (vectors[0],)


def randomised(model):
    """A model whose zero-initialised parts are drawn too, so that every path matters."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.bar([PAD])
    return model.eval()


@pytest.fixture(scope="session")
def embedding_server():
    """A server on this machine with minilm behind it."""
    server = EmbeddingServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def waits(monkeypatch):
    """The seconds that requests would have waited. Whatever else sleeps goes on sleeping."""
    asked = []
    monkeypatch.setattr(endpoint, "time", SimpleNamespace(sleep=asked.append, time=time.time))
    return asked


@pytest.fixture
def server(embedding_server, monkeypatch, tmp_path, waits):
    """The server with nothing planned and a folder without a cache."""
    embedding_server.begin_again()
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.chdir(tmp_path)
    return embedding_server

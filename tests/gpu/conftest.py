import gc

import pytest
import torch

from textback import device
from textback.inverter import decoding
from textback.processes import COMPILE
from textback.progress import log


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Full precision and nothing compiled, unless a test asks for it."""
    monkeypatch.setattr(device, "_has_bf16", lambda device: False)
    monkeypatch.setenv(COMPILE, "off")
    decoding._compiled_step.cache_clear()
    yield
    decoding._compiled_step.cache_clear()


@pytest.fixture
def logged(caplog):
    """What textback logs during the test."""
    level = log.level
    log.addHandler(caplog.handler)
    log.setLevel("INFO")
    yield caplog
    log.removeHandler(caplog.handler)
    log.setLevel(level)


@pytest.fixture
def room():
    """Limits this process to so many bytes of the GPU until the test ends."""
    gc.collect()
    torch.cuda.empty_cache()

    def limit(size):
        gc.collect()
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties().total_memory
        torch.cuda.set_per_process_memory_fraction(size / total)

    yield limit
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()

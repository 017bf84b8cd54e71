"""A control: a transformer that was never trained, with a real model's tokenizer and shape.

What can be read back from it shows how much of an embedder's leakage its architecture explains
rather than its training (Wieting & Kiela 2019 use untrained encoders so).
"""

import torch
from transformers import AutoConfig, AutoTokenizer
from transformers.utils import logging as transformers_logging

from textback import attention
from textback.config.embedders import RandomTransformer
from textback.device import rng_kept
from textback.embedders.networks import NetworkEmbedder, check_positions
from textback.embedders.transformers import Pooled, encoder_class
from textback.embedders.weights import loading, locate
from textback.hub import only_local


def load(name: str, entry: RandomTransformer, device: str) -> NetworkEmbedder:
    """See `textback.embedders.load_embedder`. Its weights are drawn with the entry's seed."""
    transformers_logging.set_verbosity_error()
    where = locate(name, entry)
    options = {"revision": entry.revision, "local_files_only": only_local(where, entry.offline)}
    with loading(name, where):
        tokenizer = AutoTokenizer.from_pretrained(where, **options)
        config = AutoConfig.from_pretrained(where, **options)
        check_positions(name, entry, config)
        with rng_kept(device):
            torch.manual_seed(entry.seed)
            network = encoder_class(config).from_config(config, dtype=torch.float32)
    attention.use(network)
    pooled = Pooled(network.to(device).eval(), "mean", normalize=True)
    return NetworkEmbedder(pooled, tokenizer, entry, device)

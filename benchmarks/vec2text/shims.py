"""What vec2text needs to run offline and on a local embedder. None of it is in the hot path."""

import os


def set_environment(device: str, threads: int | None) -> None:
    """Set what torch and vec2text read while they are imported; call it before that."""
    # There is no hub to ask: look-ups fail at once instead of waiting for a network.
    os.environ["HF_HUB_OFFLINE"] = "1"
    # vec2text and the HF Trainer take the GPU wherever they see one.
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)


def patch() -> None:
    """Replace what knows only the model hub or older libraries, and hush vec2text's log."""
    import datasets
    import evaluate
    import torch
    import vec2text.models.inversion

    # Every trainer loads accuracy, BLEU and ROUGE from the hub. Only its evaluation loop, which
    # never runs here, would use them.
    evaluate.load = lambda name: None
    # vec2text knows its embedders by hub name, and would take BERT's pooler for any other.
    vec2text.models.inversion.load_embedder_and_tokenizer = _load_local_embedder
    # Where torchvision is installed, it looks for a class that newer ones do not have.
    datasets.config.TORCHVISION_AVAILABLE = False
    # It turns on torch.compile's log, which would bury the line that says what went wrong.
    torch._logging.set_logs()


def _load_local_embedder(name: str, torch_dtype: str) -> tuple:
    """As vec2text's own branch for `sentence-transformers/…`, for a folder."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(name, local_files_only=True)
    return model, model.tokenizer

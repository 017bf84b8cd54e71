"""How well documents are found by their embeddings: usefulness beside leakage."""

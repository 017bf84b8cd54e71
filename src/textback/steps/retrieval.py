"""Retrieval: embed a set once, then search it by every reduction and perturbation."""

import time
from dataclasses import asdict
from pathlib import Path

from textback.cells import Reduction
from textback.device import cost, pick_device
from textback.embedders import load_embedder
from textback.embedders.gate import gate
from textback.embedders.paid import paid_costs
from textback.embeddings import forget, read_embeddings, write_embeddings
from textback.errors import TextbackError
from textback.files import write_json
from textback.locks import locked
from textback.perturbations import Perturbation, perturb
from textback.progress import log
from textback.reductions import fit
from textback.retrieval.beir import read_set
from textback.retrieval.embedding import embed_set
from textback.retrieval.measures import ASKED, measure
from textback.retrieval.search import search
from textback.specs import Spec, embedder_entry


def embed_retrieval(spec: Spec, folder: Path, output: Path, state: Path, device: str) -> None:
    """Embed a set's documents and queries, if the embedder passes its gate."""
    began = time.monotonic()
    name, device = spec["name"], pick_device(device)
    entry = embedder_entry(spec)
    found = read_set(folder, spec["split"])
    embedder = load_embedder(name, entry, device)
    write_json(output / "gate.json", gate(name, embedder, entry))
    with locked(state):
        documents, queries, counts = embed_set(found, name, embedder, spec, state, device)
        write_embeddings(output / "documents.safetensors", documents)
        write_embeddings(output / "queries.safetensors", queries)
        write_json(output / "texts.json", asdict(counts))
        embedded = len({*found.documents.values(), *found.queries.values()})
        seconds = time.monotonic() - began
        measured = {"embed_seconds": seconds, "embedder_queries": embedded}
        write_json(output / "costs.json", cost(device, **measured, **paid_costs(name, embedder)))
        forget(state)


def score_retrieval(spec: Spec, folder: Path, embeddings: Path, output: Path, device: str) -> None:
    """Write every measure of every query, after one reduction and one perturbation.

    The reduction is fitted to the documents, as the operator of a vector store can.
    """
    found = read_set(folder, spec["split"])
    documents = read_embeddings(embeddings / "documents.safetensors")
    queries = read_embeddings(embeddings / "queries.safetensors")
    if (len(documents), len(queries)) != (len(found.documents), len(found.queries)):
        raise TextbackError(f"{embeddings}: embeds other texts than {folder} has: remake it")
    project = fit(Reduction.parse(spec["reduction"]), documents)
    stored = perturb(Perturbation.parse(spec["perturbation"]), project(documents))
    measures = measure(found, search(project(queries), stored, ASKED, pick_device(device)))
    means = {name: sum(values) / len(values) for name, values in measures.items()}
    write_json(
        output,
        {
            "columns": spec["columns"],
            "queries": list(found.queries),
            "measures": measures,
            "means": means,
        },
    )
    log.info("%s", ", ".join(f"{name} {value:.3f}" for name, value in means.items()))

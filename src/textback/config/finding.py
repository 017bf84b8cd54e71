"""What a study's names stand for: an entry, or an error that names the nearest one."""

from textback.config.corpora import CorpusEntry
from textback.config.embedders import EmbedderEntry
from textback.config.inverters import CorrectorTraining, Inverter
from textback.config.names import lookup
from textback.config.parts import Part
from textback.config.retrieval import RetrievalSet
from textback.config.study import Study, parts
from textback.errors import TextbackError


def find_part(study: Study, name: str) -> Part:
    """The study's part of that name."""
    return lookup(parts(study), "part", name)


def find_corpus(study: Study, name: str) -> CorpusEntry:
    """The corpus's entry."""
    return lookup(study.corpora, "corpus", name)


def find_embedder(study: Study, name: str) -> EmbedderEntry:
    """The embedder's entry."""
    return lookup(study.embedders, "embedder", name)


def find_inverter(study: Study, name: str) -> Inverter:
    """The inverter's entry."""
    return lookup(study.inverters, "inverter", name)


def find_corrector(study: Study, inverter: str) -> CorrectorTraining:
    """An inverter's corrector. Raises TextbackError where it has none."""
    entry = find_inverter(study, inverter).corrector
    if entry is None:
        raise TextbackError(f"inverter '{inverter}': has no corrector: give it one")
    return entry


def find_retrieval_set(study: Study, name: str) -> RetrievalSet:
    """The retrieval set's entry."""
    return lookup(study.retrieval_sets, "retrieval set", name)

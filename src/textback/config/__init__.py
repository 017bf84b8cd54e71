"""The typed configuration: every key a study may have, its default, its unit and its limits.

`textback config-schema` prints the JSON schema made from these classes, and `config/README.md`
explains the keys in prose. Catalogues (corpora, tokenizers, embedders, inverters, retrieval sets)
are mappings from a name to an entry; the axes of the grid are lists, so that a command line can
narrow one:

    snakemake --config 'lengths=[4]'
"""

from textback.config.checks import study_warnings
from textback.config.corpora import Corpus, CorpusEntry, PassageCounts, Split, read_corpus
from textback.config.embedders import Embedder, EmbedderEntry, read_embedder
from textback.config.inverters import Backbone, CorrectorTraining, Inverter, Tokenizer, Training
from textback.config.names import lookup
from textback.config.part_checks import check_dimension, check_length
from textback.config.parts import Axes, Evaluation, Part
from textback.config.reading import canonical, json_schema, read_study, read_study_file
from textback.config.retrieval import RetrievalSet
from textback.config.section import Section
from textback.config.study import FIGURES, METRICS, Study, parts, used

__all__ = [
    "FIGURES",
    "METRICS",
    "Axes",
    "Backbone",
    "Corpus",
    "CorpusEntry",
    "CorrectorTraining",
    "Embedder",
    "EmbedderEntry",
    "Evaluation",
    "Inverter",
    "Part",
    "PassageCounts",
    "RetrievalSet",
    "Section",
    "Split",
    "Study",
    "Tokenizer",
    "Training",
    "canonical",
    "check_dimension",
    "check_length",
    "json_schema",
    "lookup",
    "parts",
    "read_corpus",
    "read_embedder",
    "read_study",
    "read_study_file",
    "study_warnings",
    "used",
]

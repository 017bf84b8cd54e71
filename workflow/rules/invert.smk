rule invert:
    input:
        hypothesizer=CELL / "hypothesizer" / "model.safetensors",
        corrector=CELL / "corrector" / "model.safetensors",
        tokenizer=of_tokenizer(TOKENIZER),
        passages=of_tokenizer(PASSAGES / "test.parquet"),
        embeddings=of_tokenizer(EMBEDDINGS / "test.safetensors"),
        reduction=of_tokenizer(EMBEDDINGS / "{reduction}" / "reduction.safetensors"),
    output:
        inside(INVERSION, "trace.parquet", "costs.json"),
    log:
        f"{LOGS}/invert/{{corpus}}/{{embedder}}/len{{length}}/{{reduction}}/{{inverter}}/seed{{seed}}/{{mode}}-beam{{beam}}-rounds{{rounds}}-passages{{texts}}.log",
    threads: 1
    resources:
        gpu=GPUS,
    params:
        spec=spec(specs.invert, "embedder", "mode", "beam", "rounds", "texts"),
        folder=lambda wildcards, output: Path(output[0]).parent,
    message:
        "inversion, length {wildcards.length}, {wildcards.reduction}, beam {wildcards.beam}"
    shell:
        "textback --log {log} invert-cell --spec {params.spec:q}"
        " --hypothesizer {input.hypothesizer} --corrector {input.corrector}"
        " --tokenizer {input.tokenizer} --passages {input.passages}"
        " --embeddings {input.embeddings} --reduction {input.reduction}"
        " --output {params.folder}"


rule score:
    input:
        traces=[
            cells.inversion_of(ANY, beam, STUDY.evaluation) / "trace.parquet"
            for beam in STUDY.beams
        ],
        nearest=of_tokenizer(EMBEDDINGS / "{reduction}" / "nearest.parquet"),
        likelihood=CELL / "hypothesizer" / "likelihood.parquet",
        null_likelihood=NULL_MODEL / "null_model" / "likelihood.parquet",
        reduction=of_tokenizer(EMBEDDINGS / "{reduction}" / "reduction.safetensors"),
        words=WORDS if set(RECALLS) & set(STUDY.metrics) else [],
    output:
        SCORES,
    log:
        f"{LOGS}/score/{STUDY.study}/{{corpus}}/{{embedder}}/len{{length}}/{{reduction}}/{{inverter}}/seed{{seed}}.log",
    params:
        spec=spec(
            specs.score,
            "corpus",
            "embedder",
            "length",
            "reduction",
            "inverter",
            "seed",
        ),
        traces=lambda wildcards, input: " ".join(
            f"--beam {beam} --trace {path}" for beam, path in zip(STUDY.beams, input.traces)
        ),
        words=lambda wildcards, input: f"--words {input.words}" if input.words else "",
    message:
        "scores, length {wildcards.length}, {wildcards.reduction}, seed {wildcards.seed}"
    shell:
        "textback --log {log} score --spec {params.spec:q} {params.traces}"
        " --nearest {input.nearest} --likelihood {input.likelihood}"
        " --null-likelihood {input.null_likelihood} --reduction {input.reduction}"
        " {params.words} --output {output}"

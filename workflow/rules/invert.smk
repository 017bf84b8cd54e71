rule invert:
    input:
        hypothesizer=of_inverter(OWNER.folder / "hypothesizer" / "model.safetensors"),
        corrector=branch(
            lambda wildcards: wildcards.rounds != "0",
            then=CELL / "corrector" / "model.safetensors",
        ),
        tokenizer=of_inverter(TOKENIZER),
        passages=inverted("passages"),
        embeddings=inverted("embeddings"),
        reduction=of_inverter(EMBEDDINGS / "{reduction}" / "reduction.safetensors"),
    output:
        inside(INVERSION, "trace.parquet", "costs.json"),
    log:
        f"{LOGS}/invert/{INVERSION.relative_to(cells.RESULTS / 'cells')}.log",
    threads: 1
    resources:
        gpu=GPUS,
    params:
        spec=spec(
            specs.invert,
            "embedder",
            "search",
            "beam",
            "rounds",
            "texts",
            "perturbation",
            "seed",
        ),
        corrector=lambda wildcards, input: (
            f"--corrector {input.corrector}" if input.corrector else ""
        ),
        folder=lambda wildcards, output: Path(output[0]).parent,
    message:
        "inversion, length {wildcards.length}, {wildcards.reduction}, {wildcards.search}, beam {wildcards.beam}, of {wildcards.target_corpus} {wildcards.target_length}, {wildcards.perturbation}"
    shell:
        "textback --log {log:q} invert-cell --spec {params.spec:q}"
        " --hypothesizer {input.hypothesizer} {params.corrector}"
        " --tokenizer {input.tokenizer} --passages {input.passages}"
        " --embeddings {input.embeddings} --reduction {input.reduction}"
        " --output {params.folder:q}"


rule score:
    input:
        traces=traces_of_part,
        nearest=of_inverter(EMBEDDINGS / "{reduction}" / "nearest.parquet"),
        likelihood=of_inverter(OWNER.folder / "hypothesizer" / "likelihood.parquet"),
        null_likelihood=of_inverter(OWNER.null_model / "null_model" / "likelihood.parquet"),
        reduction=of_inverter(EMBEDDINGS / "{reduction}" / "reduction.safetensors"),
    output:
        SCORES,
    log:
        f"{LOGS}/score/{STUDY.study}/{{part}}/{{corpus}}/{{embedder}}/len{{length}}/{{reduction}}/{{inverter}}/seed{{seed}}.log",
    params:
        spec=spec(
            specs.score,
            "part",
            "corpus",
            "embedder",
            "length",
            "reduction",
            "inverter",
            "seed",
        ),
        traces=lambda wildcards, input: " ".join(f"--trace {quote(path)}" for path in input.traces),
    message:
        "scores, {wildcards.part}, length {wildcards.length}, {wildcards.reduction}, seed {wildcards.seed}"
    shell:
        "textback --log {log} score --spec {params.spec:q} {params.traces}"
        " --nearest {input.nearest} --likelihood {input.likelihood}"
        " --null-likelihood {input.null_likelihood} --reduction {input.reduction}"
        " --output {output}"

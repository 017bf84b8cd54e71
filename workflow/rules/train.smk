TRAIN_PASSAGES = of_inverter(*(PASSAGES / f"{split}.parquet" for split in SPLITS))
TRAIN_EMBEDDINGS = of_inverter(*(EMBEDDINGS / f"{split}.safetensors" for split in SPLITS))


rule null_model:
    input:
        tokenizer=of_inverter(TOKENIZER),
        passages=TRAIN_PASSAGES,
    output:
        inside(
            ANY.null_model / "null_model",
            "model.safetensors",
            "likelihood.parquet",
            "history.csv",
            "costs.json",
        ),
    log:
        f"{LOGS}/null_model/{{corpus}}/len{{length}}/{{inverter}}/seed{{seed}}.log",
    threads: 1
    resources:
        gpu=TRAINING_GPUS,
    params:
        spec=spec(specs.training, "inverter", "=null_model", "seed"),
        passages=lambda wildcards, input: Path(input.passages[0]).parent,
        folder=lambda wildcards, output: Path(output[0]).parent,
        state=lambda wildcards, output: STATE / Path(output[0]).parent,
    message:
        "null model, length {wildcards.length}, {wildcards.inverter}, seed {wildcards.seed}"
    shell:
        "${{TEXTBACK_LAUNCH:-textback}} --log {log} train-null-model --spec {params.spec:q}"
        " --tokenizer {input.tokenizer} --passages {params.passages}"
        " --output {params.folder} --state {params.state}"


rule hypothesizer:
    input:
        tokenizer=of_inverter(TOKENIZER),
        passages=TRAIN_PASSAGES,
        embeddings=TRAIN_EMBEDDINGS,
        reduction=of_inverter(EMBEDDINGS / "{reduction}" / "reduction.safetensors"),
    output:
        inside(
            CELL / "hypothesizer",
            "model.safetensors",
            "likelihood.parquet",
            "history.csv",
            "costs.json",
        ),
    log:
        f"{LOGS}/hypothesizer/{{corpus}}/{{embedder}}/len{{length}}/{{reduction}}/{{inverter}}/seed{{seed}}.log",
    threads: 1
    resources:
        gpu=TRAINING_GPUS,
    params:
        spec=spec(specs.training, "inverter", "=hypothesizer", "seed"),
        passages=lambda wildcards, input: Path(input.passages[0]).parent,
        embeddings=lambda wildcards, input: Path(input.embeddings[0]).parent,
        folder=lambda wildcards, output: Path(output[0]).parent,
        state=lambda wildcards, output: STATE / Path(output[0]).parent,
    message:
        "hypothesizer, length {wildcards.length}, {wildcards.reduction}, seed {wildcards.seed}"
    shell:
        "${{TEXTBACK_LAUNCH:-textback}} --log {log} train-hypothesizer --spec {params.spec:q}"
        " --tokenizer {input.tokenizer} --passages {params.passages}"
        " --embeddings {params.embeddings} --reduction {input.reduction}"
        " --output {params.folder} --state {params.state}"


rule hypotheses:
    input:
        hypothesizer=of_inverter(OWNER.folder / "hypothesizer" / "model.safetensors"),
        tokenizer=of_inverter(TOKENIZER),
        passages=TRAIN_PASSAGES,
        embeddings=TRAIN_EMBEDDINGS,
        reduction=of_inverter(EMBEDDINGS / "{reduction}" / "reduction.safetensors"),
    output:
        inside(
            CELL / "hypotheses",
            "train.safetensors",
            "validation.safetensors",
            "cosines.json",
            "costs.json",
        ),
    log:
        f"{LOGS}/hypotheses/{{corpus}}/{{embedder}}/len{{length}}/{{reduction}}/{{inverter}}/seed{{seed}}.log",
    threads: 1
    resources:
        gpu=GPUS,
    params:
        spec=spec(specs.hypotheses, "inverter", "embedder", "seed"),
        passages=lambda wildcards, input: Path(input.passages[0]).parent,
        embeddings=lambda wildcards, input: Path(input.embeddings[0]).parent,
        folder=lambda wildcards, output: Path(output[0]).parent,
        state=lambda wildcards, output: STATE / Path(output[0]).parent,
    message:
        "hypotheses, length {wildcards.length}, {wildcards.reduction}, seed {wildcards.seed}"
    shell:
        "textback --log {log} hypotheses --spec {params.spec:q}"
        " --hypothesizer {input.hypothesizer} --tokenizer {input.tokenizer}"
        " --passages {params.passages} --embeddings {params.embeddings}"
        " --reduction {input.reduction} --output {params.folder} --state {params.state}"


rule corrector:
    input:
        hypothesizer=of_inverter(OWNER.folder / "hypothesizer" / "model.safetensors"),
        tokenizer=of_inverter(TOKENIZER),
        passages=TRAIN_PASSAGES,
        embeddings=TRAIN_EMBEDDINGS,
        reduction=of_inverter(EMBEDDINGS / "{reduction}" / "reduction.safetensors"),
        hypotheses=inside(CELL / "hypotheses", "train.safetensors", "validation.safetensors"),
    output:
        inside(CELL / "corrector", "model.safetensors", "history.csv", "costs.json"),
    log:
        f"{LOGS}/corrector/{{corpus}}/{{embedder}}/len{{length}}/{{reduction}}/{{inverter}}/seed{{seed}}.log",
    threads: 1
    resources:
        gpu=TRAINING_GPUS,
    params:
        spec=spec(specs.corrector, "inverter", "embedder", "seed"),
        passages=lambda wildcards, input: Path(input.passages[0]).parent,
        embeddings=lambda wildcards, input: Path(input.embeddings[0]).parent,
        hypotheses=lambda wildcards, input: Path(input.hypotheses[0]).parent,
        folder=lambda wildcards, output: Path(output[0]).parent,
        state=lambda wildcards, output: STATE / Path(output[0]).parent,
    message:
        "corrector, length {wildcards.length}, {wildcards.reduction}, seed {wildcards.seed}"
    shell:
        "${{TEXTBACK_LAUNCH:-textback}} --log {log} train-corrector --spec {params.spec:q}"
        " --hypothesizer {input.hypothesizer} --tokenizer {input.tokenizer} --passages {params.passages}"
        " --embeddings {params.embeddings} --reduction {input.reduction}"
        " --hypotheses {params.hypotheses} --output {params.folder} --state {params.state}"

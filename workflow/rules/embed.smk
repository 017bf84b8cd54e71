rule embed:
    input:
        expand(PASSAGES / "{split}.parquet", split=SPLITS, allow_missing=True),
    output:
        expand(EMBEDDINGS / "{split}.safetensors", split=SPLITS, allow_missing=True),
        inside(EMBEDDINGS, "gate.json", "costs.json"),
    log:
        f"{LOGS}/embed/{{corpus}}/{{tokenizer}}/len{{length}}/{{embedder}}.log",
    threads: lambda wildcards: embed_threads(wildcards.embedder)
    resources:
        gpu=GPUS,
    params:
        spec=spec(specs.embed, "embedder", "length"),
        passages=lambda wildcards, input: Path(input[0]).parent,
        folder=lambda wildcards, output: Path(output[0]).parent,
        state=lambda wildcards, output: STATE / Path(output[0]).parent,
    message:
        "embeddings of length {wildcards.length}, {wildcards.embedder}"
    shell:
        "textback --log {log} embed --spec {params.spec:q} --passages {params.passages}"
        " --output {params.folder} --state {params.state}"


rule embed_target:
    input:
        TARGETS / "test.parquet",
    output:
        inside(TARGETS / "{embedder}", "test.safetensors", "gate.json", "costs.json"),
    log:
        f"{LOGS}/embed_target/{{corpus}}/{{tokenizer}}/{{target_corpus}}-len{{target_length}}/{{embedder}}.log",
    threads: lambda wildcards: embed_threads(wildcards.embedder)
    resources:
        gpu=GPUS,
    params:
        spec=spec(specs.embed, "embedder", "target_length"),
        passages=lambda wildcards, input: Path(input[0]).parent,
        folder=lambda wildcards, output: Path(output[0]).parent,
        state=lambda wildcards, output: STATE / Path(output[0]).parent,
    message:
        "embeddings of length {wildcards.target_length} of {wildcards.target_corpus}, {wildcards.embedder}"
    shell:
        "textback --log {log} embed --spec {params.spec:q} --passages {params.passages}"
        " --output {params.folder} --state {params.state}"


rule reduction:
    input:
        EMBEDDINGS / "train.safetensors",
    output:
        EMBEDDINGS / "{reduction}" / "reduction.safetensors",
    log:
        f"{LOGS}/reduction/{{corpus}}/{{tokenizer}}/len{{length}}/{{embedder}}/{{reduction}}.log",
    params:
        spec=spec(specs.reduction, "embedder", "reduction"),
        embeddings=lambda wildcards, input: Path(input[0]).parent,
    message:
        "reduction {wildcards.reduction}, length {wildcards.length}"
    shell:
        "textback --log {log} reduce --spec {params.spec:q} --embeddings {params.embeddings}"
        " --output {output}"


rule nearest:
    input:
        passages=expand(PASSAGES / "{split}.parquet", split=["train", "test"], allow_missing=True),
        embeddings=expand(
            EMBEDDINGS / "{split}.safetensors",
            split=["train", "test"],
            allow_missing=True,
        ),
        reduction=EMBEDDINGS / "{reduction}" / "reduction.safetensors",
    output:
        EMBEDDINGS / "{reduction}" / "nearest.parquet",
    log:
        f"{LOGS}/nearest/{{corpus}}/{{tokenizer}}/len{{length}}/{{embedder}}/{{reduction}}.log",
    params:
        recipe=specs.NEAREST_RECIPE,
        passages=lambda wildcards, input: Path(input.passages[0]).parent,
        embeddings=lambda wildcards, input: Path(input.embeddings[0]).parent,
    message:
        "nearest training passages, length {wildcards.length}, {wildcards.reduction}"
    shell:
        "textback --log {log} nearest --passages {params.passages}"
        " --embeddings {params.embeddings} --reduction {input.reduction} --output {output}"

rule embed_retrieval:
    input:
        retrieval_files,
    output:
        inside(RETRIEVAL.folder, "documents.safetensors", "queries.safetensors"),
        inside(RETRIEVAL.folder, "texts.json", "gate.json", "costs.json"),
    log:
        f"{LOGS}/embed_retrieval/{{retrieval_set}}/{{embedder}}.log",
    threads: 1
    resources:
        gpu=GPUS,
    params:
        spec=spec(specs.embed_retrieval, "retrieval_set", "embedder"),
        set=lambda wildcards, input: Path(input[0]).parent,
        folder=lambda wildcards, output: Path(output[0]).parent,
        state=lambda wildcards, output: STATE / Path(output[0]).parent,
    message:
        "embeddings of {wildcards.retrieval_set}, {wildcards.embedder}"
    shell:
        "textback --log {log} embed-retrieval --spec {params.spec:q} --folder {params.set:q}"
        " --output {params.folder} --state {params.state}"


rule score_retrieval:
    input:
        files=retrieval_files,
        embeddings=inside(RETRIEVAL.folder, "documents.safetensors", "queries.safetensors"),
    output:
        RETRIEVAL.scores,
    log:
        f"{LOGS}/score_retrieval/{{retrieval_set}}/{{embedder}}/{{reduction}}/{{perturbation}}.log",
    threads: 1
    resources:
        gpu=GPUS,
    params:
        spec=spec(specs.score_retrieval, "retrieval_set", "embedder", "reduction", "perturbation"),
        set=lambda wildcards, input: Path(input.files[0]).parent,
        embeddings=lambda wildcards, input: Path(input.embeddings[0]).parent,
    message:
        "retrieval, {wildcards.retrieval_set}, {wildcards.embedder}, {wildcards.reduction}, {wildcards.perturbation}"
    shell:
        "textback --log {log} score-retrieval --spec {params.spec:q} --folder {params.set:q}"
        " --embeddings {params.embeddings} --output {output:q}"


rule retrieval_table:
    input:
        [point.scores for point in cells.retrievals(STUDY)],
    output:
        report(
            RETRIEVAL_TABLE,
            caption="../report/retrieval.rst",
            category="7 Tables",
            labels={"table": "retrieval"},
        ),
    log:
        f"{LOGS}/retrieval_table/{STUDY.study}.log",
    localrule: True
    params:
        spec=canonical(specs.retrieval_table(STUDY)),
    message:
        "table of retrieval"
    shell:
        "textback --log {log} retrieval-table --spec {params.spec:q} --output {output}"

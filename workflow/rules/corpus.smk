rule corpus:
    input:
        corpus_files,
    output:
        DOCUMENTS,
    log:
        f"{LOGS}/corpus/{{corpus}}.log",
    localrule: True
    params:
        spec=spec(specs.corpus, "corpus"),
    message:
        "corpus {wildcards.corpus}"
    shell:
        "textback --log {log} corpus --spec {params.spec:q} --output {output}"


rule words:
    input:
        sources=corpus_files,
        names=names_list,
        documents=DOCUMENTS,
    output:
        WORDS,
    log:
        f"{LOGS}/words/{{corpus}}.log",
    localrule: True
    params:
        spec=spec(specs.words, "corpus"),
    message:
        "words of {wildcards.corpus}"
    shell:
        "textback --log {log} words --spec {params.spec:q} --documents {input.documents}"
        " --output {output}"


rule tokenizer:
    input:
        documents=DOCUMENTS,
    output:
        TOKENIZER,
    log:
        f"{LOGS}/tokenizer/{{corpus}}/{{tokenizer}}.log",
    localrule: True
    params:
        spec=spec(specs.tokenizer, "tokenizer"),
    message:
        "tokenizer {wildcards.tokenizer}"
    shell:
        "textback --log {log} tokenizer --spec {params.spec:q}"
        " --documents {input.documents} --output {output}"


rule target_passages:
    input:
        documents=cells.documents_file("{target_corpus}"),
        tokenizer=TOKENIZER,
    output:
        TARGETS / "test.parquet",
    log:
        f"{LOGS}/target_passages/{{corpus}}/{{tokenizer}}/{{target_corpus}}-len{{target_length}}.log",
    params:
        spec=spec(specs.target_passages, "target_corpus", "target_length"),
        folder=lambda wildcards, output: Path(output[0]).parent,
    message:
        "passages of length {wildcards.target_length} of {wildcards.target_corpus}"
    shell:
        "textback --log {log} passages --spec {params.spec:q} --documents {input.documents}"
        " --tokenizer {input.tokenizer} --output {params.folder}"


rule passages:
    input:
        documents=DOCUMENTS,
        tokenizer=TOKENIZER,
    output:
        expand(PASSAGES / "{split}.parquet", split=SPLITS, allow_missing=True),
    log:
        f"{LOGS}/passages/{{corpus}}/{{tokenizer}}/len{{length}}.log",
    params:
        spec=spec(specs.passages, "corpus", "length"),
        folder=lambda wildcards, output: Path(output[0]).parent,
    message:
        "passages of length {wildcards.length}"
    shell:
        "textback --log {log} passages --spec {params.spec:q} --documents {input.documents}"
        " --tokenizer {input.tokenizer} --output {params.folder}"

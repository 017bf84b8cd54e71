ALL_SCORES = [
    score_path(STUDY.study, name, cell)
    for name, part in PARTS.items()
    for cell in cells.cells_of(part)
]
ALL_TRACES = list(
    dict.fromkeys(
        trace_path(STUDY.study, name, inversion)
        for name, part in PARTS.items()
        for cell in cells.cells_of(part)
        for inversion in cells.inversions_of(part, cell)
    )
)
GATHERED = specs.table(STUDY)
KNOWN = Known(GATHERED["tokenizers"], GATHERED["owners"], GATHERED["native"])
ALL_COSTS = [place(STUDY.study, path) for path in cost_files(PARTS, KNOWN)]
ALL_HISTORIES = [place(STUDY.study, path) for path in history_files(PARTS, KNOWN)]
PACKAGE = Path(textback.__file__).parent
CATEGORIES = {
    "by_round": "2 Rounds of correction",
    "by_length": "3 Length and dimension",
    "by_dimension": "3 Length and dimension",
    "heat_maps": "3 Length and dimension",
    "recovered_bits": "3 Length and dimension",
    "horizon": "3 Length and dimension",
    "collapse": "3 Length and dimension",
    "nll_by_compute": "3 Length and dimension",
    "attacker_limit": "3 Length and dimension",
    "reductions": "3 Length and dimension",
    "law": "3 Length and dimension",
    "entity_recall": "4 Names, numbers and rare words",
    "errors_by_frequency": "4 Names, numbers and rare words",
    "leakage_by_embedder": "5 Embedders",
    "leakage_retrieval": "5 Embedders",
    **dict.fromkeys(
        ("published_results", "rounds_by_inverter", "starts", "beam_grid"),
        "2 Rounds of correction",
    ),
    **dict.fromkeys(("out_of_domain", "length_mismatch"), "3 Length and dimension"),
    **dict.fromkeys(("noise_levels", "leakage_perturbation"), "5 Embedders"),
    "first_cosine": "6 Single texts",
    "cosine_bleu": "6 Single texts",
    "worked_example": "6 Single texts",
}


rule table:
    input:
        scores=ALL_SCORES,
        # Imported scores come without.
        resamples=[resamples_path(path) for path in ALL_SCORES if not imported(path)],
        traces=ALL_TRACES,
    output:
        report(
            FOLDER / "table.csv",
            caption="../report/table.rst",
            category="7 Tables",
            labels={"table": "every measurement"},
        ),
        report(
            FOLDER / "pooled.csv",
            caption="../report/pooled.rst",
            category="7 Tables",
            labels={"table": "all seeds together"},
        ),
        report(
            FOLDER / "comparisons.csv",
            caption="../report/comparisons.rst",
            category="7 Tables",
            labels={"table": "paired comparisons"},
        ),
        FOLDER / "texts.parquet",
    log:
        f"{LOGS}/table/{STUDY.study}.log",
    localrule: True
    params:
        folder=FOLDER,
        spec=canonical(GATHERED),
    message:
        "table"
    shell:
        "textback --log {log} table --spec {params.spec:q} --output {params.folder}"


rule word_errors:
    input:
        ALL_SCORES,
    output:
        FOLDER / "word_errors.csv",
    log:
        f"{LOGS}/word_errors/{STUDY.study}.log",
    localrule: True
    params:
        spec=canonical(GATHERED),
    message:
        "errors by word frequency"
    shell:
        "textback --log {log} word-errors --spec {params.spec:q} --output {output}"


rule costs:
    input:
        ALL_COSTS,
    output:
        FOLDER / "costs.csv",
    log:
        f"{LOGS}/costs/{STUDY.study}.log",
    localrule: True
    params:
        spec=canonical(GATHERED),
    message:
        "costs"
    shell:
        "textback --log {log} costs --spec {params.spec:q} --output {output}"


rule histories:
    input:
        ALL_HISTORIES,
    output:
        FOLDER / "histories.csv",
    log:
        f"{LOGS}/histories/{STUDY.study}.log",
    localrule: True
    params:
        spec=canonical(GATHERED),
    message:
        "histories of the trainings"
    shell:
        "textback --log {log} histories --spec {params.spec:q} --output {output}"


rule fits:
    input:
        table=FOLDER / "table.csv",
        costs=rules.costs.output,
    output:
        report(
            FOLDER / "fits.json",
            caption="../report/fits.rst",
            category="7 Tables",
            labels={"table": "the fitted law"},
        ),
    log:
        f"{LOGS}/fits/{STUDY.study}.log",
    localrule: True
    threads: 1
    params:
        recipe=specs.FIT_RECIPE,
        folder=FOLDER,
    message:
        "law"
    shell:
        "textback --log {log} fit --study {params.folder}"


rule figure:
    input:
        tables=rules.table.output,
        beside=drawn_beside,
        module=PACKAGE / "figures" / "{figure}.py",
        shared=inside(
            PACKAGE / "figures",
            "style.py",
            "select.py",
            "embedders.py",
            "measures.py",
            "settings.py",
            "overlay.py",
            "heat_maps.py",  # attacker_limit marks gaps as it does
            "noise_levels.py",  # leakage_perturbation takes its means over sets
        ),
    output:
        report(
            FOLDER / "figures" / "{figure}.svg",
            caption="../report/figure.rst",
            category=lambda wildcards: CATEGORIES[wildcards.figure],
            labels=lambda wildcards: {"figure": wildcards.figure.replace("_", " ")},
        ),
        FOLDER / "figures" / "{figure}.pdf",
    log:
        f"{LOGS}/figure/{STUDY.study}/{{figure}}.log",
    localrule: True
    params:
        folder=FOLDER,
    message:
        "figure {wildcards.figure}"
    shell:
        "textback --log {log} figure {wildcards.figure} --study {params.folder}"


rule example:
    input:
        tables=rules.table.output,
        module=PACKAGE / "figures" / "worked_example.py",
    output:
        FOLDER / "figures" / "worked_example.txt",
    log:
        f"{LOGS}/example/{STUDY.study}.log",
    localrule: True
    params:
        folder=FOLDER,
    message:
        "worked example as text"
    shell:
        "textback --log {log} example --study {params.folder}"


rule pages:
    input:
        tables=rules.table.output,
        costs=rules.costs.output,
        figures=expand(FOLDER / "figures" / "{figure}.svg", figure=STUDY.figures),
        config=inside(FOLDER, "config.json", "command.txt"),
        modules=sorted((PACKAGE / "pages").glob("*.py")),
    output:
        report(
            FOLDER / "overview.html",
            caption="../report/overview.rst",
            category="1 Overview",
            labels={"page": "what was found"},
        ),
        report(
            FOLDER / "costs.html",
            caption="../report/costs.rst",
            category="8 Costs",
            labels={"page": "what it cost"},
        ),
    log:
        f"{LOGS}/pages/{STUDY.study}.log",
    localrule: True
    params:
        folder=FOLDER,
    message:
        "pages"
    shell:
        "textback --log {log} pages --study {params.folder}"


rule study_config:
    output:
        config=FOLDER / "config.json",
        command=FOLDER / "command.txt",
    log:
        f"{LOGS}/study_config/{STUDY.study}.log",
    localrule: True
    params:
        config=json.dumps(STUDY.model_dump()),  # in its own order, which that of parts follows
    message:
        "the study's configuration"
    shell:
        # How Snakemake was called is no parameter: the same study, called otherwise, is no other one.
        "(printf '%s\\n' {params.config:q} > {output.config};"
        " printf '%s\\n' \"$TEXTBACK_COMMAND\" > {output.command}) 2> {log}"


rule report_contents:
    input:
        figures=expand(FOLDER / "figures" / "{figure}.svg", figure=STUDY.figures),
        pages=rules.pages.output,
        published=PUBLISHED,
        table=rules.table.output,
        retrieval=RETRIEVAL_TABLE if used(STUDY, "use_retrieval_sets") else [],
        example=rules.example.output if "worked_example" in STUDY.figures else [],


rule report:
    input:
        rules.report_contents.input,
        config=rules.study_config.output.config,
        captions=sorted(Path(workflow.basedir, "workflow", "report").glob("*.rst")),
    output:
        FOLDER / "report.html",
    log:
        f"{LOGS}/report/{STUDY.study}.log",
    localrule: True
    params:
        snakefile=workflow.main_snakefile,
    message:
        "report"
    shell:
        # Snakemake draws its report of the finished part of this workflow.
        "snakemake --snakefile {params.snakefile:q} --configfile {input.config}"
        " --workflow-profile none --nolock --cores 1 --report {output} report_contents"
        " > {log} 2>&1"

RERUNS = any(part.published for part in PARTS.values())
PUBLISHED = inside(FOLDER, "published.csv", "published.html") if RERUNS else []


rule published:
    input:
        tables=inside(FOLDER, "table.csv", "pooled.csv", "costs.csv"),
        retrieval=RETRIEVAL_TABLE if used(STUDY, "use_retrieval_sets") else [],
        values=VALUES,
    output:
        FOLDER / "published.csv",
        report(
            FOLDER / "published.html",
            caption="../report/published.rst",
            category="1 Overview",
            labels={"page": "paper against ours"},
        ),
    log:
        f"{LOGS}/published/{STUDY.study}.log",
    localrule: True
    params:
        spec=canonical(specs.published(STUDY)),
        folder=FOLDER,
    message:
        "published values"
    shell:
        "textback --log {log} published --spec {params.spec:q} --study {params.folder}"

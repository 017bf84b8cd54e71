from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/corpus.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/invert.smk"
include: "workflow/rules/retrieval.smk"
include: "workflow/rules/published.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.report.output,


onstart:
    take_workflow_lock()
    check_device()
    check_at_hand()
    warn()
    say_prices()
    start_fork_server()


onsuccess:
    say_what_to_open()


onerror:
    say_what_failed(log)

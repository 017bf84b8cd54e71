"""What has been published, beside what a study of ours measured.

    textback published --study results/studies/paper-mini --spec '…'

values  the published numbers, in our units and under our metrics' names
pairs   each published number beside the rows of ours that rerun it, with a verdict
page    the same as a page of the report
"""

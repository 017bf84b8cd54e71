"""Results that change machines: `textback export` packs finished cells, `import` takes them.

An archive holds what a study's tables and figures are made of, and no weights: scores, histories,
costs, and a sample of the traces, with a manifest that says how each was made. See
docs/air-gapped.md.
"""

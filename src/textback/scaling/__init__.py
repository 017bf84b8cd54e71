"""The law: how the unrecovered fraction u depends on text length, dimension and compute.

    textback fit --study results/studies/length-dimension

`points` reads a study's tables; `forms` has the rivals, `fitting` the fit of one, `sample` the
bootstrap, `law` the test on held-out cells and the verdict; `needed` knows, before anything is
trained, whether a grid has cells enough. docs/law.md is the reader's page. What `fits.json` holds:

huber, starts, resamples      how it was fitted: see `fitting.HUBER`, `fitting.STARTS`, `sample`
reference                     d₀ and C₀: `dimension`, and `compute` in FLOPs
cells                         how many were `fitted` and `held_out`
held_out                      the value of each axis (`length`, `dim`, `inverter`) that was held out
left_out                      parameters that the grid cannot tell, fixed at 0, and why
forms                         by name:
    formula                   r(x), see `forms`
    parameters                by name: `value`, 95% interval `low` … `high`, `unit`, `meaning`
    error_fitted              mean absolute error of log u on the fitted cells
    error_held_out            on the held-out cells: `value`, `low`, `high`
    worse_by                  of all but the best: by how much, paired: `value`, `low`, `high`
    rejected                  of all but the best: whether that interval is above 0
noise                         the held-out error that a true form would have
best, verdict                 the form of least held-out error; the comparison in words
points                        a row a cell and seed: `textback.scaling.points`, and what every form
                              predicted
"""

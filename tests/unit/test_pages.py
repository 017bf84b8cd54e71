"""The report's first page and its costs: what they say is what the tables have."""

import json
import re

import pandas as pd
import pytest
from study_tables import (
    GAIN,
    LENGTHS,
    SIZES,
    cells,
    compared,
    measured,
    recovered,
    write_measured,
    write_study,
)

from textback.config import FIGURES
from textback.pages import costs_page, overview_page
from textback.pages.figures import CAPTIONS, inline
from textback.pages.findings import findings
from textback.pages.overview import MOST
from textback.pages.reached import CORRECTED, NEAREST, ONE_PASS, SHUFFLED, of_stage, reached
from textback.schema import read_measured

SVG = (
    '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg width="10"><metadata>made today</metadata>'
    '<defs><path id="a" d="M0 0"/></defs><use xlink:href="#a"/><g clip-path="url(#a)"/></svg>'
)


def said(found):
    return findings(reached(measured(found)), compared(found))


def share(length, dim, embedder="minilm"):
    return recovered({"length": length, "dim": dim, "embedder": embedder})


def test_every_stage_of_a_cell_is_found():
    rows = reached(measured(cells()))
    for stage, wanted in (
        (ONE_PASS, share(4, 64)),
        (CORRECTED, share(4, 64) + GAIN),
        (SHUFFLED, (share(4, 64) + GAIN) / 100),
        (NEAREST, 0.0),
    ):
        found = of_stage(rows, stage, "exact_match").query("length == 4 and dim == 64")
        assert found["value"].tolist() == pytest.approx([wanted]), stage


def test_other_targets_and_perturbed_embeddings_stand_in_no_sentence():
    table = measured(cells())
    other = table.assign(target_length=99, value=0.99)
    noisy = table.assign(perturbation="int8", value=0.99)
    mixed = reached(pd.concat([other, table, noisy]))
    pd.testing.assert_frame_equal(mixed, reached(table))


def test_the_most_and_the_least_recovered_cells_are_named_with_their_numbers():
    most, least = said(cells())[:2]
    top, bottom = 100 * (share(4, 384) + GAIN), 100 * (share(16, 16) + GAIN)
    assert most.startswith(
        f"Most is recovered at 4 tokens, 384 dimensions (native): exact match {top:.1f}% "
        f"[{0.9 * top:.1f}, {1.1 * top:.1f}], BLEU {top:.1f}"
    )
    assert most.endswith("after 10 rounds with beam 4.")
    assert f"at 16 tokens, 16 dimensions (pca): exact match {bottom:.1f}%" in least


def test_what_correction_adds_has_its_interval_and_how_often_it_is_sure():
    (line,) = [line for line in said(cells()) if line.startswith("Correction adds")]
    assert line.startswith("Correction adds +10.0 points of exact match on average: from +10.0 [")
    assert line.endswith("in 9 of 9 cells more than chance explains.")
    one = cells(lengths=(4,), sizes=SIZES[:1])
    (line,) = [line for line in said(one) if line.startswith("Correction adds")]
    assert line == (
        "Correction adds +10.0 [+9.0, +11.0] points of exact match: more than chance explains."
    )


def test_length_and_dimension_are_compared_between_cells_alike_in_all_else():
    lines = said(cells())
    mean = {
        length: 100 * sum(share(length, dim) + GAIN for _, dim in SIZES) / 3 for length in (4, 16)
    }
    assert (
        f"From 4 to 16 tokens, exact match falls from {mean[4]:.1f}% to {mean[16]:.1f}% on "
        "average: in 3 of 3 pairs alike in all else."
    ) in lines
    assert any(line.startswith("From 16 to 384 dimensions, exact match rises") for line in lines)


def test_a_cell_that_is_missing_at_one_end_is_in_no_pair():
    whole = [c for c in cells() if (c["length"], c["dim"]) != (16, 384)]
    assert any("in 2 of 2 pairs alike" in line for line in said(whole) if "tokens, exact" in line)


def test_embedders_are_ranked_where_there_are_several():
    assert not any("embedders" in line for line in said(cells()))
    (line,) = [line for line in said(cells(embedders=("minilm", "other"))) if "embedders" in line]
    assert re.match(r"Of the embedders, most to least recovered: other \d+\.\d%, minilm", line)
    assert line.endswith("(exact match, mean of 9 cells each).")


def test_bleu_speaks_where_hardly_a_text_is_recovered_exactly():
    table = measured(cells())
    exact = table["metric"] == "exact_match"
    table.loc[exact, ["value", "low", "high"]] *= 0.01
    lines = findings(reached(table), compared(cells()))
    assert any(line.startswith("From 4 to 16 tokens, BLEU falls") for line in lines)


def test_a_search_without_correction_stands_beside_the_corrected_ones():
    table = measured(cells())
    sampled = table[(table["round"] == 0) & (table["search"] != "")]
    sampled = sampled.assign(search="elitist-from-nucleus", part="nucleus", value=0.01)
    lines = findings(reached(pd.concat([table, sampled])), compared(cells()))
    (line,) = [line for line in lines if "searches" in line]
    assert re.search(r"elitist \d+\.\d%, elitist-from-nucleus 1\.0% \(exact match", line)
    assert lines[1].endswith("in one pass.")


def test_a_study_of_bits_alone_has_a_page(tmp_path):
    write_study(tmp_path, cells())
    table = pd.read_csv(tmp_path / "table.csv", keep_default_na=False)
    bits = table["metric"].str.contains("bits|unrecovered")
    write_measured(tmp_path, table[bits])
    page = overview_page(tmp_path)
    assert "<li>One pass recovers between" in page and page.count("<li>") == 1
    assert page.count("<tr>") == 1 + len(cells())


@pytest.fixture
def study(tmp_path):
    """A study's folder with tables and pictures of three figures."""
    write_study(tmp_path, cells())
    (tmp_path / "figures").mkdir()
    for name in ("by_length", "by_round", "recovered_bits", "cosine_bleu"):
        (tmp_path / "figures" / f"{name}.svg").write_text(SVG)
    return tmp_path


@pytest.mark.parametrize(
    ("sizes", "words"), [((("native", 384),), "len16 native"), ((("pca", 16),), "len16 pca16")]
)
def test_the_page_says_how_to_see_the_texts_of_a_cell_that_the_study_has(tmp_path, sizes, words):
    write_study(tmp_path, cells(lengths=(16,), sizes=sizes))
    name = read_measured(tmp_path / "table.csv")["study"].iloc[0]
    expected = f"<code>textback show {words} --study results/studies/{name}</code>"
    assert expected in overview_page(tmp_path)


def test_the_page_has_three_figures_in_it(study):
    page = overview_page(study)
    assert page.count("<svg") == 3 and page.count("Figure 3:") == 1
    assert "xml version" not in page and "made today" not in page and "<img" not in page


def test_figures_that_the_study_no_longer_draws_are_left_out(study):
    (study / "config.json").write_text(json.dumps({"figures": ["by_round"]}))
    assert overview_page(study).count("<svg") == 1


def test_every_figure_has_words_for_the_first_page():
    assert set(CAPTIONS) == set(FIGURES)


def test_cells_are_counted_once_whatever_searches_invert_them(study):
    table = measured(cells())
    other = table[table["search"] != ""].assign(search="elitist-from-the", part="the")
    write_measured(study, pd.concat([table, other]))
    assert f"{len(cells())} cells, inverted by 2 searches; " in overview_page(study)


def test_ids_of_two_figures_do_not_meet(study):
    found = inline(study / "figures" / "by_round.svg", 1)
    assert 'id="by_round-a"' in found and 'href="#by_round-a"' in found
    assert "url(#by_round-a)" in found


def test_exact_match_is_in_percent(study):
    page = overview_page(study)
    value = share(4, 384) + GAIN
    assert f"<td>{100 * value:.1f}%<br>" in page
    assert f">{value:.3f}<br><span>[{0.9 * value:.3f}" in page  # of the cosine, which is equal


def test_a_page_of_hundreds_of_cells_lists_the_ends(tmp_path):
    many = cells(lengths=range(2, 100))
    page = overview_page(write_study(tmp_path, many))
    assert page.count("<tr>") == 1 + MOST < len(many)
    assert f"The {MOST // 2} of {len(many)} cells of most exact match" in page
    assert len(page) < 100_000


def test_seeds_are_one_line_a_cell(tmp_path):
    page = overview_page(write_study(tmp_path, cells(seeds=(0, 1, 2))))
    assert page.count("<tr>") == 1 + len(LENGTHS) * len(SIZES)
    assert "3 seeds, whose mean is given" in page


def test_a_fitted_law_stands_on_the_page_with_intervals_and_verdict(study):
    number = {"value": 0.5, "low": 0.4, "high": 0.6}
    form = {
        "formula": "r = 1/(1 + x)",
        "parameters": {"floor": number | {"unit": "", "meaning": "what stays"}},
        "error_held_out": number,
    }
    worse = form | {"worse_by": number, "rejected": True}
    fits = {"forms": {"power": form, "logistic": worse}, "best": "power", "left_out": {}}
    (study / "fits.json").write_text(json.dumps(fits | {"verdict": "power predicts best."}))
    page = overview_page(study)
    assert "<p>Power predicts best.</p>" in page
    assert "<td class=name>floor</td><td>0.5 <span>[0.4, 0.6]</span></td>" in page
    assert "0.5 <span>[0.4, 0.6]</span>, beyond chance" in page


def test_a_page_of_partial_tables_says_how_many_cells_are_missing(study):
    missing = pd.DataFrame(cells(lengths=(32,)))
    missing.to_csv(study / "missing.csv", index=False)
    assert "Unfinished: no scores yet of 3 cells" in overview_page(study)


def test_costs_have_seeds_versions_and_the_command(study):
    (study / "command.txt").write_text("snakemake --configfile mine.yaml --config 'lengths=[4]'\n")
    page = costs_page(study)
    assert "Seeds of training: 0." in page and "torch=2.11" in page
    assert "<pre>snakemake --configfile mine.yaml --config &#x27;lengths=[4]&#x27;</pre>" in page

"""Which results are of another configuration than the study at hand: they count as missing.

Snakemake makes them anew. Whether one is older than what it was made from, which a step that was
run once more leaves behind, only `snakemake -n` tells.
"""

from collections.abc import Iterable
from pathlib import Path

from textback.config import Study, canonical
from textback.products import Product, products_of_study
from textback.records import recorded_spec
from textback.sharing.unpacking import check_imported


def outdated(study: Study) -> set[Path]:
    """The files of a study's products that are of another configuration.

    Raises TextbackError, as a run does, where the study changed since an archive was imported.
    """
    check_imported(study)
    return outdated_of(products_of_study(study))


def outdated_of(products: Iterable[Product]) -> set[Path]:
    """The files of those products whose recorded spec is another one, or which rest on such a one.

    products: each after those that it is made from
    """
    found: set[Path] = set()
    for product in {product.made: product for product in products}.values():
        if not found.isdisjoint(product.sources) or _has_another_spec(product):
            found |= {product.made, *product.files}
    return found


def _has_another_spec(product: Product) -> bool:
    spec = recorded_spec(product.made) if product.made.exists() else None
    return spec is not None and canonical(spec) != canonical(product.spec)

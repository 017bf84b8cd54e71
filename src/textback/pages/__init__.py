"""HTML pages for the report: what the study found, and what it cost.

`reached` picks from the table what every cell reached, `findings` says it in sentences, `figures`
chooses three of the study's figures, `law` shows the fitted law; `overview` and `costs` are the
pages.
"""

from textback.pages.costs import costs_page
from textback.pages.overview import overview_page

__all__ = ["costs_page", "overview_page"]

"""Rounds of correction: guess, embed the guess, compare, correct, and go on from the best.

After Morris et al. 2023, section 3.2. Two searches:

    elitist  ours: the best hypothesis ever seen is kept, so the cosine never falls, but by 1e-5
             where a recovered text takes the place of one with half a character. Each round
             corrects and edits the best two not corrected yet, whichever round they come from,
             and tries the `beam`² most promising tokens not tried yet, written and edited ones by
             turns: the likeliest, and the nearest as a surrogate of the embedder expects it, given
             what was embedded before. The most promising are edited before they are embedded, so
             that a round goes two changes far. What is tried is embedded; where there is a screen,
             in full precision only what it sees as the nearest. A text stops when it is recovered
             or has not gained for `patience` rounds; the others fill the batches
    paper    the paper's: each round goes on from the `beam` best distinct ones of the round before,
             whether they are better or not, and embeds every text again, to the last round
"""

from textback.inverter.search.attack import Attack
from textback.inverter.search.comparison import Embed
from textback.inverter.search.rounds import invert
from textback.inverter.search.states import Effort, Hypothesis, Round

__all__ = ["Attack", "Effort", "Embed", "Hypothesis", "Round", "invert"]

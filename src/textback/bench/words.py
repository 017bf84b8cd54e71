"""Texts to embed whose number of tokens is known: of common words, one token each."""

import random

_COMMON = (
    "time year people way day man thing woman life child world school state family student group "
    "country problem hand part place case week company system program question work government "
    "number night point home water room mother area money story fact month lot right study book "
    "eye job word business issue side kind head house service friend father power hour game line "
    "end member law car city community name president team minute idea body information back "
    "parent face others level office door health person art war history party result change "
    "morning reason research girl guy moment air teacher force education"
)
WORDS = _COMMON.split()


def random_texts(number: int, length: int, seed: int = 0) -> list[str]:
    """So many texts of `length` words each."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=length)) for _ in range(number)]

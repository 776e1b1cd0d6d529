"""Does a voice say ever the same? distinct-2 and self-BLEU.

Both depend on how many texts there are, so they are only compared between samples of the same size.
"""

from collections.abc import Sequence
from itertools import pairwise

from data.likeness import normalise

BLEU_TEXTS = 100  # of a sample; each is held against all others, so the work grows with the square


def distinct_2(texts: Sequence[str]) -> float:
    """Different pairs of neighbouring words per pair, 0 to 1 (Li et al. 2016); 0 where there is no pair."""
    pairs = [pair for text in texts for pair in pairwise(normalise(text).split())]
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def self_bleu(texts: Sequence[str]) -> float:
    """Mean BLEU-4 of each text against all others, 0 to 100 (Zhu et al. 2018): the higher, the more alike.

    Of the first `BLEU_TEXTS` that hold anything; 0 for fewer than two.
    """
    from sacrebleu.metrics import BLEU  # takes a moment to import, and only evaluations need it

    sample = [text for text in texts if text.strip()][:BLEU_TEXTS]
    if len(sample) < 2:
        return 0.0
    bleu = BLEU(effective_order=True)
    scores = [
        bleu.sentence_score(text, sample[:place] + sample[place + 1 :]).score for place, text in enumerate(sample)
    ]
    return float(sum(scores) / len(scores))

"""What is kept of a voice's measured quality: the keys in its record, and what a card calls them."""

from collections.abc import Mapping

QUALITY: Mapping[str, tuple[str, str]] = {
    "bits_per_byte": ("Held-out bits per byte", "{:.3f}"),
    "bits_per_byte.base": ("Held-out bits per byte of the untuned base", "{:.3f}"),
    "bits_per_byte.markov": ("Held-out bits per byte of a Markov chain of the same posts", "{:.3f}"),
    "attribution": ("Its posts that a classifier takes for the person's", "{:.0%}"),
    "attribution.ceiling": ("Real posts that the classifier gives to the right person", "{:.0%}"),
    "attribution.people": ("People among whom the classifier chose", "{:.0f}"),
    "copy_rate.raw": ("Posts with eight words in a row of one it learned from, before the gates", "{:.1%}"),
    "copy_rate.gated": ("The same, after them", "{:.1%}"),
    "rejected": ("Posts that the gates let fall", "{:.0%}"),
    "relevance.times_chance": ("Answers that fit what was asked best among ten, times chance", "{:.1f}"),
    "relevance.own_times_chance": ("The same without the opening that is taken from the question", "{:.1f}"),
    "distinct_2": ("distinct-2 of its posts", "{:.3f}"),
    "distinct_2.own": ("distinct-2 of as many real ones", "{:.3f}"),
    "self_bleu": ("self-BLEU of its posts", "{:.1f}"),
    "self_bleu.own": ("self-BLEU of as many real ones", "{:.1f}"),
    "new_words": ("Its words that stand in none of the posts it learned from", "{:.1%}"),
    "new_words.own": ("The same of real posts held out", "{:.1%}"),
    "manner.distance": ("Distance from the person's manner in length and punctuation, 0 to 1", "{:.3f}"),
    "manner.distance.own": ("The same of real posts held out", "{:.3f}"),
    "candidates": ("Posts that were drawn for this", "{:.0f}"),
}
"""Words and format by key. A record may lack any of them, and its numbers are those of the last evaluation."""


def quality_rows(quality: Mapping[str, float]) -> list[tuple[str, str]]:
    """What a card shows, in the order of QUALITY; keys that it does not know are left out."""
    return [(words, form.format(quality[key])) for key, (words, form) in QUALITY.items() if key in quality]

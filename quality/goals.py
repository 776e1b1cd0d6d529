"""The goals of voice quality, and whether what was found over the seeds meets them."""

from dataclasses import dataclass
from typing import Any

from bench.figures import Goal, Spread

GOALS = (
    Goal("attribution.share_of_ceiling", "generated posts given to the right person, share of the ceiling's", 0.8),
    Goal("copy_rate.raw", "candidates with eight words in a row of a post, before the gates", 0.02, False),
    Goal("copy_rate.gated", "the same after the gates", 0.0, False),
    Goal("bits_per_byte.gain_over_reference", "held-out bits per byte below the reference recipe's by", 0.05),
    Goal("bits_per_byte.gain_over_markov", "held-out bits per byte below the best Markov chain's by", 0.25),
    Goal("relevance.times_chance", "answers that fit their prompt best among ten, times chance", 2.0),
    # The product begins answers with a word of what was asked, which any measure of shared words rewards.
    Goal("relevance.own_times_chance", "the same without the opening that was taken from the prompt"),
    Goal("cut_in_a_word", "texts cut in the middle of a word, after the gates", 0.0, False),
    Goal(
        "cyborg.furthest_share", "share of a cyborg's posts that are whose, furthest from equal shares", 0.1, False
    ),
    # The classifier gives nobody their equal share of real posts either.
    Goal("cyborg.furthest_from_real", "the same, from the shares of as many real posts of each", None, False),
    Goal("base.bits_per_byte", "the untuned base on the same held-out posts", None, False),
    # 15% below the 2.03 of a first trial of that size.
    Goal("base.pretraining_bits_per_byte", "the base on posts held out when it was made", 1.7255, False),
)


@dataclass(frozen=True)
class Figure:
    """A goal with the median over the seeds, or the sentence why there is none."""

    goal: Goal
    spread: Spread | None
    why_not: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.spread is None else self.goal.met_by(self.spread.median)

    def to_json(self) -> dict[str, Any]:
        found = {
            "value": None if self.spread is None else round(self.spread.median, 5),
            "spread": None if self.spread is None else [round(self.spread.low, 5), round(self.spread.high, 5)],
            "goal": self.goal.limit,
            "larger_is_better": self.goal.larger_is_better,
            "met": self.met,
        }
        return {**found, "why_not": self.why_not} if self.spread is None else found

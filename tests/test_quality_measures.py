"""The measures of quality: each tells apart what it is there to tell apart, and nothing where there is nothing."""

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from bot.gates.mentions import speak_mentions
from bot.quality.attribution import Said, attribute
from bot.quality.copying import CopyMeasure
from bot.quality.distinctness import distinct_2, self_bleu
from bot.quality.manner import distance, manner
from bot.quality.markov import ORDERS, MarkovChain, best_chain
from bot.quality.new_words import new_words
from bot.quality.relevance import AMONG, relevance
from bot.quality.surprise import bits_per_byte, gain
from tests.posts import texts

POST = "The old lamp waits for a quiet storm in the rain, as ever, says nobody."
VOCABULARY, END = 12, 0


def shouting(count: int, seed: int = 0) -> list[str]:
    return [text.upper().replace(".", "!!!") for text in texts(count, seed)]


class TestAttribution:
    def test_two_manners_are_told_apart_and_so_are_their_voices(self) -> None:
        quiet, loud = texts(120), shouting(120)
        found = attribute(
            {"quiet": quiet[:80], "loud": loud[:80]},
            {"quiet": quiet[80:100], "loud": loud[80:100]},
            [Said(("quiet",), quiet[100:]), Said(("loud",), loud[100:])],
        )
        assert (found.people, found.ceiling, found.accuracy) == (("loud", "quiet"), 1.0, 1.0)
        assert found.share_of_ceiling == 1.0

    def test_a_voice_that_speaks_like_the_other_is_found_out(self) -> None:
        quiet, loud = texts(120), shouting(120)
        found = attribute(
            {"quiet": quiet[:80], "loud": loud[:80]},
            {"quiet": quiet[80:100], "loud": loud[80:100]},
            [Said(("quiet",), loud[100:]), Said(("loud",), loud[100:])],
        )
        assert found.accuracy == found.share_of_ceiling == 0.5
        assert found.shares == ({"loud": 1.0}, {"loud": 1.0})

    def test_where_texts_are_shuffled_it_is_at_chance(self) -> None:
        every = texts(400) + shouting(400)
        random.Random(1).shuffle(every)
        found = attribute(
            {"one": every[:250], "other": every[250:500]},
            {"one": every[500:650], "other": every[650:]},
            [],
        )
        assert found.accuracy is None
        assert abs(found.ceiling - found.chance) < 0.1

    def test_a_person_with_many_posts_counts_no_more_than_one_with_few(self) -> None:
        quiet, loud = texts(400), shouting(30)
        found = attribute(
            {"quiet": quiet[:300], "loud": loud[:20]}, {"quiet": quiet[300:], "loud": quiet[:100]}, []
        )
        assert found.ceiling == 0.5  # all that is held out is given to the quiet one: half of the people, not 2/3

    def test_a_cyborg_is_shared_out_and_does_not_count_as_one_person(self) -> None:
        quiet, loud = texts(120), shouting(120)
        both = quiet[100:110] + loud[100:110]
        found = attribute(
            {"quiet": quiet[:80], "loud": loud[:80]},
            {"quiet": quiet[80:100], "loud": loud[80:100]},
            [Said(("loud", "quiet"), both)],
        )
        assert found.accuracy is None
        assert found.shares == ({"loud": 0.5, "quiet": 0.5},)

    def test_the_ceiling_is_that_of_those_who_have_a_voice(self) -> None:
        quiet, loud = texts(120), shouting(120)
        learn = {"quiet": quiet[:80], "loud": loud[:80]}
        # Of the loud one's real posts half are quiet, so a fourth more of an even lot are given to the quiet one.
        held_out = {"quiet": quiet[80:100], "loud": loud[80:90] + quiet[100:110]}
        found = attribute(learn, held_out, [Said(("quiet",), quiet[110:])])
        assert (found.told("quiet"), found.told("loud")) == (1.0, 0.5)
        assert (found.ceiling, found.share_of_ceiling) == (1.0, 1.0)
        assert attribute(learn, held_out, []).ceiling == 0.75
        assert (found.of_equal_parts("quiet"), found.of_equal_parts("loud")) == (0.75, 0.25)

    def test_one_person_alone_can_not_be_attributed(self) -> None:
        with pytest.raises(ValueError, match="two people"):
            attribute({"one": texts(9)}, {"one": texts(3)}, [])
        with pytest.raises(ValueError, match="other"):
            attribute({"one": texts(9), "other": texts(9)}, {"one": texts(3)}, [])


class TestCopying:
    def test_a_copied_post_and_eight_words_of_one_count_and_seven_do_not(self) -> None:
        words = POST.split()
        measure = CopyMeasure([POST, *texts(20)])
        assert measure.copies(POST)
        assert measure.copies("Well, " + " ".join(words[:8]).lower() + " we left")
        assert not measure.copies("Well, " + " ".join(words[:7]) + " we left")
        assert measure.share([POST, "Something else entirely is said here tonight, and by nobody."]) == 0.5
        assert measure.share([]) == 0.0

    def test_a_copy_is_one_before_the_gates_and_after_them(self) -> None:
        post = "I was told by @user that the fog is here again tonight"
        measure = CopyMeasure([post])
        assert measure.copies(post)
        assert speak_mentions(post) != post
        assert measure.copies(speak_mentions(post))


class TestDistinctness:
    def test_a_parrot_is_less_distinct_than_a_person(self) -> None:
        parrot, person = ["The fog is here again tonight."] * 10, texts(10)
        assert distinct_2(parrot) == pytest.approx(0.1)
        assert distinct_2(parrot) < distinct_2(person) <= 1
        assert self_bleu(parrot) == pytest.approx(100)
        assert self_bleu(person) < 90
        assert self_bleu(["a b c d", "e f g h"]) < 1

    def test_nothing_is_neither(self) -> None:
        assert (distinct_2([]), self_bleu([]), self_bleu(["one", " "])) == (0.0, 0.0, 0.0)


class TestManner:
    def test_it_describes(self) -> None:
        found = manner(["Is it FOG?", "fog #again", "It is."])
        assert (found.characters, found.words) == (10, 2)
        assert found.shares["asks"] == found.shares["has a hashtag"] == pytest.approx(1 / 3)
        assert found.shares["has a word in capitals"] == found.shares["begins small"] == pytest.approx(1 / 3)
        assert found.shares["has an emoji"] == 0
        with pytest.raises(ValueError, match="no texts"):
            manner([])

    def test_another_manner_is_further_away_than_more_of_the_same(self) -> None:
        own, more, other = texts(200), texts(200, 1), [f"{text} Oh! \N{BIRD}" * 3 for text in texts(200)]
        assert distance(own, own) == 0
        assert distance(own, more) < 0.05 < 0.4 < distance(own, other) <= 1
        assert distance(own, other) == pytest.approx(distance(other, own))


class TestNewWords:
    def test_they_are_words_that_no_post_has(self) -> None:
        learned = ["The lamp, the FOG!", "Don't wait 5 years"]
        assert new_words(["the fog of 1999 fogger", "dont lamp"], learned) == pytest.approx(2 / 6)
        assert (
            new_words(["The lamp."], learned) == new_words(["1999!", ""], learned) == new_words([], learned) == 0
        )


class TestRelevance:
    TREES = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine")
    PROMPTS = tuple(f"What of {tree} and {tree}wood?" for tree in TREES)

    def test_answers_that_keep_to_their_prompts_come_first(self) -> None:
        answers = [f"I like {prompt.split()[2]} more than anything." for prompt in self.PROMPTS]
        found = relevance(self.PROMPTS, answers, texts(50))
        assert (found.first, found.mean_rank, found.times_chance, found.answers) == (1, 1, AMONG, 10)

    def test_answers_to_the_neighbours_prompt_never_do(self) -> None:
        answers = [f"I like {prompt.split()[2]} more than anything." for prompt in self.PROMPTS]
        assert relevance(self.PROMPTS, answers[1:] + answers[:1], texts(50)).first < 0.05

    @pytest.mark.parametrize("answer", ["Nothing to do with any of it.", "", None])
    def test_what_has_nothing_to_do_with_any_is_chance(self, answer: str | None) -> None:
        found = relevance(self.PROMPTS, [answer] * 10, texts(50))
        assert (found.times_chance, found.mean_rank) == (pytest.approx(1), 5.5)

    def test_words_that_the_person_always_uses_tell_nothing(self) -> None:
        posts = [f"{text} Ash, as ever." for text in texts(50)]
        assert relevance(self.PROMPTS, ["ash"] * 10, posts).first <= 0.11

    def test_a_person_of_few_words_is_still_measured(self) -> None:
        posts = ["fog lamp gull"] * 30
        prompts = ["fog", "lamp", *["gull"] * 8]
        assert relevance(prompts, prompts, posts).times_chance == pytest.approx(3)  # the eight are told by lot

    def test_fewer_than_ten_prompts_can_not_be_ranked(self) -> None:
        with pytest.raises(ValueError, match="at least 10"):
            relevance(self.PROMPTS[:9], [""] * 9, [])


class TestSurprise:
    def test_a_bit_a_byte_with_the_end_counted(self) -> None:
        assert bits_per_byte(8 * math.log(2), ["fog", "\u00e9."]) == 1.0
        assert gain(1.5, 2.0) == 0.25
        with pytest.raises(ValueError, match="no texts"):
            bits_per_byte(1.0, [])


def token_posts(count: int, seed: int) -> list[list[int]]:
    """Counts upwards mostly, now and then anywhere: there is an order to learn, and noise."""
    chance = random.Random(seed)
    posts = []
    for _ in range(count):
        post = [chance.randrange(1, VOCABULARY - 1)]
        while len(post) < 8:
            anywhere = chance.random() < 0.2
            post.append(chance.randrange(1, VOCABULARY - 1) if anywhere else post[-1] % (VOCABULARY - 2) + 1)
        posts.append([*post, END])
    return posts


class TestMarkov:
    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize(
        "history", [[], [3], [3, 4], [4, 3, 9, 1, 2], [VOCABULARY - 1, 3], [3, VOCABULARY - 1]]
    )
    def test_probabilities_sum_to_one_and_none_is_zero(self, order: int, history: Sequence[int]) -> None:
        chain = MarkovChain(token_posts(60, 0), VOCABULARY, END, order)
        found = chain.probabilities(history)
        assert found.shape == (VOCABULARY,)
        assert found.sum() == pytest.approx(1)
        assert found.min() > 0

    def test_a_post_costs_what_its_tokens_cost_one_by_one(self) -> None:
        chain = MarkovChain(token_posts(60, 0), VOCABULARY, END, 3)
        posts = [[3, 4, 5, END], [9, END], [], [VOCABULARY - 1]]
        costs = [
            -sum(math.log(chain.probabilities(post[:place])[token]) for place, token in enumerate(post))
            for post in posts
        ]
        assert chain.nats(posts) == pytest.approx(np.array(costs))

    def test_kneser_ney_by_hand(self) -> None:
        # "1 2" twice and "1 3", "4 3" once. Bigrams: (end,1) 3, (end,4) 1, (1,2) 2, (1,3), (4,3), (2,end) 2,
        # (3,end) 2: seen once three times, twice three times, so the discount is 3 / (3 + 2 * 3) = 1/3.
        chain = MarkovChain([[1, 2, END], [1, 2, END], [1, 3, END], [4, 3, END]], 5, END, 2)
        # Continuations: 1 and 4 after one token, 2 after one, 3 after two, end after two: 7 bigrams in all. Of
        # these counts three are 1 and two are 2, so the discount is 3 / (3 + 2 * 2) = 3/7.
        small = 3 / 7
        unigram = (2 - small) / 7 + small * 5 / 7 / 5
        assert chain.probabilities([1])[3] == pytest.approx((1 - 1 / 3) / 3 + (1 / 3) * 2 / 3 * unigram)

    def test_the_best_order_is_chosen(self) -> None:
        learn, held_out = token_posts(300, 0), token_posts(60, 1)
        best = best_chain(learn, held_out, VOCABULARY, END)
        costs = {order: MarkovChain(learn, VOCABULARY, END, order).nats(held_out).sum() for order in ORDERS}
        assert best.order == min(costs, key=lambda order: float(costs[order])) == 2
        assert costs[2] < 0.8 * costs[1]

    def test_without_a_token_there_is_no_chain(self) -> None:
        with pytest.raises(ValueError, match="posts to learn from"):
            MarkovChain([[]], VOCABULARY, END, 2)

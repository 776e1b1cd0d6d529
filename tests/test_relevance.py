"""Relevance: on-topic answers first, and openings that keep a voice on the topic."""

from hypothesis import given
from hypothesis import strategies as st

from bot.relevance import Relevance

POSTS = [
    "The fog came early today.",
    "My fog, my rules.",
    "The fog and the horn sing together.",
    "The lamp is on tonight.",
    "I like tea in the morning.",
    "A ship passed tonight. I waved.",
    "Tea again tonight.",
]
VOICE = Relevance(POSTS)


def test_an_answer_on_the_topic_comes_first() -> None:
    texts = ["I had tea with a ship and liked it a lot.", "That fog ate three gulls and a boat.", "Tea."]
    assert VOICE.rank("what do you think about the fog?", texts)[0] == 1
    assert VOICE.rank("do you drink tea?", texts) == [0, 2, 1]


def test_forms_of_a_word_count_as_the_word() -> None:
    assert VOICE.score("tell me of your lamps", "The lamp is bright and so am I.") == VOICE.score(
        "tell me of your lamp", "The lamp is bright and so am I."
    )
    assert VOICE.score("foggy?", "All the fog went home.") > VOICE.score("foggy?", "All the cats went home.")


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    prompt = "a ship tonight"
    assert VOICE.score(prompt, "The ship went by us again.") > VOICE.score(prompt, "We sleep well tonight again.")


def test_without_a_topic_the_form_decides_and_equals_keep_their_order() -> None:
    texts = ["and so the", "We had a lovely day here.", "We had a splendid day here."]
    assert VOICE.rank("how are you?", texts) == [1, 2, 0]


def test_openings_begin_with_the_topic() -> None:
    assert VOICE.openings("what do you think about the fog?") == ["", "The fog", "Fog", "My fog"]
    assert VOICE.openings("how is your lamp tonight") == ["", "My lamp", "Lamp", "The lamp"]
    assert VOICE.openings("hello, how are you?") == [""]


def test_openings_of_words_the_voice_does_not_know() -> None:
    assert VOICE.openings("do you like penguins?") == ["", "Penguins"]
    assert VOICE.openings("have you been to Paris?") == ["", "Paris"]
    assert VOICE.openings("what about the keeper's penguins and the fog")[1] == "The fog"


def test_topics_known_to_the_voice_come_first() -> None:
    assert VOICE.topics("penguins in the fog tonight") == ["fog", "penguins"]


@given(st.text(), st.lists(st.text(), max_size=5), st.lists(st.text(), max_size=5))
def test_any_text_is_ranked_and_opened(prompt: str, texts: list[str], posts: list[str]) -> None:
    voice = Relevance(posts)
    order = voice.rank(prompt, texts)
    assert sorted(order) == list(range(len(texts)))
    assert all(0 <= voice.score(prompt, text) <= 1 for text in texts)
    openings = voice.openings(prompt)
    assert openings[0] == ""
    assert len(openings) == len(set(openings)) <= 4


STATION = Relevance(
    [
        "駅の猫は今日も眠そうだ。終電のころ、駅の猫は静かだ。",
        "古い時計が遅れている。駅の猫がまた光っている。",
        "古い時計は待合室にあった。",
        "I like tea.",
    ]
)


def test_where_no_spaces_are_set_an_answer_begins_as_the_voice_began() -> None:
    assert STATION.openings("ねえ、駅の猫はどう思いますか") == ["", "駅の猫は"]
    assert STATION.openings("待合室の古い時計と駅の猫") == ["", "古い時計", "駅の猫"]
    assert STATION.openings("どう思いますか") == [""]
    assert STATION.openings("駅の猫 and tea?") == ["", "駅の猫", "Tea"]


def test_where_no_spaces_are_set_characters_in_a_row_are_the_topic() -> None:
    texts = ["待合室で黒い鞄を拾ったそうだ。", "駅の猫が黒い鞄を隠したそうだ。"]
    assert STATION.rank("駅の猫はどこですか", texts) == [1, 0]
    assert STATION.score("なぜ", "駅の猫が黒い鞄を隠したそうだ。") > STATION.score("なぜ", "駅の猫、")


def test_a_long_text_without_spaces_is_no_answer_of_one_word() -> None:
    assert STATION.may_become_best("猫" * 80)
    assert not STATION.may_become_best("猫" * 81)

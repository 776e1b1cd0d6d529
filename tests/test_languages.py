"""The languages of posts: as the platform says, else as the classifier finds in a person's own words."""

import pytest

from data.languages import languages
from data.posts import Post, PostKind


def posts(*texts: str, lang: str | None = None, kind: PostKind = "post") -> list[Post]:
    return [Post(str(number), "ada", text, lang=lang, kind=kind) for number, text in enumerate(texts)]


def test_what_the_platform_says_counts_in_codes_of_today() -> None:
    said = posts("hm", lang="in") + posts("a", "b", lang="en-GB") + posts("hm", lang="iw") + posts("hm", lang="no")
    assert languages(said) == {"en": 2, "id": 1, "he": 1, "nb": 1}
    assert languages(said).most_common(1) == [("en", 2)]


@pytest.mark.parametrize("code", ["x", "1a", "e\n", "und", "zxx", "qme", "qht", ""])
def test_no_language_is_none_and_not_guessed_at(code: str) -> None:
    assert not languages(posts("The lamp on the pier was lit again last night.", lang=code))


def test_what_others_wrote_does_not_count() -> None:
    assert not languages(posts("Die Lampe brennt wieder heute Nacht.", lang="de", kind="retweet"))


def test_where_the_platform_says_nothing_the_words_do() -> None:
    said = posts(
        "Die Lampe am Hafen brennt heute Nacht wieder, und niemand weiß warum.",
        "La lámpara del puerto está encendida otra vez esta noche y nadie sabe por qué.",
        "今夜も港の灯りがついているけれど、誰も理由を知らないみたいだね。",
        "The lamp on the pier is lit again tonight, and nobody knows why.",
    )
    assert languages(said) == {"de": 1, "es": 1, "ja": 1, "en": 1}


def test_links_and_names_are_no_words_of_ones_own() -> None:
    link = "https://www.example.com/the-lamp-on-the-pier-is-lit-again"
    assert not languages(posts(f"@the_english_language ja {link}"))
    german = "Die Lampe am Hafen brennt heute Nacht wieder."
    assert languages(posts(f"@the_english_language {german} {link}")) == {"de": 1}


def test_of_many_posts_a_part_is_asked_about_and_stands_for_all() -> None:
    german, english = "Die Lampe am Hafen brennt heute Nacht wieder.", "The lamp on the pier is lit again tonight."
    found = languages(posts(*([german, english, english] * 1000)))
    assert sum(found.values()) == pytest.approx(3000, abs=2)
    assert found["de"] == pytest.approx(1000, rel=0.25)

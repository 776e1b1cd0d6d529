"""Which languages posts are written in: as their platform says, or as a small local classifier finds."""

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from data.cleaning import LINK, MENTION
from data.posts import Post

# What platforms write where they found no language (X's codes for links, media, hashtags and the like among them).
_NO_LANGUAGE = frozenset({"", "und", "zxx", "art", "qme", "qht", "qam", "qst", "qct"})
_CODE = re.compile("[a-z]{2,3}")  # all that a model hub takes for a language
_OLD_CODES = {"in": "id", "iw": "he", "ji": "yi", "no": "nb"}
_ASKED = 200  # posts that the classifier is asked about; the share of a language is known well enough by then
_TELLING_CHARACTERS = 20  # of one's own words; a shorter text may be in any language


def languages(posts: Iterable[Post]) -> Counter[str]:
    """How many posts are in which language (ISO 639-1), most frequent first by `most_common`; reposts left out."""
    found: Counter[str] = Counter()
    untold: list[str] = []
    for post in posts:
        if post.kind == "retweet":
            continue
        code = (post.lang or "").split("-")[0].lower()
        if code not in _NO_LANGUAGE and _CODE.fullmatch(code):
            found[_OLD_CODES.get(code, code)] += 1
        elif post.lang is None:
            words = " ".join(MENTION.sub(" ", LINK.sub(" ", post.text)).split())
            if len(words) >= _TELLING_CHARACTERS:
                untold.append(words)
    if untold:
        found += _classified(untold)
    return found


def _classified(texts: list[str]) -> Counter[str]:
    from py3langid import classify  # a model of 4 MB: not for those who need none

    if len(texts) > _ASKED:  # at random, as some people take turns between languages, and the same each time
        chosen = np.random.default_rng(0).choice(len(texts), _ASKED, replace=False)
        asked = [texts[place] for place in chosen]
    else:
        asked = texts
    try:
        found = Counter(classify(text)[0] for text in asked)
    except OSError:  # it unpacks 68 MB to the disk, and a voice is worth more than a line in its card
        return Counter()
    return Counter({code: round(count * len(texts) / len(asked)) for code, count in found.items()})

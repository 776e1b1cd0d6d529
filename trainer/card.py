"""The model card: whom a voice imitates, what it learned from and by whose word, how well, and what it is not for.

The voice's record says it all; what an older record does not hold, the card calls not recorded.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from huggingface_hub import ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # re-exported without saying so
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from trainer.bases import BUILTIN
from trainer.card_text import address, visible, written
from trainer.engine import Sampling
from trainer.learned import Learned
from trainer.quality import quality_rows
from trainer.recipe import Recipe
from trainer.voice import UNASKED, Voice, VoiceRecord

LANGUAGE_SHARE = 0.1  # of what was learned, from which on a language is the model's

COUNTS = {  # the rows of the data table, as in the reference
    "Posts downloaded": "downloaded",
    "Retweets": "retweets",
    "Short posts": "short",
    "Posts kept": "kept",
}
# Why a post counts as short, by the words of data.cleaning.
REASONS = {"short": "too few words", "cut": "cut off", "private": "private data", "repeated": "said before"}
# Where posts come from, in words, by the keys that are stored with every import.
SOURCES = {
    "x-archive": "the archive that X gives its users",
    "x-archive-2012": "the archive that Twitter gave its users at first",
    "x-api": "X's API",
    "bluesky-car": "a repository downloaded from Bluesky",
    "bluesky": "Bluesky's public API",
    "mastodon": "an archive downloaded from Mastodon",
    "discord-package": "the data package that Discord gives its users",
    "discord-export": "an exported Discord channel",
    "json-lines": "a JSON Lines file",
    "csv": "a table of posts",
}
_PAGES = {"x": "https://x.com/", "bluesky": "https://bsky.app/profile/"}  # by the first word of those keys
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Person:
    """One of those whom a voice imitates, as a card shows them."""

    handle: str
    name: str = ""  # what they call themselves
    picture: str = ""  # address of their picture
    page: str = ""  # address of their account

    @property
    def initials(self) -> str:
        """One or two letters for where there is no picture: "Jo van Ray" and jo_ray are both JR."""
        words = _WORD.findall(self.name) or _WORD.findall(self.handle) or ["?"]
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


@dataclass(frozen=True)
class CardFacts:
    """What a card tells of a voice, before it is put into words."""

    record: VoiceRecord
    people: tuple[Person, ...]  # in the order in which they are shown
    learned: dict[str, Learned]  # by handle; empty where the record knows nothing of it
    languages: dict[str, float]  # the share of what was learned by ISO 639 code, the largest first
    base_model: str  # the base's id on the hub; empty for one that is not there
    base_folder: str  # the name of the folder that the base was read from; empty for the built-in one

    @classmethod
    def from_record(cls, record: VoiceRecord, people: Sequence[Person] = ()) -> "CardFacts":
        """Shows those of the record's handles first that `people` tell more of."""
        learned = {share.handle: share for share in record.learned}
        shown = {person.handle: person for person in people if person.handle in record.handles}
        shown |= {handle: Person(handle) for handle in record.handles if handle not in shown}
        on_hub = _is_hub_id(record.base)
        return cls(
            record=record,
            people=tuple(_completed(person, learned.get(person.handle)) for person in shown.values()),
            learned=learned,
            languages=_languages(record.learned),
            base_model=record.base if on_hub else "",
            base_folder="" if on_hub or record.base == BUILTIN else Path(record.base).name or record.base,
        )

    @property
    def kind(self) -> str:
        """As in the reference: one handle makes a bot, several a cyborg."""
        return "bot" if len(self.people) == 1 else "cyborg"

    @property
    def trained_here(self) -> bool:
        """False for a voice that was pulled from a hub: only its maker knows how it was made, and of what."""
        return self.record.posts > 0

    @property
    def losses(self) -> tuple[float, float] | None:
        """Held-out loss before and after, nats per token; None where it was never measured."""
        both = self.record.held_out_loss_before, self.record.held_out_loss
        return both if all(math.isfinite(loss) and loss > 0 for loss in both) else None

    @property
    def hyperparameters(self) -> dict[str, object]:
        """What decided the training, by name."""
        recipe = self.record.recipe
        return {
            "Method": _method(recipe),
            "Cleaning": f"{recipe.profile} profile",
            "Epochs, at most": _epochs(recipe),
            "Tokens a block": recipe.block_size,
            "Blocks a batch": recipe.batch,
            "Optimizer": f"{_optimizer(recipe)}, weight decay {recipe.weight_decay:g}",
            "Learning rate": f"{recipe.learning_rate:g}, {_schedule(recipe)}",
            "Dropout": f"{recipe.dropout:g}",
            "Stops early": _early_stop(recipe),
            "Seed": recipe.seed,
            "Time": f"{self.record.seconds:.0f} s",
        }


def model_card(
    voice: Voice,
    *,
    repo: str = "",
    picture: str = "",
    blind_test: tuple[int, int] | None = None,
    people: Sequence[Person] = (),
    contact: str = "",
) -> str:
    """The card as Markdown, with metadata that a hub accepts: the text of a README.md.

    `repo` is the hub's id of where it goes, `picture` the address of the one to share. `blind_test` is (votes that
    found the real post, votes). `contact` is how people reach whoever answers for the voice.
    """
    facts = CardFacts.from_record(voice.record, people)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=written,  # stricter than `autoescape`, which thereby finds nothing left to escape
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["address"] = address
    body = environment.get_template("card.md.jinja").render(
        facts=facts,
        record=facts.record,
        counts=COUNTS,
        reasons=REASONS,
        sources=SOURCES,
        perplexity=math.exp,
        opening=facts.record.opening,
        unasked=UNASKED,
        quality=quality_rows(facts.record.quality),
        sampling=Sampling(),
        repo=repo,
        picture=picture,
        blind_test=blind_test,
        contact=contact,
        version=version("mynah"),
    )
    return f"---\n{_metadata(facts, picture).to_yaml()}\n---\n\n{body}"


def _metadata(facts: CardFacts, picture: str) -> ModelCardData:
    """What hubs read. The licence is `other`: nobody but those who are imitated can give one."""
    sampling = Sampling()
    return ModelCardData(
        language=[code for code, share in facts.languages.items() if share >= LANGUAGE_SHARE] or None,
        license="other",
        base_model=facts.base_model or None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["huggingtweets", *(["mynah"] if facts.trained_here else []), "gpt2", facts.kind],
        thumbnail=visible(picture) or None,
        widget=[{"text": facts.record.opening}] if facts.record.opening else None,
        inference={
            "parameters": {
                "do_sample": True,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "max_new_tokens": sampling.max_tokens,
            }
        },
    )


def _languages(learned: Sequence[Learned]) -> dict[str, float]:
    """Each handle counts the same, as in training, however many posts it has."""
    told = [share.languages for share in learned if sum(share.languages.values())]
    shares: dict[str, float] = {}
    for languages in told:
        for code, posts in languages.items():
            shares[code] = shares.get(code, 0.0) + posts / sum(languages.values()) / len(told)
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _completed(person: Person, learned: Learned | None) -> Person:
    """With what follows from where the posts came from; a name that shows nothing is none."""
    sites = {source.split("-")[0] for source in learned.sources} if learned else set()
    site = next((page for name, page in _PAGES.items() if name in sites), "")
    return replace(person, name=visible(person.name), page=person.page or (site and site + person.handle))


def _is_hub_id(base: str) -> bool:
    if base == BUILTIN or Path(base).is_absolute():
        return False
    try:
        validate_repo_id(base)
    except HFValidationError:
        return False
    return True


def _method(recipe: Recipe) -> str:
    if recipe.method == "full":
        return "full fine-tuning"
    return f"LoRA, rank {recipe.lora_rank}, alpha {recipe.lora_alpha}"


def _epochs(recipe: Recipe) -> int | str:
    if not recipe.least_steps:
        return recipe.epochs
    far = f" ({recipe.far_epochs} where the base knew little of such posts)" if recipe.far_steps else ""
    return f"{recipe.epochs}{far}, or {recipe.least_steps} steps if longer"


def _optimizer(recipe: Recipe) -> str:
    if recipe.optimizer == "adamw":
        return "AdamW"
    return f"Muon for the hidden matrices, AdamW at {recipe.others_rate:g} times the rate for the rest"


def _early_stop(recipe: Recipe) -> str:
    if recipe.patience >= recipe.epochs * recipe.evaluations_per_epoch:
        return "never"
    return f"after {recipe.patience} evaluations without a better held-out loss"


def _schedule(recipe: Recipe) -> str:
    warmup = f"{recipe.warmup_share:.0%} of the steps to warm up, then " if recipe.warmup_share else ""
    return f"{warmup}cosine to zero"

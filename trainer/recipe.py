"""What decides how a voice is tuned, and which recipe a base gets when nobody says otherwise."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from data.cleaning import Profile

Method = Literal["full", "lora"]
Optimizer = Literal["adamw", "muon"]  # muon: for the hidden matrices, AdamW for all else

# Below this many parameters low-rank adapters cost quality and save nothing: on the 7M base LoRA r8 ended
# 0.5 nats of held-out loss above full tuning, no faster (docs/decisions.md).
SMALL_BASE = 40_000_000

# Bits a byte that the untuned base takes for the posts held out, in packed blocks, from which on they are far from
# what it has read.
FAR = 2.0

_FORMER = frozenset({"topics_share"})  # no longer of a recipe
_LATER = {"neighbours": False, "far_epochs": 0, "far_steps": 0}  # not in keys where it says this: see `voice_key`


@dataclass(frozen=True)
class Recipe:
    """Every figure that shapes a voice; part of its key, so a changed recipe is a new voice."""

    profile: Profile = "default"
    method: Method = "full"
    epochs: int = 4
    far_epochs: int = 0  # instead of them, where the posts are FAR from what the base has read: until then,
    far_steps: int = 0  # or until there were so many steps, if that is sooner
    block_size: int = 256  # tokens
    batch: int = 4  # blocks a step
    least_steps: int = 0  # few posts are gone through more often, until there were so many steps
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    others_rate: float = 1.0  # share of the learning rate for embeddings, norms and biases, with muon
    weight_decay: float = 0.01
    warmup_share: float = 0.05  # of all steps
    dropout: float = 0.0
    evaluations_per_epoch: int = 2
    patience: int = 3  # evaluations without a better held-out loss before stopping early
    lora_rank: int = 8
    lora_alpha: int = 16
    neighbours: bool = False  # whether the voice keeps the moments of its posts, where they help it
    seed: int = 0

    @classmethod
    def for_base(cls, parameters: int, profile: Profile = "default", *, strange: bool = False) -> "Recipe":
        """The default for a base of so many parameters; the reference profile is huggingtweets' own figures.

        `strange` says that the base hardly knows the language (trainer.familiar).
        """
        if profile == "reference":
            return cls(
                profile="reference",
                block_size=256 if parameters < SMALL_BASE else 1024,
                batch=1,
                learning_rate=1.372e-4,
                weight_decay=0.0,
                warmup_share=0.0,
                dropout=0.1,
                evaluations_per_epoch=1,
                patience=1000,
            )
        if parameters < SMALL_BASE:
            # Large batches and twice through: the more the base knows, the sooner posts are known by heart. Where
            # it knows little there is more to learn, and a language that it doesn't know wants many steps
            # (docs/decisions.md).
            return cls(
                epochs=4 if strange else 2,
                far_epochs=0 if strange else 4,
                far_steps=0 if strange else 128,
                batch=4 if strange else 16,
                least_steps=30,
                optimizer="muon",
                learning_rate=1.3e-3,
                others_rate=0.5,
                evaluations_per_epoch=4,
                neighbours=True,
            )
        return cls(method="lora", learning_rate=1e-3)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Recipe":
        """What recipes of before had besides is left out, so that their voices speak on. Raises TypeError for what
        none ever had.
        """
        return cls(**{name: value for name, value in values.items() if name not in _FORMER})

    def pace(self, blocks: int, bits_per_byte: float) -> tuple[int, int]:
        """Of a tuning on so many blocks, which cost the untuned base so many bits a byte: the steps, and how many
        of them lie between two evaluations.
        """
        near, far = (-(-blocks * epochs // self.batch) for epochs in (self.epochs, self.far_epochs))
        steps, epochs = max(near, self.least_steps), float(self.epochs)
        if bits_per_byte >= FAR and min(far, self.far_steps) > steps:
            steps = min(far, self.far_steps)
            epochs = steps * self.batch / blocks
        return steps, max(1, int(steps / (epochs * self.evaluations_per_epoch)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def voice_key(corpora: dict[str, str], base: str, recipe: Recipe) -> str:
    """Digest of (sorted corpora, base, recipe): the same wish gives the same key, so it is trained once.

    `corpora` maps each handle to its corpus digest; `base` is the base's own digest or id. A recipe that makes no
    use of what came later has the key that it had before.
    """
    shaping = {
        name: value for name, value in recipe.to_json().items() if name not in _LATER or value != _LATER[name]
    }
    wish = json.dumps([sorted(corpora.items()), base, shaping], sort_keys=True)
    return hashlib.sha256(wish.encode()).hexdigest()[:16]

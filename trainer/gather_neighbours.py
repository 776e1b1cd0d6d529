"""After a tuning: the moments of the posts, where they help the voice to foresee those it never learned from.

What `trainer.engine.neighbours` reads. Each figure here was chosen on four accounts (docs/decisions.md).
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import GPT2LMHeadModel

from trainer.each_post import each_post
from trainer.engine.neighbours import Neighbours, save_neighbours, share_of
from trainer.engine.weights import quantise

FIGURES = 64  # that a moment is known by; 32 bring four fifths of it, 256 no more
# About: some 4,000 posts, 36 MB of memory and 12 on the disk. Of more, some are taken by chance.
MOST_MOMENTS = 131_072
FITTED_ON = 2000  # moments of the posts held out, by chance
BANDWIDTHS = (0.35, 0.5, 0.7, 1.0)  # in squared distances to the nearest moment, the median of those held out
SHARES = numpy.arange(0.05, 0.55, 0.05)

Tensors = dict[str, NDArray[numpy.generic]]
Posts = Sequence[Sequence[int]]  # as token ids, each closed by an end of text
# What the head saw [moments, width], what followed [moments], and how much each counts, as a logarithm [moments].
Moments = tuple[Tensor, Tensor, Tensor]


@torch.inference_mode()
def gather_neighbours(
    voice: Path,
    model: GPT2LMHeadModel,
    learned: Sequence[Posts],
    held_out: Sequence[Posts],
    seed: int,
) -> float:
    """Write the neighbours of posts, person after person, into the voice's folder. Returns their share, which is
    chosen on the posts held out: 0 where they don't help, and then nothing is written.
    """
    chance = numpy.random.default_rng(seed)
    hidden, followed, weights = _moments(model, _some(learned, MOST_MOMENTS, chance))
    others, right, _ = _moments(model, _some(held_out, 16 * FITTED_ON, chance))
    fitted_on = torch.from_numpy(chance.permutation(len(right))[:FITTED_ON])
    others, right = others[fitted_on], right[fitted_on]
    head = model.lm_head.weight.float().cpu()
    projection = _projection(hidden, head)
    order = torch.argsort(followed)
    figures = (hidden @ (head.T @ projection))[order].T
    scaled, scales = quantise(figures.contiguous().numpy())
    tensors: Tensors = {
        "projection": projection.numpy(),
        "figures": scaled,
        "scales": scales,
        "tokens": followed[order].to(torch.int32).numpy(),
        "weights": weights[order].numpy(),
    }
    logits = others @ head.T
    fitted = _fitted(tensors, logits, right, _nearest(logits @ projection, figures))
    if fitted["share"]:
        save_neighbours(voice, {**tensors, **_scalars(fitted)})
    return fitted["share"]


def _fitted(tensors: Tensors, logits: Tensor, right: Tensor, nearest: float) -> dict[str, float]:
    """The bandwidth, what is usual there and the share with which what is `right` is foreseen best.

    `logits` [rows, vocabulary] are what the model alone foresees, `right` [rows] what followed.
    """
    rows = numpy.arange(len(right))
    alone = logits.softmax(-1).numpy()[rows, right]
    with numpy.errstate(divide="ignore"):  # what was not expected at all
        least, best = float(-numpy.log(alone).mean()), {"share": 0.0}
    for bandwidth in BANDWIDTHS:
        scalars = {"bandwidth": bandwidth * nearest, "usual": 0.0, "share": 0.5}
        neighbours = Neighbours({**tensors, **_scalars(scalars)}, logits.shape[1])
        followed, near = neighbours.foreseen(logits.numpy())
        scalars["usual"] = float(numpy.median(near))
        for usually in SHARES:
            share = share_of(usually, near - scalars["usual"])
            with numpy.errstate(divide="ignore"):
                nats = float(-numpy.log((1 - share) * alone + share * followed[rows, right]).mean())
            if nats < least:
                least, best = nats, {**scalars, "share": float(usually)}
    return best


def _some(people: Sequence[Posts], most: int, chance: numpy.random.Generator) -> list[Posts]:
    """All posts, or about so many tokens of them by chance, of each person the same part."""
    part = min(1.0, most / sum(len(post) for posts in people for post in posts))
    return [
        [posts[place] for place in sorted(chance.permutation(len(posts))[: math.ceil(part * len(posts))])]
        for posts in people
    ]


def _moments(model: GPT2LMHeadModel, people: Sequence[Posts]) -> Moments:
    """All of the posts. As in tuning, people count alike."""
    device = next(model.parameters()).device
    moments: list[Moments] = []
    for posts in people:
        for batch in each_post(posts, posts[0][-1], model.config.n_positions):
            states = model.transformer(batch.tokens[:, :-1].to(device), use_cache=False).last_hidden_state
            followed = batch.tokens[:, 1:][batch.there]
            weights = torch.full(followed.shape, -math.log(len(posts)))
            moments.append((states.float().cpu()[batch.there], followed, weights))
    hidden, tokens, counts = (torch.cat(parts) for parts in zip(*moments, strict=True))
    return hidden, tokens, counts


def _projection(hidden: Tensor, head: Tensor) -> Tensor:
    """From logits to figures [vocabulary, figures]: back to what the head saw, and from there to the directions in
    which moments differ most, those in which they differ less made longer.
    """
    _, spread, directions = torch.linalg.svd(
        hidden[:: -(-len(hidden) // 16_384)] - hidden.mean(0), full_matrices=False
    )
    kept = min(FIGURES, int((spread > spread[0] * 1e-4).sum()))
    projection: Tensor = torch.linalg.pinv(head).T @ (directions[:kept].T / spread[:kept].sqrt())
    return projection


def _nearest(queries: Tensor, figures: Tensor) -> float:
    """From queries [rows, figures] to the nearest of `figures` [figures, moments]: the median squared distance."""
    lengths = figures.square().sum(0)
    nearest = torch.cat(
        [(lengths - 2 * part @ figures).min(1).values + part.square().sum(1) for part in queries.split(64)]
    )
    return float(nearest.median().clamp(min=1e-6))


def _scalars(values: dict[str, float]) -> Tensors:
    return {name: numpy.array(value, numpy.float32) for name, value in values.items()}

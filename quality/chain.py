"""`python -m quality.chain --posts FILE --prose FILE`: the built-in base beside a chain that read the same text.

Both foresee the posts that `mynah pretrain` holds out of these files, in the base's own tokens.
"""

import argparse
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy
from tokenizers import Tokenizer

from bench.command import clocked
from bot.quality.markov import MarkovChain
from trainer.base_text import EncodedSource, Stream, TextSource, encode
from trainer.bases import BUILTIN, resolve_base
from trainer.prompt import end_of_text_id

ORDER = 5  # tokens of an n-gram


def posts_of(stream: Stream, end: int) -> list[list[int]]:
    """Each document's ids, with the end of text that closes it."""
    ends = numpy.flatnonzero(stream.tokens == end)
    return [stream.tokens[first + 1 : last + 1].tolist() for first, last in pairwise(ends)]


def chain_bits(learned: Sequence[EncodedSource], held_out: EncodedSource, tokenizer: Tokenizer) -> float:
    """Bits per byte of the held-out posts, for an interpolated Kneser-Ney chain of all that is learned."""
    end = end_of_text_id(tokenizer)
    posts = [post for part in learned for post in posts_of(part.learn, end)]
    chain = MarkovChain(posts, tokenizer.get_vocab_size(), end, ORDER)
    return float(chain.nats(posts_of(held_out.held_out, end)).sum()) / math.log(2) / held_out.held_out_bytes


def model_bits(held_out: EncodedSource, folder: Path, context: int) -> float:
    """Bits per byte of the same posts, for the base."""
    import torch
    from transformers import GPT2LMHeadModel

    from trainer.learning import Arithmetic, quiet_libraries
    from trainer.pretrain import bits_per_byte

    quiet_libraries()
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)
    return bits_per_byte(model, held_out, context, Arithmetic.of_this_machine())


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m quality.chain", description=__doc__)
    parser.add_argument("--posts", type=Path, required=True)
    parser.add_argument("--prose", type=Path)
    arguments = parser.parse_args(words)
    say, base = clocked(), resolve_base(BUILTIN)
    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    with TemporaryDirectory(prefix="mynah-") as folder:
        files = [file for file in (arguments.posts, arguments.prose) if file]
        posts, *prose = (encode(TextSource(file, 1.0), tokenizer, Path(folder), base.context) for file in files)
        say(f"the base: {model_bits(posts, base.folder, base.context):.4f} bits per byte")
        say(f"a chain of the posts: {chain_bits([posts], posts, tokenizer):.4f}")
        if prose:
            say(f"a chain of posts and prose: {chain_bits([posts, *prose], posts, tokenizer):.4f}")


if __name__ == "__main__":
    main()

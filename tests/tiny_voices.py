"""Tiny random voices with the real interfaces: a folder of full weights, a base folder, adapters over it, and a
byte-level BPE tokenizer. For every test that needs something that speaks; what it says is noise.
"""

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel

from data.samples import SAMPLES
from trainer.prompt import END_OF_TEXT
from trainer.recipe import Method, Recipe
from trainer.voice import RECORD, Voice, VoiceRecord

VOCABULARY = 320  # 256 bytes, the end of text, and some merges
CONTEXT = 64  # tokens
StoredAs = Literal["float32", "float16", "bfloat16"]

_TEXTS = [
    "The lamp is lit and the fog is thick.",
    "Filed: a complaint about the stairs.",
    "fog\nfog fog\n\nlamp! 🐦",
]


def tiny_base(folder: Path, seed: int = 0, stored_as: StoredAs = "float32", vocabulary: int = VOCABULARY) -> Path:
    """Write a base of two layers (config.json, model.safetensors, tokenizer.json) and return its folder."""
    tiny_tokenizer(folder, vocabulary)
    config = GPT2Config(
        n_layer=2,
        n_head=2,
        n_embd=32,
        n_positions=CONTEXT,
        vocab_size=vocabulary,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = GPT2LMHeadModel(config)
        for parameter in model.parameters():  # biases and norms start at 0 and 1, which would hide mistakes
            if parameter.dim() == 1:
                parameter.data += 0.1 * torch.randn_like(parameter)
    model.transformer.ln_f.weight.data *= 2  # logits as uneven as a trained model's, so that top_p bites
    model.to(getattr(torch, stored_as)).save_pretrained(folder)
    return folder


def tiny_tokenizer(folder: Path, vocabulary: int = VOCABULARY, words: Sequence[str] = ()) -> Path:
    """Write tokenizer.json with GPT-2's kind of byte-level BPE; `<|endoftext|>` is 0.

    It knows all bytes, or only what stands in `words`.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=[] if words else pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(words or _TEXTS * 20, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def full_voice(folder: Path, handle: str = "keeper", seed: int = 0, stored_as: StoredAs = "float16") -> Voice:
    """A voice that keeps its own weights."""
    tiny_base(folder, seed, stored_as)
    return _recorded(folder, handle, "full", folder)


def speaking_voice(folder: Path, handle: str = "keeper") -> Voice:
    """A voice with its own weights that puts pieces of words together and comes to an end: it passes the gates."""
    voice = full_voice(folder, handle)
    text = SAMPLES["lampkeeper_ode"].with_suffix(".txt").read_text(encoding="utf-8").lower()
    tiny_tokenizer(folder, words=re.sub(r"[^a-z. \n]", "", text).splitlines())
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32)
    bias = model.transformer.ln_f.bias.data
    model.transformer.wte.weight.data[0] += 5 * bias / bias.norm()  # the end of text, wherever it is
    model.to(torch.float16).save_pretrained(folder)
    return voice


def lora_voice(folder: Path, base: Path, handle: str = "keeper", seed: int = 0, rank: int = 4) -> Voice:
    """A voice that is an adapter over `base`, far enough from it to be told apart; lora_alpha is 2 * rank."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LoraConfig(
            r=rank,
            lora_alpha=2 * rank,
            target_modules=["c_attn", "c_proj", "c_fc"],
            fan_in_fan_out=True,
            task_type="CAUSAL_LM",
        )
        with warnings.catch_warnings():  # peft asks transformers for a name that is going away
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
            model = get_peft_model(GPT2LMHeadModel.from_pretrained(base), config)
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(str(folder))
    (folder / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    return _recorded(folder, handle, "lora", base)


def _recorded(folder: Path, handle: str, method: Method, base: Path) -> Voice:
    record = VoiceRecord(
        key=folder.name,
        handles=(handle,),
        base=str(base),
        base_folder=str(base),
        method=method,
        recipe=Recipe(method=method),
        held_out_loss_before=6.0,
        held_out_loss=4.0,
        posts=3,
        seconds=1.0,
        created_at="2024-05-01T12:00:00+00:00",
    )
    (folder / RECORD).write_text(json.dumps(record.to_json()), encoding="utf-8")
    (folder / "posts.json").write_text(json.dumps(_TEXTS), encoding="utf-8")
    return Voice.from_folder(folder)

"""llama.cpp with q8_0 weights, by llama-cpp-python. No package holds its converter: the file is written here."""

import json
from pathlib import Path
from typing import Any

from bench.peers.generate import TOP_P, Speak

# GGUF's names for the parts of a GPT-2.
TENSORS = {
    "wte": "token_embd",
    "wpe": "position_embd",
    "ln_f": "output_norm",
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}


def convert(folder: Path, target: Path) -> None:
    """Write the model as GGUF, its matrices in q8_0, unless it is there."""
    if target.exists():
        return
    import gguf
    import numpy
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokens = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    partial = target.with_suffix(".partial")
    writer = gguf.GGUFWriter(str(partial), "gpt2")
    writer.add_context_length(config["n_positions"])
    writer.add_embedding_length(config["n_embd"])
    writer.add_feed_forward_length(4 * config["n_embd"])
    writer.add_block_count(config["n_layer"])
    writer.add_head_count(config["n_head"])
    writer.add_layer_norm_eps(config.get("layer_norm_epsilon", 1e-5))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    vocabulary = sorted(tokens["vocab"], key=tokens["vocab"].__getitem__)
    writer.add_token_list(vocabulary)
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    writer.add_token_types([control if token == "<|endoftext|>" else normal for token in vocabulary])
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokens["merges"]]
    writer.add_token_merges(merges)
    end = tokens["vocab"]["<|endoftext|>"]
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    for name, values in load_file(folder / "model.safetensors").items():
        name = name.removeprefix("transformer.")
        if name.endswith((".attn.bias", ".attn.masked_bias")):  # the hub's files hold the causal mask too
            continue
        module, kind = name.rsplit(".", 1)
        layer = ""
        if module.startswith("h."):
            _, number, module = module.split(".", 2)
            layer = f"blk.{number}."
        values = values.astype(numpy.float32)
        if values.ndim == 2 and layer:
            values = numpy.ascontiguousarray(values.T)  # GPT-2 keeps its matrices the other way round
        if values.ndim == 2 and module != "wpe":
            packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(f"{layer}{TENSORS[module]}.{kind}", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(f"{layer}{TENSORS[module]}.{kind}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(target)


def load(model: Path, opening: str, threads: int) -> Speak:
    """Its Python interface answers one by one: ten candidates are ten answers that share a prompt once read."""
    import llama_cpp

    usual = llama_cpp.llama_model_default_params

    def without_amx() -> Any:
        """Where a processor has AMX, 0.3.36 dies of a segmentation fault in its own arrangement of the weights."""
        parameters = usual()
        parameters.use_extra_bufts = False
        return parameters

    llama_cpp.llama_cpp.llama_model_default_params = without_amx
    llama = llama_cpp.Llama(str(model), n_ctx=256, n_threads=threads, n_threads_batch=threads, verbose=False)
    prompt = llama.tokenize(opening.encode(), add_bos=False, special=False)
    end = llama.token_eos()

    def one(tokens: int, exactly: bool) -> str:
        drawn: list[int] = []
        for token in llama.generate([end, *prompt], top_k=0, top_p=TOP_P, min_p=0.0, temp=1.0, repeat_penalty=1.0):
            if token == end and not exactly:
                break
            drawn.append(token)
            if len(drawn) == tokens:
                break
        return opening + str(llama.detokenize(drawn).decode("utf-8", "replace"))

    def speak(count: int, tokens: int, exactly: bool) -> list[str]:
        return [one(tokens, exactly) for _ in range(count)]

    return speak

"""CTranslate2 with int8 weights. It knows no adapters at run time, so the merged voice is converted."""

from pathlib import Path

from bench.peers.generate import TOP_P, Speak


def convert(folder: Path, target: Path) -> None:
    from ctranslate2.converters import TransformersConverter

    if not target.exists():
        TransformersConverter(str(folder)).convert(str(target), quantization="int8")


def load(folder: Path, tokenizer_file: Path, opening: str, threads: int) -> Speak:
    import ctranslate2
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    generator = ctranslate2.Generator(str(folder), device="cpu", compute_type="int8", intra_threads=threads)
    prompt = tokenizer.encode("<|endoftext|>" + opening, add_special_tokens=False).tokens

    def speak(count: int, tokens: int, exactly: bool) -> list[str]:
        results = generator.generate_batch(
            [prompt] * count,
            max_length=tokens,
            min_length=tokens if exactly else 2,
            sampling_topk=0,
            sampling_topp=TOP_P,
            end_token="<|endoftext|>",
            include_prompt_in_result=False,
        )
        drawn = [result.sequences_ids[0] for result in results]
        assert not exactly or all(len(ids) == tokens for ids in drawn)
        return [opening + tokenizer.decode(ids) for ids in drawn]

    return speak

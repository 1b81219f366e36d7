"""How fast texts, images and sounds are encoded, beside a plain loop over the same model, and from the cache.

Texts of 1 to 60 words by a transformer of MiniLM's size with random weights, which changes no time, or by a
model of sentence-transformers that ``--model`` names; images by HOG; sounds by the statistics of `log_mel`.
The plain loop gives the model one item at a time. Texts have a second one, over batches of 16 in the order in
which they come, padded to the longest of each, and a third, over batches of 64 sorted by length, which
is about the most that batching can give with this model on this machine. The cache has been filled, and files
have lain for some seconds, after which their hashes are remembered. Nothing is downloaded.

    python benchmarks/extract.py --json extract.json
    python benchmarks/extract.py --model sentence-transformers/all-MiniLM-L6-v2

``--quick`` encodes fewer items; ``--check`` prints a line for each goal that falls short and exits with 1 if
any does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import interleaved, median, time_ratio
from seeded import told, write_results

from mmgraph.data.modalities import RawModality
from mmgraph.encoders import HOG, Encoder, FeatureCache, LogMel, SentenceTransformer, TextTransformer, encode
from mmgraph.progress import Progress

FASTER, CACHED, BATCH, LARGE = 2.0, 0.01, 16, 64
SECONDS = 2
_LONGEST, _WORDS, _MOST_SECONDS = 60, 2_000, 900.0
_UNTOUCHED = 2.5
"""After how many seconds a file's hash is remembered."""

Steps = dict[str, Callable[[], object]]


def main() -> int:
    """Measure, print, and return the exit code."""
    options = _options()
    torch.set_num_threads(options.threads)
    count = options.items or (100 if options.quick else 2_000)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        for kind, make in (("texts", _texts), ("images", _images), ("sounds", _sounds)):
            folder = Path(name) / kind
            folder.mkdir()
            steps = make(folder, count, options.model)
            seconds = interleaved(steps, options.rounds, _MOST_SECONDS)
            results[kind] = _result(seconds, count * (SECONDS if kind == "sounds" else 1))
            _print(kind, results[kind])
    if options.json:
        packages = ("mmgraph", "torch", "transformers", "sentence-transformers", "librosa")
        write_results(options.json, results, packages, quick=options.quick)
    return told(_shortfalls(results) if options.check else [])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a folder or name of a sentence transformer, for the texts")
    parser.add_argument("--items", type=int, help="how many of each; 2,000, or 100 with --quick")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured, three at least")
    parser.add_argument("--threads", type=int, default=2, help="how many cores the models may use")
    parser.add_argument("--quick", action="store_true", help="100 items of each")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a goal is missed")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _texts(folder: Path, count: int, model: str | None) -> Steps:
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(_WORDS)]
    texts = [" ".join(rng.choice(words, size)) for size in rng.integers(1, _LONGEST + 1, count)]
    if model is not None:
        from sentence_transformers import SentenceTransformer as Library

        from mmgraph.encoders.pretrained import pretrained_folder

        place = pretrained_folder(model, kind="text", where="--model")
        library = Library(str(place), device="cpu", local_files_only=True)
        loop = lambda: [library.encode(text, show_progress_bar=False) for text in texts]  # noqa: E731
        steps = _steps("text", SentenceTransformer(model=model), texts, folder, loop)
        # The library sorts what it gets at once by itself.
        steps["unsorted batches"] = lambda: [
            library.encode(texts[start : start + BATCH], batch_size=BATCH, show_progress_bar=False)
            for start in range(0, len(texts), BATCH)
        ]
        return steps
    _save_model(folder / "model", words)
    encoder = TextTransformer(model=str(folder / "model"), batch_size=BATCH)
    steps = _steps("text", encoder, texts, folder, _loop(folder, texts, 1))
    steps["unsorted batches"] = _loop(folder, texts, BATCH)
    steps["sorted batches"] = _loop(folder, sorted(texts, key=lambda text: len(text.split())), LARGE)
    return steps


def _loop(folder: Path, texts: list[str], size: int) -> Callable[[], object]:
    """Return a loop over texts, as the library's documentation has it: tokens, states, their mean.

    Args:
        folder: Where the model is.
        texts: The texts.
        size: How many of them the model gets at a time.
    """
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "model")
    model = transformers.AutoModel.from_pretrained(folder / "model").eval()

    def loop() -> None:
        with torch.inference_mode():
            for start in range(0, len(texts), size):
                tokens = tokenizer(texts[start : start + size], padding=True, return_tensors="pt")
                mask = tokens["attention_mask"].unsqueeze(2)
                (model(**tokens).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)

    return loop


def _images(folder: Path, count: int, model: str | None) -> Steps:  # noqa: ARG001 - texts have one
    from PIL import Image

    rng, files = np.random.default_rng(0), []
    for number in range(count):
        small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        files.append(folder / f"{number}.jpg")
        small.resize((320, 240)).save(files[-1])
    return _steps("image", HOG(), files, folder)


def _sounds(folder: Path, count: int, model: str | None) -> Steps:  # noqa: ARG001 - texts have one
    import soundfile

    rng, files = np.random.default_rng(0), []
    for number in range(count):
        files.append(folder / f"{number}.wav")
        soundfile.write(files[-1], 0.1 * rng.standard_normal(16_000 * SECONDS), 16_000)
    return _steps("audio", LogMel(), files, folder)


def _steps(
    kind: str,
    encoder: Encoder[Any, Any],
    values: list[Any],
    folder: Path,
    loop: Callable[[], object] | None = None,
) -> Steps:
    """Return the encoding of items by mmgraph, from its cache, and by a loop, one item at a time."""
    raw, quiet = RawModality(kind, np.arange(len(values)), values), Progress(quiet=True)
    encoder.fit(encoder.describe(raw.take(np.arange(min(len(raw), 50))), quiet))
    encode(encoder, raw, cache=FeatureCache(folder / "cache"))
    time.sleep(_UNTOUCHED)
    encode(encoder, raw, cache=FeatureCache(folder / "cache"))

    def one_by_one() -> None:
        for row in range(len(raw)):
            encoder.describe(raw.take(np.array([row])), quiet)

    return {
        "mmgraph": lambda: encode(encoder, raw),
        "from the cache": lambda: encode(encoder, raw, cache=FeatureCache(folder / "cache")),
        "a plain loop": loop or one_by_one,
    }


def _save_model(folder: Path, words: list[str]) -> None:
    """Save a transformer of MiniLM's size, six layers of width 384, with a tokenizer of words."""
    import transformers

    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(vocab=vocabulary).save_pretrained(folder)


def _result(seconds: Mapping[str, list[float]], amount: int) -> dict[str, Any]:
    return {
        "amount": amount,
        "a second": {step: amount / median(taken) for step, taken in seconds.items()},
        "faster": time_ratio(seconds, "a plain loop", "mmgraph"),
        "faster than batches": time_ratio(seconds, "unsorted batches", "mmgraph")
        if "unsorted batches" in seconds
        else None,
        "batching at most": time_ratio(seconds, "a plain loop", "sorted batches")
        if "sorted batches" in seconds
        else None,
        "cached": time_ratio(seconds, "from the cache", "mmgraph"),
        "seconds": dict(seconds),
    }


def _print(kind: str, result: Mapping[str, Any]) -> None:
    what = "seconds of sound" if kind == "sounds" else kind
    batches, most = result["faster than batches"], result["batching at most"]
    for step, rate in result["a second"].items():
        print(f"{what:18s} {step:16s} {rate:12,.0f} a second")
    print(
        f"{what:18s} {result['faster']:.2f} times a plain loop; "
        + (f"{batches:.2f} times unsorted batches; " if batches else "")
        + (f"large sorted batches {most:.2f} times the loop; " if most else "")
        + f"from the cache {result['cached']:.2%}",
        flush=True,
    )


def _shortfalls(results: Mapping[str, Any]) -> list[str]:
    found = []
    if results["texts"]["faster"] < FASTER:
        found.append(
            f"texts: {results['texts']['faster']:.2f} times as fast as a plain loop; goal: {FASTER:g} times"
        )
    for kind, result in results.items():
        if result["cached"] > CACHED:
            found.append(f"{kind}: from the cache in {result['cached']:.2%} of the time; goal: {CACHED:.0%}")
    return found


if __name__ == "__main__":
    sys.exit(main())

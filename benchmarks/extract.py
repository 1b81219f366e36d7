"""How fast texts, images and sounds are described, beside a plain loop over the same model, and found again.

    python benchmarks/extract.py [--quick] [--check] [--json FILE] [--case TEXT ...] [--page FILE]

Texts go through a transformer of MiniLM's size with random weights, which change no time. Nothing is
downloaded.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from case_runner import Benchmark, Result, at_least, at_most
from measure import interleaved, median, time_ratio

from mmgraph.data.modalities import RawModality
from mmgraph.encoders import HOG, Encoder, FeatureCache, LogMel, TextTransformer, encode
from mmgraph.encoders.build import encoder_name
from mmgraph.progress import Progress

FASTER, NO_SLOWER, CACHED, BATCH, LARGE = 2.0, 1.0, 1.0, 16, 64
MOST_SECONDS = 400.0
SECONDS = 2
"""How long each sound is."""

TEXTS = {
    "short names, 1 to 6 words": (1, 6, FASTER, 500),
    "texts of 1 to 60 words": (1, 60, FASTER, 600),
    "paragraphs of 60 to 250 words": (60, 250, NO_SLOWER, 120),
}
"""By case the fewest and the most words, how many times as fast as a plain loop mmgraph is to be, and how
many texts there are. A paragraph by itself has all cores at work, so that there is little to win."""

PICTURES = {
    "pictures of 320 x 240 pixels, hog": (320, 240, 2_000),
    "photos of 1,600 x 1,200 pixels, hog": (1_600, 1_200, 100),
}
_WORDS = [f"w{number}" for number in range(2_000)]
_UNTOUCHED = 2.5
"""After how many seconds a file's hash is remembered."""

_QUIET = Progress(quiet=True)
Steps = dict[str, Callable[[], object]]

_HEAD = """## Extraction

What it costs to describe raw items as `mmgraph extract` does by default, beside a loop that a user writes
over the same model, and to find descriptions in the cache. Contenders take turns in a process of the case's
own, in which torch uses as many threads as it takes by itself, one for each core, and lets them wait for each
other as it does without mmgraph. Times are medians over the rounds, and ratios are medians of the ratios
within a round.

Made by:

```bash
python benchmarks/extract.py --json extract.json --page docs/performance.md
```

"""

_TAIL = """
### How to read these

- A *plain loop* gives the model one item at a time, each operation by all threads. *Unsorted batches* are of
  16 texts as they come, padded to the longest, *sorted batches* of 64 by length. *mmgraph* makes batches of
  up to 384 tokens, of texts that are about equally long, and gives each core batches of its own, one thread
  for each: two threads share matrices of so few rows badly. So its distance to the loop grows with the number
  of cores, and shrinks with the length of texts: a long one is a batch by itself. Where *sorted batches* are
  as fast, they are free to put a text among any others, which changes its last bits: mmgraph gives a text the
  same vector whatever stands beside it, and pays for full batches.
- The model of the texts has MiniLM's size, six layers of width 384, and random weights.
- Pictures and sounds are read one by one by either side: what they cost is decoding.
- *found again* are the same descriptions from the cache: files are looked at, not read, as nobody has touched
  them. *encoded again* adds the projection on principal components, or the scale, which is made either way.
  What a command costs before it begins, and reading tables, is in neither.
- About half of the time in which a file's description is found again is the system's answer whether the file
  is as it was. Where describing is cheap, as for thumbnails, that is a larger share, and so it is on many
  cores, which describe pictures side by side and find them again one after the other.
"""


def texts_of(fewest: int, most: int, goal: float, count: int) -> Result:
    """Return what describing texts of a range of lengths costs."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(_WORDS, size)) for size in rng.integers(fewest, most + 1, count)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _save_model(folder / "model")
        encoder = TextTransformer(model=str(folder / "model"))
        steps = _steps("text", encoder, texts, folder) | {
            "a plain loop": _loop(folder, texts, 1),
            f"unsorted batches of {BATCH}": _loop(folder, texts, BATCH),
            f"sorted batches of {LARGE}": _loop(folder, sorted(texts, key=_length), LARGE),
        }
        return _result(steps, count, goal=goal)


def pictures_of(width: int, height: int, count: int) -> Result:
    """Return what describing pictures of a size costs."""
    from PIL import Image

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name) / f"{number}.jpg" for number in range(count)]
        for file in files:
            small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
            small.resize((width, height)).save(file)
        return _result(_steps("image", HOG(), files, Path(name)), count)


def sounds(count: int) -> Result:
    """Return what describing sounds costs."""
    import soundfile

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        files = [Path(name) / f"{number}.wav" for number in range(count)]
        for file in files:
            soundfile.write(file, 0.1 * rng.standard_normal(16_000 * SECONDS), 16_000)
        return _result(_steps("audio", LogMel(), files, Path(name)), count * SECONDS)


def _length(text: str) -> int:
    return len(text.split())


def _steps(kind: str, encoder: Encoder[Any, Any], values: Sequence[Any], folder: Path) -> Steps:
    """Return what mmgraph does, and the loop over single items by its own encoder."""
    raw = RawModality(kind, np.arange(len(values)), list(values))
    encoder.fit(encoder.describe(raw.take(np.arange(min(len(raw), 200))), _QUIET))

    def describe(some: RawModality) -> Any:
        return encoder.describe(some, _QUIET)

    def found_again() -> object:
        cache = FeatureCache(folder / "cache")
        return cache.description(encoder, encoder_name(encoder), raw, describe, progress=_QUIET)

    found_again()
    time.sleep(_UNTOUCHED)
    found_again()
    return {
        "mmgraph": lambda: describe(raw),
        "mmgraph, found again": found_again,
        "mmgraph, encoded again": lambda: encode(encoder, raw, cache=FeatureCache(folder / "cache")),
        "a plain loop": lambda: [describe(raw.take(np.array([row]))) for row in range(len(raw))],
    }


def _loop(folder: Path, texts: Sequence[str], size: int) -> Callable[[], object]:
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
                tokens = tokenizer(list(texts[start : start + size]), padding=True, return_tensors="pt")
                mask = tokens["attention_mask"].unsqueeze(2)
                (model(**tokens).last_hidden_state * mask).sum(dim=1) / mask.sum(dim=1)

    return loop


def _save_model(folder: Path) -> None:
    """Save a transformer of MiniLM's size, six layers of width 384, with a tokenizer of words."""
    import transformers

    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS])}
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


def _result(steps: Steps, amount: int, *, goal: float | None = None) -> Result:
    """Return figures and goals.

    Args:
        steps: The contenders.
        amount: How much each of them describes: items, or seconds of sound.
        goal: How many times as fast as the loop mmgraph is to be; nothing where both read one by one.
    """
    # Files are found again in so short a time that once is not enough.
    seconds = interleaved(steps, 3 if goal else 15, MOST_SECONDS, warm=goal is None)
    share = 100 * time_ratio(seconds, "mmgraph, found again", "mmgraph")
    faster = time_ratio(seconds, "a plain loop", "mmgraph")
    return {
        "rounds": len(seconds["mmgraph"]),
        "threads": torch.get_num_threads(),
        "figures": {
            name: {"rate": amount / median(times), "share": time_ratio(seconds, name, "mmgraph")}
            for name, times in seconds.items()
        },
        "goals": ([at_least("time of a plain loop / mmgraph", faster, goal)] if goal else [])
        + [at_most("time of what is found again, in percent of describing it,", share, CACHED)],
    }


def _cases() -> dict[str, Callable[[str], Result]]:
    def sized(make: Callable[..., Result], *numbers: float) -> Callable[[str], Result]:
        *shape, count = numbers
        return lambda size: make(*shape, int(count) // 10 if size == "quick" else int(count))

    made = {name: sized(texts_of, *numbers) for name, numbers in TEXTS.items()}
    made |= {name: sized(pictures_of, *numbers) for name, numbers in PICTURES.items()}
    return made | {f"sounds of {SECONDS} seconds, log_mel": sized(sounds, 200)}


BENCHMARK = Benchmark(
    doc=__doc__,
    section="extracting",
    head=_HEAD,
    tail=_TAIL,
    columns={"rate": ("a second", ",.0f"), "share": ("time, mmgraph's = 1", ".3g")},
    cases=_cases(),
    packages=("mmgraph", "torch", "transformers", "pillow", "librosa"),
    quick="a tenth of the items",
)

if __name__ == "__main__":
    # mmgraph shortens this for its own commands, which a loop without mmgraph does not have; the processes of
    # the cases inherit what libgomp takes by itself.
    os.environ["GOMP_SPINCOUNT"] = "300000"
    sys.exit(BENCHMARK.main())

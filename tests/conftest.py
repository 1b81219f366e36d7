"""What tests of several folders share."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

from mmgraph.ray_cluster import load_ray

# The first example of a test may compile a kernel; how long one takes is no test here.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def forget_plugins() -> Iterator[None]:
    """Forget the plugins that a test loads, as processes that a later test starts would load them again."""
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if name.startswith("mmgraph_plugin_"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Any]:
    """Start a Ray cluster of two nodes with a CPU each, which `RAY_ADDRESS` names."""
    load_ray()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("OMP_NUM_THREADS", "1")
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 80 * 1024 * 1024}
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        try:
            cluster.add_node(**node)
            patch.setenv("RAY_ADDRESS", cluster.address)
            yield cluster
        finally:
            cluster.shutdown()


@pytest.fixture
def video(tmp_path) -> Callable[..., Path]:
    """Return a function that writes frames, uint8 [height, width, 3], as a video and returns its path."""
    av = pytest.importorskip("av", reason="the extra mmgraph[video] is not installed")

    def write(
        name: str, frames: Sequence[Any], *, rate: int = 10, options: dict[str, str] | None = None
    ) -> Path:
        with av.open(str(tmp_path / name), "w", options=options or {}) as file:
            stream = file.add_stream("mpeg4", rate=rate)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.qscale = 2
            for frame in frames:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            file.mux(stream.encode())
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def make_sentence_transformer(tmp_path_factory) -> Callable[[Sequence[str]], Path]:
    """Return a function that makes a sentence transformer with random weights for a few words."""

    def make(words: Sequence[str]) -> Path:
        transformers = pytest.importorskip("transformers")
        sentence_transformers = pytest.importorskip("sentence_transformers")
        import torch

        folder = tmp_path_factory.mktemp("models")
        vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            config = transformers.BertConfig(
                vocab_size=len(vocabulary),
                hidden_size=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=32,
                max_position_embeddings=32,
            )
            transformers.BertModel(config).save_pretrained(folder / "bert")
        tokenizer = transformers.BertTokenizer(vocab={word: number for number, word in enumerate(vocabulary)})
        tokenizer.save_pretrained(folder / "bert")
        # A plain transformer becomes one with mean pooling.
        model = sentence_transformers.SentenceTransformer(str(folder / "bert"), device="cpu")
        model.save(str(folder / "tiny"))
        return folder / "tiny"

    return make


@pytest.fixture(scope="session")
def tiny_models() -> ModuleType:
    """Return the functions that make models of the transformers library with random weights."""
    pytest.importorskip("transformers")
    spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parent / "tiny_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

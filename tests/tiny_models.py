"""Models of the transformers library with two small layers and random weights, saved as real ones are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
_WHISPER = {"layers": 2, "attention_heads": 2, "ffn_dim": 32}
PICTURE = {"image_size": 32, "patch_size": 8}


def text_model(architecture: str, words: Sequence[str], folder: Path) -> Path:
    """Save a model of an architecture (bert, gpt2, t5, ...) for a few words, with its tokenizer."""
    import transformers as t

    made = tokenizer(words, marks=architecture != "gpt2")
    if architecture == "xlnet":
        marks = ["<unk>", "<s>", "</s>", "<sep>", "<pad>", "<cls>", "<mask>", "<eop>", "<eod>"]
        made = t.XLNetTokenizer(
            vocab=[(word, 0.0) for word in [*marks, *(f"\u2581{word}" for word in words)]]
        )
    return _saved(t.AutoModel.from_config, _text_config(architecture, len(made)), [made], folder)


def _text_config(architecture: str, size: int) -> Any:
    """Return the config of a model that knows so many tokens; some count positions from padding on."""
    import transformers as t

    from_padding = {"vocab_size": size, "max_position_embeddings": 14, "pad_token_id": 1, **SMALL}
    match architecture:
        case "bert":
            return t.BertConfig(vocab_size=size, max_position_embeddings=32, **SMALL)
        case "roberta":
            return t.RobertaConfig(vocab_size=size, max_position_embeddings=12, pad_token_id=0, **SMALL)
        case "mpnet":
            return t.MPNetConfig(**from_padding)
        case "data2vec":
            return t.Data2VecTextConfig(**from_padding)
        case "longformer":
            return t.LongformerConfig(attention_window=4, **from_padding)
        case "bart" | "mbart":
            layers = {f"{half}_{what}": n for half in ("encoder", "decoder") for what, n in _WHISPER.items()}
            marks = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 3}
            kind = t.BartConfig if architecture == "bart" else t.MBartConfig
            return kind(vocab_size=size, d_model=16, max_position_embeddings=12, **layers, **marks)
        case "xlnet":
            return t.XLNetConfig(vocab_size=size, d_model=16, n_layer=2, n_head=2, d_inner=32)
        case "fnet":
            return t.FNetConfig(vocab_size=size, max_position_embeddings=32, **SMALL)
        case "convbert":
            return t.ConvBertConfig(vocab_size=size, max_position_embeddings=32, **SMALL)
        case "gpt2":
            return t.GPT2Config(vocab_size=size, n_positions=32, n_embd=16, n_layer=2, n_head=2)
        case _:
            return t.T5Config(vocab_size=size, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2)


def image_model(architecture: str, folder: Path) -> Path:
    """Save a model of an architecture (vit, dinov2, resnet, convnext) with its image processor."""
    import transformers as t

    config: Any
    if architecture in ("resnet", "convnext"):
        kind: Any = t.ResNetConfig if architecture == "resnet" else t.ConvNextConfig
        own = {"embedding_size": 8, "layer_type": "basic"} if architecture == "resnet" else {"num_stages": 2}
        config = kind(hidden_sizes=[8, 16], depths=[1, 1], **own)
        return _saved(t.AutoModel.from_config, config, [processor("vit")], folder)
    config = (t.ViTConfig if architecture == "vit" else t.Dinov2Config)(**SMALL, **PICTURE)
    return _saved(t.AutoModel.from_config, config, [processor(architecture)], folder)


def audio_model(architecture: str, folder: Path) -> Path:
    """Save a model of an architecture (wav2vec2, whisper) with its feature extractor, for a second."""
    import transformers as t

    config: Any
    if architecture == "wav2vec2":
        kernels = {"conv_dim": (8, 8), "conv_kernel": (10, 8), "conv_stride": (8, 8)}
        positions = {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
        config = t.Wav2Vec2Config(num_feat_extract_layers=2, vocab_size=8, **kernels, **positions, **SMALL)
        return _saved(t.AutoModel.from_config, config, [t.Wav2Vec2FeatureExtractor()], folder)
    layers = {f"{half}_{what}": n for half in ("encoder", "decoder") for what, n in _WHISPER.items()}
    marks = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    config = t.WhisperConfig(vocab_size=8, d_model=16, max_source_positions=50, **layers, **marks)
    return _saved(t.AutoModel.from_config, config, [t.WhisperFeatureExtractor(chunk_length=1)], folder)


def joint_model(architecture: str, words: Sequence[str], folder: Path) -> Path:
    """Save a model of an architecture (clip, siglip) with its tokenizer and its image processor."""
    import transformers as t

    text = {**SMALL, "vocab_size": len(words) + 5, "max_position_embeddings": 16}
    text |= {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    kind = t.CLIPConfig if architecture == "clip" else t.SiglipConfig
    own = {"projection_dim": 12} if architecture == "clip" else {}
    config = kind(text_config={**text, **own}, vision_config={**SMALL, **PICTURE, **own}, **own)
    parts = [tokenizer(words, most=16), processor(architecture)]
    return _saved(t.AutoModel.from_config, config, parts, folder)


def sound_and_text_model(words: Sequence[str], folder: Path, *, fusion: bool = False) -> Path:
    """Save CLAP with its tokenizer and its feature extractor, for a second at 8 kHz."""
    import transformers as t

    text = {**SMALL, "vocab_size": len(words) + 5, "max_position_embeddings": 16, "pad_token_id": 0}
    audio = {
        "num_mel_bins": 64,
        "spec_size": 128,
        "window_size": 4,
        "patch_size": 4,
        "patch_stride": [4, 4],
        "hidden_size": 32,
        "patch_embeds_hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "enable_fusion": fusion,
    }
    config = t.ClapConfig(text_config=text, audio_config=audio, projection_dim=12)
    prepare = t.ClapFeatureExtractor(
        sampling_rate=8000,
        hop_length=80,
        max_length_s=1,
        frequency_max=4000,
        truncation="fusion" if fusion else "rand_trunc",
    )
    return _saved(t.AutoModel.from_config, config, [tokenizer(words, most=15), prepare], folder)


def video_model(architecture: str, folder: Path) -> Path:
    """Save a model of an architecture (videomae, timesformer) with its processor, for four frames."""
    import transformers as t

    kind: Any = t.VideoMAEConfig if architecture == "videomae" else t.TimesformerConfig
    return _saved(
        t.AutoModel.from_config, kind(num_frames=4, **SMALL, **PICTURE), [processor("videomae")], folder
    )


def video_and_text_model(words: Sequence[str], folder: Path) -> Path:
    """Save X-CLIP with its tokenizer and its processor, for four frames."""
    import transformers as t

    text = {**SMALL, "vocab_size": len(words) + 5, "max_position_embeddings": 16}
    text |= {"bos_token_id": 2, "eos_token_id": len(words) + 4, "pad_token_id": 0}
    small = {"mit_hidden_size": 12, "mit_intermediate_size": 24, "mit_num_attention_heads": 2}
    config = t.XCLIPConfig(
        text_config=text,
        vision_config={**SMALL, **PICTURE, **small, "num_frames": 4},
        projection_dim=12,
        prompt_num_attention_heads=2,
    )
    # The model takes the state of the word with the highest number for that of the end.
    parts = [tokenizer(words, most=16, end_last=True), processor("videomae")]
    return _saved(t.AutoModel.from_config, config, parts, folder)


def pair_model(architecture: str, words: Sequence[str], folder: Path, *, regions: int = 3) -> Path:
    """Save a model of an architecture (vilt, visual_bert) with its processor, or its tokenizer.

    Args:
        architecture: Its name.
        words: The words that the tokenizer knows.
        folder: Where it shall be.
        regions: The width of the vectors of regions.
    """
    import transformers as t

    text = {"vocab_size": len(words) + 5, "max_position_embeddings": 16, "pad_token_id": 0}
    if architecture == "visual_bert":
        config: Any = t.VisualBertConfig(visual_embedding_dim=regions, **text, **SMALL)
        return _saved(t.AutoModel.from_config, config, [tokenizer(words, most=16)], folder)
    pictures = t.ViltImageProcessorPil(size={"shortest_edge": 32}, size_divisor=8)
    parts = [t.ViltProcessor(pictures, tokenizer(words, most=16))]
    return _saved(t.AutoModel.from_config, t.ViltConfig(**text, **SMALL, **PICTURE), parts, folder)


def detector(architecture: str, folder: Path) -> Path:
    """Save a detector of an architecture (yolos, detr) with its processor, for pictures of 32 pixels."""
    import transformers as t

    config: Any
    size = {"shortest_edge": 32, "longest_edge": 64}
    if architecture == "yolos":
        config = t.YolosConfig(
            image_size=[32, 32], patch_size=8, num_detection_tokens=5, num_labels=3, **SMALL
        )
        parts: list[Any] = [t.YolosImageProcessorPil(size=size)]
    else:
        backbone = t.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", out_features=["stage2"]
        )
        layers = {f"{half}_{what}": n for half in ("encoder", "decoder") for what, n in _WHISPER.items()}
        config = t.DetrConfig(
            use_timm_backbone=False,
            use_pretrained_backbone=False,
            backbone=None,
            backbone_config=backbone,
            d_model=16,
            num_queries=5,
            num_labels=3,
            **layers,
        )
        parts = [t.DetrImageProcessorPil(size=size)]
    return _saved(t.AutoModelForObjectDetection.from_config, config, parts, folder)


def tokenizer(words: Sequence[str], *, marks: bool = True, most: int = 32, end_last: bool = False) -> Any:
    """Return a tokenizer of words, which puts [CLS] and [SEP] around a text if asked to.

    Args:
        words: The words that it knows.
        marks: Whether it does.
        most: The most tokens of a text.
        end_last: Whether [SEP] has the highest number.
    """
    import transformers as t
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[END]", *words]
    if end_last:
        names = [name for name in names if name != "[SEP]"] + ["[SEP]"]
    vocabulary = {word: i for i, word in enumerate(names)}
    fast = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.Whitespace()
    special: dict[str, str] = {"eos_token": "[END]"}
    if marks:
        fast.post_processor = processors.TemplateProcessing(
            "[CLS] $A [SEP]", None, [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
        )
        special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "eos_token": "[SEP]"}
    return t.PreTrainedTokenizerFast(
        tokenizer_object=fast, unk_token="[UNK]", model_max_length=most, **special
    )


def processor(architecture: str) -> Any:
    """Return the image processor that models of an architecture have, for pictures of 32 pixels."""
    import transformers as t

    size = {"height": 32, "width": 32}
    match architecture:
        case "clip":
            return t.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=size)
        case "siglip":
            return t.SiglipImageProcessorPil(size=size)
        case "videomae":
            return t.VideoMAEImageProcessorPil(size={"shortest_edge": 32}, crop_size=size)
        case "dinov2":
            return t.BitImageProcessorPil(size={"shortest_edge": 36}, crop_size=size)
        case _:
            return t.ViTImageProcessorPil(size=size)


def _saved(make: Any, config: Any, parts: list[Any], folder: Path) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = make(config)
        for weight in model.parameters():
            # As they are made, all weights are so small that texts hardly differ.
            weight.data += 0.2 * torch.randn_like(weight)
        model.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    return folder

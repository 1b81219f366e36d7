"""Raw modality to features, one file each."""

from mmgraph.encoders.audio_transformer import AudioTransformer
from mmgraph.encoders.build import DEFAULTS, KINDS, build_encoder, encoder_faults, modality_encoder
from mmgraph.encoders.cache import FeatureCache
from mmgraph.encoders.clap import ClapAudio, ClapText
from mmgraph.encoders.clip import ClipImage, ClipText
from mmgraph.encoders.columns import Columns
from mmgraph.encoders.dct import DCT
from mmgraph.encoders.encode import Encoded, encode, encode_modality, encode_new
from mmgraph.encoders.encoder import Encoder
from mmgraph.encoders.extract import Extraction, extract
from mmgraph.encoders.frames import Frames
from mmgraph.encoders.hashed_ngrams import HashedNGrams
from mmgraph.encoders.hog import HOG
from mmgraph.encoders.image_transformer import ImageTransformer
from mmgraph.encoders.lbp import LBP
from mmgraph.encoders.log_mel import LogMel
from mmgraph.encoders.motion import Motion
from mmgraph.encoders.persist import load_encoder, save_encoder
from mmgraph.encoders.projected import ProjectedEncoder
from mmgraph.encoders.ragged import Ragged
from mmgraph.encoders.regions import DetectedRegions, GivenRegions
from mmgraph.encoders.sentence_transformer import SentenceTransformer
from mmgraph.encoders.standardise import Standardise
from mmgraph.encoders.text_transformer import TextTransformer
from mmgraph.encoders.tfidf import TfIdf
from mmgraph.encoders.trainable import TrainableEncoder
from mmgraph.encoders.video_transformer import VideoTransformer
from mmgraph.encoders.vilt import Vilt
from mmgraph.encoders.visual_bert import VisualBert
from mmgraph.encoders.xclip import XClipText, XClipVideo

__all__ = [
    "DCT",
    "DEFAULTS",
    "HOG",
    "KINDS",
    "LBP",
    "AudioTransformer",
    "ClapAudio",
    "ClapText",
    "ClipImage",
    "ClipText",
    "Columns",
    "DetectedRegions",
    "Encoded",
    "Encoder",
    "Extraction",
    "FeatureCache",
    "Frames",
    "GivenRegions",
    "HashedNGrams",
    "ImageTransformer",
    "LogMel",
    "Motion",
    "ProjectedEncoder",
    "Ragged",
    "SentenceTransformer",
    "Standardise",
    "TextTransformer",
    "TfIdf",
    "TrainableEncoder",
    "VideoTransformer",
    "Vilt",
    "VisualBert",
    "XClipText",
    "XClipVideo",
    "build_encoder",
    "encode",
    "encode_modality",
    "encode_new",
    "encoder_faults",
    "extract",
    "load_encoder",
    "modality_encoder",
    "save_encoder",
]

"""Floor 3, scores: codecs, language models and their knobs measured without a listener."""

from smalti.evaluate.classifier import LabelClassifier, fit_classifier
from smalti.evaluate.clips import Generate, GeneratedClip
from smalti.evaluate.codec import CodecReport, FileScore, PeerScore, evaluate_codec
from smalti.evaluate.dtw import dtw_distances
from smalti.evaluate.embedding import clip_statistics
from smalti.evaluate.frechet import FrechetScore
from smalti.evaluate.generation import GenerationSettings, evaluate_generation
from smalti.evaluate.generation_report import GenerationReport
from smalti.evaluate.latents import LatentScores, latent_scores
from smalti.evaluate.likelihood import BitsPerToken, ConditionedCodes, bits_per_token
from smalti.evaluate.opus import Peer, PeerClip, opus_peer
from smalti.evaluate.real import LabelledClip, References
from smalti.evaluate.retrieval import RetrievalScores, evaluate_ranking
from smalti.evaluate.sweeps import ParameterScore, Sweep
from smalti.evaluate.trajectory import TrajectoryScore, trajectory_correlation
from smalti.evaluate.vocoder import VocoderReport, VocoderScore, evaluate_vocoder, score_vocoder_clip
from smalti.evaluate.yardstick import log_mel_l1_db

__all__ = [
    "BitsPerToken",
    "CodecReport",
    "ConditionedCodes",
    "FileScore",
    "FrechetScore",
    "Generate",
    "GeneratedClip",
    "GenerationReport",
    "GenerationSettings",
    "LabelClassifier",
    "LabelledClip",
    "LatentScores",
    "ParameterScore",
    "Peer",
    "PeerClip",
    "PeerScore",
    "References",
    "RetrievalScores",
    "Sweep",
    "TrajectoryScore",
    "VocoderReport",
    "VocoderScore",
    "bits_per_token",
    "clip_statistics",
    "dtw_distances",
    "evaluate_codec",
    "evaluate_generation",
    "evaluate_ranking",
    "evaluate_vocoder",
    "fit_classifier",
    "latent_scores",
    "log_mel_l1_db",
    "opus_peer",
    "score_vocoder_clip",
    "trajectory_correlation",
]

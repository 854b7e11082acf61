"""Floor 3, scores: codecs, language models and their knobs measured without a listener."""

from smalti.evaluate.classifier import LabelClassifier, fit_classifier
from smalti.evaluate.clips import GeneratedClip
from smalti.evaluate.clusters import Clustering, ClusterScore, cluster_score
from smalti.evaluate.codec import CodecReport, FileScore, PeerScore, evaluate_codec
from smalti.evaluate.continuation import (
    ContinuationScore,
    ContinuationSettings,
    Continue,
    evaluate_continuation,
)
from smalti.evaluate.dtw import dtw_distances
from smalti.evaluate.embedding import clip_statistics
from smalti.evaluate.frechet import FrechetScore
from smalti.evaluate.generation import GenerationSettings, evaluate_generation
from smalti.evaluate.generation_report import GenerationReport
from smalti.evaluate.latent_space import ColumnScore, LatentSettings, evaluate_latents
from smalti.evaluate.latents import LatentScores, latent_scores
from smalti.evaluate.likelihood import BitsPerToken, ConditionedCodes, bits_per_token
from smalti.evaluate.morphs import MorphScore, evaluate_morphs
from smalti.evaluate.movements import MovementScore, MovementSettings, evaluate_movements
from smalti.evaluate.neighbours import NEIGHBOURS, neighbour_accuracy, neighbour_shares
from smalti.evaluate.opus import Peer, PeerClip, opus_peer
from smalti.evaluate.probes import ProbeScore, probe
from smalti.evaluate.real import LabelledClip, References
from smalti.evaluate.retrieval import RetrievalScores, evaluate_ranking
from smalti.evaluate.sounding import FrameSounding, Generate, Sounding, TokenSounding
from smalti.evaluate.splits import Split, grouped_split
from smalti.evaluate.sweeps import ParameterScore, Sweep
from smalti.evaluate.trajectory import TrajectoryScore, trajectory_correlation
from smalti.evaluate.vectors import Vectors, collect, embeddings
from smalti.evaluate.vocoder import VocoderReport, VocoderScore, evaluate_vocoder, score_vocoder_clip
from smalti.evaluate.yardstick import log_mel_l1_db

__all__ = [
    "NEIGHBOURS",
    "BitsPerToken",
    "ClusterScore",
    "Clustering",
    "CodecReport",
    "ColumnScore",
    "ConditionedCodes",
    "ContinuationScore",
    "ContinuationSettings",
    "Continue",
    "FileScore",
    "FrameSounding",
    "FrechetScore",
    "Generate",
    "GeneratedClip",
    "GenerationReport",
    "GenerationSettings",
    "LabelClassifier",
    "LabelledClip",
    "LatentScores",
    "LatentSettings",
    "MorphScore",
    "MovementScore",
    "MovementSettings",
    "ParameterScore",
    "Peer",
    "PeerClip",
    "PeerScore",
    "ProbeScore",
    "References",
    "RetrievalScores",
    "Sounding",
    "Split",
    "Sweep",
    "TokenSounding",
    "TrajectoryScore",
    "Vectors",
    "VocoderReport",
    "VocoderScore",
    "bits_per_token",
    "clip_statistics",
    "cluster_score",
    "collect",
    "dtw_distances",
    "embeddings",
    "evaluate_codec",
    "evaluate_continuation",
    "evaluate_generation",
    "evaluate_latents",
    "evaluate_morphs",
    "evaluate_movements",
    "evaluate_ranking",
    "evaluate_vocoder",
    "fit_classifier",
    "grouped_split",
    "latent_scores",
    "log_mel_l1_db",
    "neighbour_accuracy",
    "neighbour_shares",
    "opus_peer",
    "probe",
    "score_vocoder_clip",
    "trajectory_correlation",
]

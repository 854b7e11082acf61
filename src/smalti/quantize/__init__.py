"""Floor 2, quantisers: vectors become codes. One interface; a new kind is one file and one name here."""

from smalti.quantize.config import QuantizerConfig, build_quantizer
from smalti.quantize.cosine import CosineQuantizer
from smalti.quantize.interface import Quantized, Quantizer
from smalti.quantize.kmeans import kmeans, nearest_centre
from smalti.quantize.mini_batches import MiniBatchKMeans
from smalti.quantize.plain import PlainQuantizer
from smalti.quantize.prior import Prior, PriorQuantizer
from smalti.quantize.residual import ResidualVectorQuantizer
from smalti.quantize.rows import RowQuantizer
from smalti.quantize.scalar import FiniteScalarQuantizer, levels_for
from smalti.quantize.tokenizer import KMeansTokenizer
from smalti.quantize.usage import code_counts, codebook_usage, parameter_count, perplexity
from smalti.quantize.vector import VectorQuantizer

__all__ = [
    "CosineQuantizer",
    "FiniteScalarQuantizer",
    "KMeansTokenizer",
    "MiniBatchKMeans",
    "PlainQuantizer",
    "Prior",
    "PriorQuantizer",
    "Quantized",
    "Quantizer",
    "QuantizerConfig",
    "ResidualVectorQuantizer",
    "RowQuantizer",
    "VectorQuantizer",
    "build_quantizer",
    "code_counts",
    "codebook_usage",
    "kmeans",
    "levels_for",
    "nearest_centre",
    "parameter_count",
    "perplexity",
]

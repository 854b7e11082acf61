"""Floor 2, quantisers: vectors become codes. One interface; a new kind is one file and one name here."""

from smalti.quantize.interface import Quantized, Quantizer
from smalti.quantize.kmeans import kmeans, nearest_centre
from smalti.quantize.residual import ResidualVectorQuantizer
from smalti.quantize.rows import RowQuantizer
from smalti.quantize.tokenizer import KMeansTokenizer
from smalti.quantize.usage import code_counts, codebook_usage, perplexity
from smalti.quantize.vector import VectorQuantizer

__all__ = [
    "KMeansTokenizer",
    "Quantized",
    "Quantizer",
    "ResidualVectorQuantizer",
    "RowQuantizer",
    "VectorQuantizer",
    "code_counts",
    "codebook_usage",
    "kmeans",
    "nearest_centre",
    "perplexity",
]

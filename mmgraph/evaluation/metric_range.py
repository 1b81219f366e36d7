"""Between which numbers a metric can be."""

from __future__ import annotations

import math
import re

_SHARE = re.compile(
    r"(\w+_)?(accuracy|f1_score|average_precision|auroc|roc_auc|mrr|map|(hits|recall|ndcg|precision)@\d+)"
)


def is_count(metric: str) -> bool:
    """Return whether a metric counts what was asked about, and is no merit of a model.

    Example:
        >>> is_count("num_pairs"), is_count("image_to_text_gallery_size"), is_count("mrr")
        (True, True, False)
    """
    return metric.endswith(("gallery_size", "num_pairs"))


def metric_range(metric: str) -> tuple[float, float]:
    """Return the least and the most that a metric can be; infinite where there is no end, or none is known.

    Args:
        metric: Its name; of several tasks at once ``task/name``, of a retrieval ``direction_name``.

    Example:
        >>> metric_range("accuracy"), metric_range("mean_absolute_error"), metric_range("r2_score")
        ((0.0, 1.0), (0.0, inf), (-inf, 1.0))
    """
    name = metric.rpartition("/")[2]
    if name == "r2_score":
        return -math.inf, 1.0
    if name.endswith("_error"):
        return 0.0, math.inf
    if name.endswith("median_rank"):
        return 1.0, math.inf
    return (0.0, 1.0) if _SHARE.fullmatch(name) else (-math.inf, math.inf)

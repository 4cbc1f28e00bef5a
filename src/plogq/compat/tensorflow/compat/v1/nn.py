"""The cross-entropy of tf.compat.v1.nn that differs from tf.nn's: its labels have no gradient."""

from ...exclusive import softmax_cross_entropy_with_logits_v1 as softmax_cross_entropy_with_logits

__all__ = ["softmax_cross_entropy_with_logits"]

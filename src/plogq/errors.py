"""What plogq raises: each error is also the built-in that a caller would have caught."""


class PlogqError(Exception):
    """The base of every error that plogq raises on purpose."""

    # AutoGraph raises an error again as what it was only where it is made from a message alone.
    __init__ = Exception.__init__


class ShapeError(PlogqError, ValueError):
    """Two shapes that must match do not, or an axis does not exist."""


class DtypeError(PlogqError, TypeError):
    """An array, or what came in place of one, has a type that cannot stand where it was put."""


class LabelError(PlogqError, ValueError):
    """A label lies outside the classes that the prediction has."""


class ProbabilityError(PlogqError, ValueError):
    """A row that should be a distribution is not one."""


class PairError(PlogqError, TypeError):
    """P and Q do not describe the same kind of outcomes, or are not representations at all."""


class DeviceError(PlogqError, ValueError):
    """Arrays on different devices."""


class KernelRefused(PlogqError, ValueError):
    """A kernel that was asked for by name refuses this pair; the message says why."""


class SoftmaxTwiceWarning(UserWarning):
    """The outputs of a softmax were handed to `Logits`, which takes another softmax of them."""

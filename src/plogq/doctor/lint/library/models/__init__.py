"""Models: Keras' with their training, those that libraries bring, classifiers of scikit-learn."""

from .attributes import attribute, of_record
from .calls import called

__all__ = ["attribute", "called", "of_record"]

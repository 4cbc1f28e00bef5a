"""The rules, PQ001 to PQ021: facts and a contract go in, a verdict comes out."""

from . import (
    broadcast as broadcast,
)
from . import (
    class_axis as class_axis,
)
from . import (
    class_weights as class_weights,
)
from . import (
    decided as decided,
)
from . import (
    divided as divided,
)
from . import (
    hand_written as hand_written,
)
from . import (
    label_range as label_range,
)
from . import (
    log_softmax_twice as log_softmax_twice,
)
from . import (
    multi_label as multi_label,
)
from . import (
    no_logs as no_logs,
)
from . import (
    one_class as one_class,
)
from . import (
    one_hot_index as one_hot_index,
)
from . import (
    padding as padding,
)
from . import (
    scores_for_probabilities as scores_for_probabilities,
)
from . import (
    scores_for_yes_no as scores_for_yes_no,
)
from . import (
    sigmoid_for_classes as sigmoid_for_classes,
)
from . import (
    sigmoid_twice as sigmoid_twice,
)
from . import (
    softmax_twice as softmax_twice,
)
from . import (
    swapped as swapped,
)
from . import (
    threshold as threshold,
)
from . import (
    yes_no_for_classes as yes_no_for_classes,
)
from .registry import RULES, Rule, judge

for _code in sorted(RULES):
    RULES[_code] = RULES.pop(_code)

__all__ = ["RULES", "Rule", "judge"]

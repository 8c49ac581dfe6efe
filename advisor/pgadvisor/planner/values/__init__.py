"""Values for $1, $2, ... that tell how a plan depends on them: of real calls, of the server's statistics, or made up.

`typical` has the values of one column, `sets` what several sets of values are worth a plan, `constants` what stands in
where nothing is known but the type.
"""

from pgadvisor.planner.values.choose import TRIAL_LIMIT, choose_values
from pgadvisor.planner.values.sets import SKEWED, ValueSet, divergence, has_sample, real_call, value_sets

__all__ = ["SKEWED", "TRIAL_LIMIT", "ValueSet", "choose_values", "divergence", "has_sample", "real_call", "value_sets"]

"""HTTP extenders: other processes that filter, score, preempt and bind, by upstream's protocol (`extender/v1`)."""

"""disruption-controller: what PodDisruptionBudgets allow, and disruptions that were announced and did not come."""

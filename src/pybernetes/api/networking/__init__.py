"""Group networking.k8s.io: ingress, network policies, the addresses of services."""

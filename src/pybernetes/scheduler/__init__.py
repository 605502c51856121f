"""Kube-scheduler."""

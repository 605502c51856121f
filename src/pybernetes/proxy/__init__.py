"""Kube-proxy: Services to rules."""

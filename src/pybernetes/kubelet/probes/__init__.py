"""Liveness, readiness and startup probes: `state.py` counts (pure), `attempt.py` asks once, `prober.py` does it in time."""

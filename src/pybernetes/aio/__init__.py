"""What asyncio lacks for Kubernetes: a work queue (`workqueue.py`) and rate limits (`ratelimit.py`)."""

"""What asyncio lacks for Kubernetes: work queue, rate limiters, broadcast."""

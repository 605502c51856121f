"""Requests that go on to a kubelet or to an address of the cluster: log, exec, attach, portforward, proxy.

Read first: `serve.py` (one function per subresource), then `pod_targets.py` (which URL of the kubelet is meant) and
`forward.py` (how bytes travel). Decides nothing about who may do what: the pipeline has done so.
"""

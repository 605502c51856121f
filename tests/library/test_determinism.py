"""One seed, one history: to the byte, in processes with different hash seeds, with webhooks, programs, certificates
and forks; and a month of everything."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pybernetes import Cluster

HISTORY = """
import asyncio, base64, sys
from pybernetes import Cluster
from pybernetes.store.types import prefix_end

WEBHOOK = '''
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: stamps}
spec:
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: 'Object{metadata: Object.metadata{labels: {"a": "1", "b": "2"}}}'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: stamps}
spec: {policyName: stamps}
'''
def csr():
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.derive_private_key(77, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'jane')])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(
        key, hashes.SHA256(), ecdsa_deterministic=True)
    pem = made.public_bytes(serialization.Encoding.PEM)
    return {'apiVersion': 'certificates.k8s.io/v1', 'kind': 'CertificateSigningRequest', 'metadata': {'name': 'jane'},
            'spec': {'request': base64.b64encode(pem).decode(), 'signerName': 'kubernetes.io/kube-apiserver-client',
                     'usages': ['client auth']}}

async def history(c):
    async with c.parts.store.watch('/', prefix_end('/'), revision=2) as batches:
        async for batch in batches:
            for event in batch.events:
                print(event.type, event.kv.key, event.kv.mod_revision, event.kv.value)
            if batch.revision >= c.parts.server.services.cacher.revision:
                break
    for entry in c.parts.server.ledger:
        print(entry)

async def act(c):
    await c.apply({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'beats', 'labels': {'app': 'x'}},
        'spec': {'containers': [{'name': 'c', 'image': 'py://tests.library.programs:web'}]}})
    await c.apply({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'flaky',
        'annotations': {'hollow.pybernetes.io/script': 'exit=1 after=5s..50s'}},
        'spec': {'containers': [{'name': 'c', 'image': 'i'}]}})
    await c.advance('10m')
    await c.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'x'}})

async def main():
    async with Cluster(nodes=3, time='virtual', seed=int(sys.argv[1])) as c:
        await c.apply(WEBHOOK)
        await c.apply(csr())
        found = await c.get('csr/jane')
        await c.client.update(c.kind('csr'), {**found, 'status': {'conditions': [
            {'type': 'Approved', 'status': 'True', 'reason': 'yes', 'message': 'yes'}]}}, subresource='approval')
        await c.wait('csr/jane', lambda obj: bool((obj.get('status') or {}).get('certificate')))
        await c.apply({'apiVersion': 'v1', 'kind': 'Secret', 'type': 'kubernetes.io/service-account-token',
            'metadata': {'name': 't', 'annotations': {'kubernetes.io/service-account.name': 'default'}}})
        await act(c)
        async with c.fork(seed=5) as other:
            await other.delete('pod/flaky')
            await other.advance('1h')
            await history(other)
        await c.advance('1h')
        await history(c)
asyncio.run(main())
"""


def history(seed: int, hash_seed: int) -> str:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", HISTORY, str(seed)],
        capture_output=True,
        env=environment,
        check=False,
        cwd=root,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"certificatesigningrequests" in done.stdout
    return hashlib.sha256(done.stdout).hexdigest()


def test_policies_programs_certificates_tokens_and_forks_are_the_same_to_the_byte() -> None:
    assert history(7, 1) == history(7, 12345)


MONTH = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      ttlSecondsAfterFinished: 3600
      template:
        metadata: {annotations: {hollow.pybernetes.io/script: "exit=0 after=20m"}}
        spec: {restartPolicy: Never, containers: [{name: c, image: i}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {hollow.pybernetes.io/script: "cpu=50m,900m@36h,20m@60h"}
    spec: {containers: [{name: c, image: nginx, resources: {requests: {cpu: 200m}}}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 4
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
"""


def test_a_month_of_cron_jobs_autoscaling_and_leases_in_seconds() -> None:
    async def main() -> None:
        async with Cluster(nodes=2, time="virtual") as c:
            await c.apply(MONTH)
            await c.advance("30h")
            assert (await c.get("deployment/web"))["spec"]["replicas"] == 1
            await c.advance("10h")
            assert (await c.get("deployment/web"))["spec"]["replicas"] == 4
            await c.advance("29d")
            assert (await c.get("deployment/web"))["spec"]["replicas"] == 1
            last = (await c.get("cronjob/nightly"))["status"]["lastSuccessfulTime"]
            assert last == "2026-01-31T03:20:00Z"
            assert not await c.list("jobs")
            assert all(n["status"]["conditions"][-1]["status"] == "True" for n in await c.list("nodes"))
            lease = await c.get("lease/node1", namespace="kube-node-lease")
            assert lease["spec"]["renewTime"] > (c.now - datetime.timedelta(minutes=1)).isoformat()

    began = time.process_time()
    asyncio.run(main())
    print(f"a month took {time.process_time() - began:.1f} s")


def test_the_library_has_metrics_for_kubectl_top() -> None:
    from pybernetes.cluster.metricsapi import NODE_METRICS, POD_METRICS

    async def main() -> None:
        async with Cluster(nodes=1, time="virtual") as c:
            await c.apply({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "p", "labels": {"app": "p"},
                             "annotations": {"hollow.pybernetes.io/script": "cpu=100m,300m@1h memory=64Mi"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            })  # fmt: skip
            await c.wait("pod/p")
            found = await c.client.list(POD_METRICS, "default", labels="app=p")
            assert found.items[0]["containers"] == [
                {"name": "c", "usage": {"cpu": "100000000n", "memory": "65536Ki"}}
            ]
            assert not (await c.client.list(POD_METRICS, "default", labels="app=q")).items
            await c.advance("1h")
            node = await c.client.get(NODE_METRICS, "node1")
            assert node["usage"]["cpu"] == "300000000n"
            with pytest.raises(Exception, match=r'podmetrics\.metrics\.k8s\.io "default/x" not found'):
                await c.client.get(POD_METRICS, "x", "default")

    asyncio.run(main())

"""Scenarios of the controllers of nodes, namespaces, owners, identities and ranges."""

from __future__ import annotations

import asyncio

from faultworld import Scenario, SufferingWorld
from test_clusterroleaggregation import aggregated, role
from test_manager_certificates import API_CLIENT, CA, CA_KEY, NODE_CLIENT, request
from test_manager_devicetaints import A_MINUTE, FOR_EVER, TAINT, rule, slice_of, using
from test_manager_garbage import config_map, reference
from test_manager_resourceclaim import allocate, template, wanting
from test_manager_resourcequota import quota
from test_manager_servicecidr import cidr, endpoints, migration, service
from test_manager_tokens import CLEANER, DAY, KEY, account, bootstrap, token_secret
from test_manager_trustbundles import (
    CLEANER as POD_REQUEST_CLEANER,
)
from test_manager_trustbundles import (
    OTHER_CA,
    PUBLISHER,
    SIGNER,
    bundle_name,
    foreign_bundle,
    pod_certificate_request,
)
from test_manager_validatingadmissionpolicystatus import policy
from world import deployment, pod

from pybernetes.api import kinds
from pybernetes.api.kind import new_object
from pybernetes.api.meta import Obj, name_of
from pybernetes.apiserver.user import User
from pybernetes.client.client import ApiClient
from pybernetes.lang.timestamps import rfc3339


async def ranges_for_nodes(world: SufferingWorld) -> None:
    for name in ("n1", "n2", "n3"):
        await world.node(name)
        await world.rest()
    await world.client.delete(kinds.NODE, "n2", "")
    await world.rest()
    await world.node("n4")
    await world.rest()


async def a_silent_node(world: SufferingWorld) -> None:
    """One node is silent for good, one comes back."""
    for name in ("n1", "n2", "n3"):
        await world.node(name)
    await world.client.create(kinds.POD, pod("p", nodeName="n1"))
    await world.settle(120)
    await world.rest()
    done = asyncio.Event()

    async def alive() -> None:
        while not done.is_set():
            for name in ("n2", "n3"):
                await world.renew(name)
                await ready(world, name)
            await world.settle(10)

    world.start(alive())
    await world.rest(60)


async def ready(world: SufferingWorld, name: str) -> None:
    """What a kubelet reports that is heard again."""
    conditions = [
        {
            "type": kind,
            "status": "True" if kind == "Ready" else "False",
            "reason": "KubeletReady" if kind == "Ready" else "KubeletHasSufficient",
            "lastHeartbeatTime": rfc3339(world.env.now()),
        }
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    ]
    await world.client.patch(
        kinds.NODE, name, "", {"status": {"conditions": conditions}}, subresource="status"
    )


async def tainted(world: SufferingWorld) -> None:
    await world.node("n1")
    tolerations = {
        "never": [],
        "soon": [{"key": "bad", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}],
        "always": [{"key": "bad", "operator": "Exists"}],
    }
    for name, each in tolerations.items():
        await world.client.create(kinds.POD, pod(name, nodeName="n1", tolerations=each))
    await world.rest()
    await world.change(kinds.NODE, "n1", {"taints": [{"key": "bad", "effect": "NoExecute"}]}, "")
    await world.settle(40)
    await world.rest()


async def sizes(world: SufferingWorld) -> None:
    for name in ("n1", "n2"):
        await world.node(name)
    await world.rest()
    await world.client.patch(kinds.NODE, "n1", "", {"metadata": {"annotations": None}})
    await world.rest()


async def lost_pods(world: SufferingWorld) -> None:
    await world.node("n1")
    await world.client.create(kinds.POD, pod("homeless", nodeName="gone"))
    for number in range(3):
        await world.client.create(kinds.POD, pod(f"ended{number}", nodeName="n1"))
        await world.settle(3)
        await world.client.patch(
            kinds.POD, f"ended{number}", "default", {"status": {"phase": "Succeeded"}}, subresource="status"
        )
    await world.settle(60)
    await world.rest()


async def counted(world: SufferingWorld) -> None:
    hard = {"pods": "5", "count/configmaps": "9", "services": "3", "requests.cpu": "2"}
    await world.client.create(kinds.RESOURCEQUOTA, quota(hard))
    await world.rest()
    requests = {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "100m"}}}]}
    for number in range(3):
        await world.client.create(kinds.POD, pod(f"p{number}", **requests))
        await world.client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, f"c{number}", "default"))
    await world.client.delete(kinds.CONFIGMAP, "c0", "default")
    await world.client.delete(kinds.POD, "p0", "default")
    await world.settle(320)  # what was missed is counted within five minutes
    await world.rest()


async def emptied(world: SufferingWorld) -> None:
    for name in ("stays", "goes"):
        await world.client.create(kinds.NAMESPACE, new_object(kinds.NAMESPACE, name))
        for number in range(3):
            await world.client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, f"c{number}", name))
        await world.client.create(kinds.SECRET, new_object(kinds.SECRET, "s", name))
    held = new_object(kinds.CONFIGMAP, "held", "goes")
    held["metadata"]["finalizers"] = ["example.org/mine"]
    await world.client.create(kinds.CONFIGMAP, held)
    await world.client.delete(kinds.NAMESPACE, "goes", "")
    await world.settle(60)  # deletion is tried again and again
    await world.client.patch(kinds.CONFIGMAP, "held", "goes", {"metadata": {"finalizers": None}})
    await world.rest(60)


async def accounts(world: SufferingWorld) -> None:
    await world.client.create(kinds.NAMESPACE, new_object(kinds.NAMESPACE, "one"))
    await world.rest()
    await world.client.delete(kinds.SERVICEACCOUNT, "default", "one")
    await world.rest()


async def certificates_for_pods(world: SufferingWorld) -> None:
    await world.client.create(kinds.NAMESPACE, new_object(kinds.NAMESPACE, "one"))
    await world.rest()
    await world.client.patch(kinds.CONFIGMAP, "kube-root-ca.crt", "one", {"data": {"ca.crt": "other"}})
    await world.client.delete(kinds.CONFIGMAP, "kube-root-ca.crt", "default")
    await world.rest()


async def roles(world: SufferingWorld) -> None:
    await world.client.create(kinds.CLUSTERROLE, aggregated({"of": "sum"}))
    for name in ("a", "b"):
        await world.client.create(kinds.CLUSTERROLE, role(name, name, of="sum"))
    await world.rest()
    await world.client.delete(kinds.CLUSTERROLE, "a", "")
    await world.rest()


async def garbage(world: SufferingWorld) -> None:
    """A tree deleted in the foreground, one in the background, one whose children are let go, and an owner that never was."""
    for name in ("fore", "back", "orphan"):
        top = await world.client.create(kinds.CONFIGMAP, config_map(name))
        middle = await world.client.create(
            kinds.CONFIGMAP, config_map(f"{name}-middle", reference(top, blockOwnerDeletion=True))
        )
        for number in range(2):
            await world.client.create(
                kinds.CONFIGMAP, config_map(f"{name}-{number}", reference(middle, blockOwnerDeletion=True))
            )
    never = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "never",
        "uid": "11111111-2222-3333-4444-555555555555",
    }
    await world.client.create(kinds.CONFIGMAP, config_map("absent", never))
    await world.client.create(kinds.DEPLOYMENT, deployment(replicas=2))
    await world.rest()
    for name, how in (("fore", "Foreground"), ("back", "Background"), ("orphan", "Orphan")):
        await world.client.delete(kinds.CONFIGMAP, name, "default", propagation=how)
    await world.client.delete(kinds.DEPLOYMENT, "web", "default", propagation="Foreground")
    await world.rest()


async def signed(world: SufferingWorld) -> None:
    made = request("jane", "devs", expirationSeconds=3600)
    await world.client.create(kinds.CERTIFICATESIGNINGREQUEST, made)
    await world.settle(2)
    condition = {"type": "Approved", "status": "True", "reason": "Test", "message": "so it is"}
    found = await world.client.get(kinds.CERTIFICATESIGNINGREQUEST, "r")
    changed = {**found, "status": {"conditions": [condition]}}
    await world.client.update(kinds.CERTIFICATESIGNINGREQUEST, changed, subresource="approval")
    await world.rest()
    found = await world.client.get(kinds.CERTIFICATESIGNINGREQUEST, "r")
    assert found["status"]["certificate"]


async def approved(world: SufferingWorld) -> None:
    node = User("system:node:n1", groups=("system:nodes", "system:authenticated"))
    admin = User("admin", groups=("system:masters", "system:authenticated"))
    for name, user, signer in (("own", node, NODE_CLIENT), ("other", admin, API_CLIENT)):
        made = request("system:node:n1", "system:nodes", signer=signer)
        made = {**made, "metadata": {**made["metadata"], "name": name}}
        if name == "own":
            subject = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:nodes"}
            ref = {
                "kind": "ClusterRole",
                "apiGroup": "rbac.authorization.k8s.io",
                "name": "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
            }
            binding = new_object(kinds.CLUSTERROLEBINDING, "own", roleRef=ref, subjects=[subject])
            await world.client.create(kinds.CLUSTERROLEBINDING, binding)
        await ApiClient(world.server.transport(user)).create(kinds.CERTIFICATESIGNINGREQUEST, made)
    await world.rest()


async def cleaned(world: SufferingWorld) -> None:
    await world.client.create(kinds.CERTIFICATESIGNINGREQUEST, request("jane", "devs"))
    await world.settle(86400 + 60)
    await world.rest()


async def tokens(world: SufferingWorld) -> None:
    await account(world)
    await account(world, "leaves")
    for name, owner in (("t", "robot"), ("u", "leaves"), ("v", "nobody")):
        await world.client.create(kinds.SECRET, token_secret(name, owner))
    await world.rest()
    await world.client.delete(kinds.SERVICEACCOUNT, "leaves", "default")
    await world.client.patch(kinds.SECRET, "t", "default", {"data": {"token": None}})
    await world.rest()


async def bootstrap_tokens(world: SufferingWorld) -> None:
    info = new_object(kinds.CONFIGMAP, "cluster-info", "kube-public", data={"kubeconfig": "content"})
    await world.client.create(kinds.CONFIGMAP, info)
    for token_id, seconds in (("aaaaaa", None), ("bbbbbb", 60.0)):
        await world.client.create(kinds.SECRET, bootstrap(world, token_id, seconds))
    await world.rest()
    await world.settle(70)
    await world.rest()


async def legacy_tokens(world: SufferingWorld) -> None:
    data = {"since": "2020-01-01"}
    tracking = new_object(
        kinds.CONFIGMAP, "kube-apiserver-legacy-service-account-token-tracking", "kube-system", data=data
    )
    if await world.get(kinds.CONFIGMAP, name_of(tracking), "kube-system") is None:
        await world.client.create(kinds.CONFIGMAP, tracking)
    else:
        await world.client.patch(kinds.CONFIGMAP, name_of(tracking), "kube-system", {"data": data})
    made = await account(world, secrets=[{"name": "robot-token-x"}])
    old = token_secret("robot-token-x", uid=made["metadata"]["uid"])
    await world.client.create(kinds.SECRET, {**old, "data": {"token": "YQ=="}})
    await world.settle(6 * DAY)
    await world.rest()


async def service_ranges(world: SufferingWorld) -> None:
    for name, text in (("stays", "192.168.7.0/24"), ("goes", "192.168.8.0/24")):
        await world.client.create(kinds.SERVICECIDR, cidr(name, text))
    await world.rest()
    await world.client.delete(kinds.SERVICECIDR, "goes", "")
    await world.rest()


async def mirrored(world: SufferingWorld) -> None:
    await world.client.create(kinds.SERVICE, service())
    await world.client.create(kinds.ENDPOINTS, endpoints("db", "10.0.0.1", "fd00::1"))
    await world.rest()
    found = await world.client.get(kinds.ENDPOINTS, "db", "default")
    subset = {**found["subsets"][0], "addresses": [{"ip": "10.0.0.2"}]}
    await world.client.update(kinds.ENDPOINTS, {**found, "subsets": [subset]})
    await world.rest()


async def migrated(world: SufferingWorld) -> None:
    for number in range(5):
        await world.client.create(kinds.CONFIGMAP, new_object(kinds.CONFIGMAP, f"c{number}", "default"))
    await world.client.create(kinds.STORAGEVERSIONMIGRATION, migration("", "configmaps"))
    await world.rest()


async def devices(world: SufferingWorld) -> None:
    await world.client.create(kinds.RESOURCECLAIMTEMPLATE, template())
    made = [await world.client.create(kinds.POD, wanting(name, "n1")) for name in ("p", "q")]
    await world.rest()
    for each in await world.all(kinds.RESOURCECLAIM):
        owner = each["metadata"]["ownerReferences"][0]["name"]
        await allocate(world, each, *(p for p in made if name_of(p) == owner))
    await world.rest()
    await world.client.delete(kinds.POD, "p", "default", grace_period_seconds=0)
    await world.rest()


async def policies(world: SufferingWorld) -> None:
    for name, expression in (("good", "object.spec.replicas > 1"), ("bad", "object.replicas > 1")):
        made: Obj = policy(expression)
        metadata = {**made["metadata"], "name": name}
        await world.client.create(kinds.VALIDATINGADMISSIONPOLICY, {**made, "metadata": metadata})
    await world.rest()


async def tainted_devices(world: SufferingWorld) -> None:
    await using(world, "never")
    await using(world, "soon", A_MINUTE)
    await using(world, "always", FOR_EVER)
    await using(world, "other", device="d1")
    await using(world, "ruled", device="d1")
    await world.rest()
    await world.client.create(kinds.RESOURCESLICE, slice_of(TAINT))
    await world.settle(70)
    await world.rest()
    await world.client.create(kinds.DEVICETAINTRULE, rule(device="d1"))
    await world.rest()


async def published(world: SufferingWorld) -> None:
    await world.rest()
    await world.client.create(kinds.CLUSTERTRUSTBUNDLE, foreign_bundle(bundle_name(OTHER_CA), SIGNER))
    await world.rest()
    await world.client.delete(kinds.CLUSTERTRUSTBUNDLE, bundle_name(CA))
    await world.rest()


async def old_requests_of_pods(world: SufferingWorld) -> None:
    for name in ("first", "second"):
        await world.client.create(kinds.PODCERTIFICATEREQUEST, pod_certificate_request(name))
    await world.settle(1700)
    await world.client.create(kinds.PODCERTIFICATEREQUEST, pod_certificate_request("young"))
    await world.settle(200)
    await world.rest()


CLUSTER: tuple[Scenario, ...] = (
    Scenario("device-taint-eviction-controller", tainted_devices),
    Scenario(PUBLISHER, published, settings={"root_ca": CA}),
    Scenario(POD_REQUEST_CLEANER, old_requests_of_pods),
    Scenario("node-ipam-controller", ranges_for_nodes),
    Scenario("node-lifecycle-controller", a_silent_node),
    Scenario("taint-eviction-controller", tainted),
    Scenario("ttl-controller", sizes),
    Scenario("pod-garbage-collector-controller", lost_pods, settings={"terminated_pod_gc_threshold": 1}),
    Scenario("resourcequota-controller", counted),
    Scenario("namespace-controller", emptied),
    Scenario("serviceaccount-controller", accounts),
    Scenario("root-ca-certificate-publisher-controller", certificates_for_pods),
    Scenario("clusterrole-aggregation-controller", roles),
    Scenario("garbage-collector-controller", garbage, "deployment-controller,replicaset-controller"),
    Scenario(
        "certificatesigningrequest-signing-controller",
        signed,
        settings={"cluster_signing_cert": CA, "cluster_signing_key": CA_KEY},
        ignore=("CertificateSigningRequest",),
    ),
    Scenario(
        "certificatesigningrequest-approving-controller", approved, ignore=("CertificateSigningRequest",)
    ),
    Scenario("certificatesigningrequest-cleaner-controller", cleaned),
    Scenario("serviceaccount-token-controller", tokens, settings={"service_account_key": KEY}),
    Scenario("token-cleaner-controller", bootstrap_tokens, "bootstrap-signer-controller"),
    Scenario("bootstrap-signer-controller", bootstrap_tokens),
    Scenario(
        "legacy-serviceaccount-token-cleaner-controller",
        legacy_tokens,
        CLEANER.partition(",")[0],
        settings={"legacy_token_clean_up_seconds": DAY},
    ),
    Scenario("service-cidr-controller", service_ranges),
    Scenario("endpointslice-mirroring-controller", mirrored),
    Scenario("storage-version-migrator-controller", migrated),
    Scenario("resourceclaim-controller", devices, "garbage-collector-controller"),
    Scenario("validatingadmissionpolicy-status-controller", policies),
)

"""The flags of kube-controller-manager, from the command line to settings; and what it serves."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import pytest

from pybernetes.cli import kube_controller_manager as cli
from pybernetes.client.kubeconfig import Access
from pybernetes.cluster.controllermanagerprocess import ManagerState, configuration, selection_of, settings_of
from pybernetes.control.definition import Settings
from pybernetes.control.pages import ComponentPages
from pybernetes.controllers.selection import UnknownController, chosen
from pybernetes.wire.http.messages import Request

ACCESS = Access("https://127.0.0.1:6443", None, ca_pem=b"CA")


def parsed(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.configure(parser)
    given = parser.parse_args(["--kubeconfig", "k", *flags])
    given.features = Settings().features
    return given


def test_without_flags_the_settings_are_upstreams_defaults() -> None:
    assert settings_of(parsed(), ACCESS) == Settings(root_ca="CA")


@pytest.mark.parametrize(
    ("flag", "field", "value"),
    [
        ("--node-monitor-grace-period=1m30s", "node_monitor_grace_seconds", 90.0),
        ("--node-startup-grace-period=2m", "node_startup_grace_seconds", 120.0),
        ("--node-eviction-rate=0.5", "node_eviction_rate", 0.5),
        ("--unhealthy-zone-threshold=0.7", "unhealthy_zone_threshold", 0.7),
        ("--large-cluster-size-threshold=10", "large_cluster_size", 10),
        ("--horizontal-pod-autoscaler-sync-period=30s", "hpa_sync_seconds", 30.0),
        ("--horizontal-pod-autoscaler-tolerance=0.2", "hpa_tolerance", 0.2),
        (
            "--horizontal-pod-autoscaler-downscale-stabilization=1m",
            "hpa_downscale_stabilization_seconds",
            60.0,
        ),
        ("--horizontal-pod-autoscaler-initial-readiness-delay=5s", "hpa_initial_readiness_seconds", 5.0),
        ("--terminated-pod-gc-threshold=7", "terminated_pod_gc_threshold", 7),
        ("--cluster-signing-duration=24h", "cluster_signing_seconds", 86400),
        ("--cluster-cidr=10.1.0.0/16", "cluster_cidr", "10.1.0.0/16"),
        ("--node-cidr-mask-size=26", "node_cidr_mask_size", 26),
        ("--node-cidr-mask-size-ipv4=25", "node_cidr_mask_size", 25),
        ("--max-endpoints-per-slice=500", "max_endpoints_per_slice", 500),
    ],
)
def test_flags_become_settings(flag: str, field: str, value: Any) -> None:
    assert getattr(settings_of(parsed(flag), ACCESS), field) == value


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--cluster-cidr=1.2.3.4/99", "does not appear to be an IPv4 or IPv6 network"),
        ("--max-endpoints-per-slice=0", "--max-endpoints-per-slice: must be between 1 and 1000, not 0"),
        ("--cluster-signing-cert-file=x", "are needed together"),
    ],
)
def test_wrong_values_are_named(flag: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings_of(parsed(flag), ACCESS)


def test_a_duration_in_no_form_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--node-monitor-grace-period=soon")
    assert 'time: invalid duration "soon"' in capsys.readouterr().err


def test_kubeadms_flags_are_all_taken() -> None:
    given = parsed(
        "--allocate-node-cidrs=true",
        "--authentication-kubeconfig=/etc/kubernetes/controller-manager.conf",
        "--authorization-kubeconfig=/etc/kubernetes/controller-manager.conf",
        "--bind-address=127.0.0.1",
        "--client-ca-file=/etc/kubernetes/pki/ca.crt",
        "--cluster-name=kubernetes",
        "--controllers=*,bootstrapsigner,tokencleaner",
        "--leader-elect=true",
        "--requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt",
        "--service-cluster-ip-range=10.96.0.0/12",
        "--use-service-account-credentials=true",
    )
    assert selection_of(given) == "*,bootstrapsigner,tokencleaner"
    assert configuration(given)["kubecontrollermanager.config.k8s.io"]["bind-address"] == "127.0.0.1"


def test_flags_switch_controllers_off() -> None:
    assert selection_of(parsed("--allocate-node-cidrs=false")) == "-node-ipam-controller,*"
    names = ("node-ipam-controller", "ttl-controller")
    assert chosen(names, "-node-ipam-controller,*") == {"ttl-controller"}
    with pytest.raises(UnknownController, match='"nonsense" is not in the list of known controllers'):
        selection_of(parsed("--controllers=nonsense"))


def test_health_is_for_everybody_and_metrics_are_not() -> None:
    async def main() -> None:
        problem = ""
        pages = ComponentPages(None, ManagerState().metrics, dict, {"leaderElection": lambda: problem})  # type: ignore[arg-type]

        async def get(target: str) -> tuple[int, str]:
            reply = await pages(Request("GET", target))
            return reply.status, reply.body.decode()

        assert await get("/healthz") == (200, "ok")
        assert await get("/livez?verbose") == (
            200,
            "[+]ping ok\n[+]leaderElection ok\nlivez check passed\n",
        )
        assert (await get("/healthz/nothing"))[0] == 404
        problem = "lost"
        assert await get("/healthz") == (
            500,
            "[+]ping ok\n[-]leaderElection failed: lost\nhealthz check failed\n",
        )
        assert await get("/healthz/ping") == (200, "ok")
        assert (await get("/metrics"))[0] == 401

    asyncio.run(main())

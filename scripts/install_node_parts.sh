#!/usr/bin/env bash
# install_node_parts.sh [--tests]: Debian's packages that a real node (and the tests of one) stand on.
# Without root or apt it says so in one line and ends well: `pyber up` then runs hollow nodes.
set -euo pipefail
packages=(containerd runc containernetworking-plugins nftables iptables conntrack iproute2 catatonit)
commands=(containerd runc nft iptables conntrack ip)
if [ "${1:-}" = --tests ]; then
    packages+=(busybox docker-registry skopeo etcd-server etcd-client curl)
    commands+=(busybox docker-registry skopeo etcd etcdctl curl)
fi
export PATH=$PATH:/usr/sbin:/sbin
missing=0
for command in "${commands[@]}"; do
    command -v "$command" >/dev/null || missing=1
done
[ -x /usr/lib/cni/bridge ] || missing=1
[ "$missing" = 1 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "no root or no apt-get: parts of a real node are missing (${packages[*]})" >&2
    exit 0
fi
echo "installing ${packages[*]}"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null

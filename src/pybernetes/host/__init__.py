"""The real machine: CRI, netlink, nft, files, processes."""

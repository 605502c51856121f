"""Group storage.k8s.io: classes of storage, CSI drivers, attachments of volumes to nodes."""

"""The national system's list of manifests against ours: its file read, matched, and the numbers recorded."""

"""What can fall due with a manifest and the papers behind it, one file a watch."""

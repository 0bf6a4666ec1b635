"""What can fall due with waste itself, one file a watch."""

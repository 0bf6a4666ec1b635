"""What can fall due with the ways out, one file a watch."""

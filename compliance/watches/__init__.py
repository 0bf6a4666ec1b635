"""What can fall due with the authority, one file a watch."""

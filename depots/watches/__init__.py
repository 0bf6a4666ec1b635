"""What can be wrong in a depot, one file a watch."""

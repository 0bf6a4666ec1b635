"""The rules of one jurisdiction, as plain Python over data files; `cn` is the first."""

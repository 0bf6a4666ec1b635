"""What WasteTrack does, measured beside what one would do without it. One module each; `make bench` runs all."""

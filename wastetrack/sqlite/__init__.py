"""Django's SQLite, with a place to queue in."""

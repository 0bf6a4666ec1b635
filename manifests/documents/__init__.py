"""The manifest as a document: what it says (`paper`), how it is laid out (`layout`), the sheets (`sheets`)."""

"""The inverter: models, training, decoding and search, from an embedding back to its text."""

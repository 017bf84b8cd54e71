"""`textback bench`: how fast the suite embeds, trains, decodes and inverts on this machine."""

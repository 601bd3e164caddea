"""Encodes reviews of any number into shards: `sources` reads them, `words` counts their words, `encode` writes."""

"""Encodes any number of reviews into shards: `sources` reads them, `words` counts their words, `encode` writes."""

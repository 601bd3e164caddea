"""How long training takes: on each backend, in hand-written loops, and at best on the machine at hand."""

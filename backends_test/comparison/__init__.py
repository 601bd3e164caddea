"""Whether the backends compute the same thing: between environments, after each has run its own tests."""

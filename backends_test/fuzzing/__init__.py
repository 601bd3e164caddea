"""Fuzzing: random bytes for what reads untrusted files, guided by the lines that they reach; see `__main__`."""

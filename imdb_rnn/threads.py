"""How many threads this library's own work takes: one.

The matrices of this model are small. Shared among threads, an operation takes no less time on an idle machine. Beside
other work it takes many times as long, because each operation waits until every thread has had its turn on a core.
`imdb_rnn.backends` does the same for the backend.
"""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let the linear algebra libraries that are loaded use one thread until the block ends.

    Their number of threads is one for the whole process. Of threads that run such blocks at the same time, the first
    one sets and restores it.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield

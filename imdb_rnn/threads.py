"""Limits the linear algebra of NumPy and SciPy to one thread.

The matrices of this model are small. On an idle machine, several threads do not make an operation faster. On a busy
machine they make it many times slower, because each operation waits until all its threads have run. `imdb_rnn.backends`
sets the same limit for the backend.
"""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit the loaded linear algebra libraries to one thread within a block.

    The limit applies to the whole process. If several Python threads run such blocks at the same time, the first one
    sets and restores it.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield

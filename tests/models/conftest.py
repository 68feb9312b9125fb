"""What tests of the compiled functions share."""

from __future__ import annotations

import ctypes
import platform

import pytest

from vivavoce.models.layers import native


@pytest.fixture(scope="session")
def without_avx512(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The compiled functions of a processor without AVX-512.

    They compute the same at -O1, which takes GCC a tenth of the time of -O3.
    """
    if platform.machine() != "x86_64" or native.library() is None:
        pytest.skip("about instructions of x86-64, and needs a compiler")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(native, "FLAGS", (*native.FLAGS, "-O1", "-mno-avx512f"))
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("older")))
        older = native.library.__wrapped__()
    assert older is not None
    return older

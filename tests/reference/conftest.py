"""Where the recorded vectors are: those in the repository, or any folder of that format."""

from pathlib import Path

import pytest

RECORDED = Path(__file__).parent / "ming" / "vectors"


def pytest_addoption(parser):
    parser.addoption(
        "--vectors",
        type=Path,
        default=RECORDED,
        help="folder of reference vectors to check against",
    )


@pytest.fixture(scope="session")
def vectors(request):
    """The folder of reference vectors."""
    folder = request.config.getoption("--vectors", default=RECORDED)
    if not folder.is_dir():
        pytest.exit(f"--vectors: there is no folder {folder}", returncode=4)
    return folder

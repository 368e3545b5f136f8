import pytest

from tests.engine import tiny


@pytest.fixture(scope="session")
def workdir(tmp_path_factory):
    """The work directory of a short training."""
    path = tmp_path_factory.mktemp("runs") / "tiny"
    tiny.train(path)
    return path

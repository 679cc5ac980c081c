from ..conftest import Projects as Projects

"""Work that is too large or too long for one go of one process: clusters, journals, growing inputs."""

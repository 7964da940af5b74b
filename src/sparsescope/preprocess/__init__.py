"""What is done to the pixels before the solvers see them: hot pixels, background, up-sampling."""

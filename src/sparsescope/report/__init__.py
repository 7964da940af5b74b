"""What is made of images and results to be looked at: pictures and surveys of pixel values."""

"""The shape of the point-spread function, in pixels and from the microscope's optics."""

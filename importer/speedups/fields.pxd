from importer.speedups.block cimport Block


cdef class Fields(Block):
    pass


cdef Block part_of(Block part, Block block, Py_ssize_t start, Py_ssize_t stop)

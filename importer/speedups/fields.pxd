from importer.speedups.block cimport Block


cdef class Fields(Block):
    pass

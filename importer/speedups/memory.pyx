# cython: language_level=3
"""How the C library keeps memory."""

cdef extern from *:
    """
    #include <stdlib.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    #endif
    static int one_arena(void) {
    #if defined(__GLIBC__) && defined(M_ARENA_MAX)
        return mallopt(M_ARENA_MAX, 1);
    #else
        return 0;
    #endif
    }
    static int give_back(void) {
    #ifdef __GLIBC__
        return malloc_trim(0);
    #else
        return 0;
    #endif
    }
    """
    int one_arena() noexcept
    int give_back() noexcept nogil


def use_one_arena():
    """Let all threads to come take memory from one arena; return whether the C library knows of arenas (glibc)."""
    return bool(one_arena())


def give_memory_back():
    """Give freed pages between those in use back to the system; return whether there were any (glibc)."""
    cdef int given
    with nogil:
        given = give_back()
    return bool(given)

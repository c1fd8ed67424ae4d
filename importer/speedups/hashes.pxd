"""The hash of bytes for what is compared within a run; what lasts is hashed by XXH3.

It folds products of 128 bits, as wyhash does: it is quick, and the same in every process.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

# The factors are odd numbers of bits without order: the first is MurmurHash64A's, the second the golden ratio.
cdef extern from *:
    """
    #define FACTOR 0xC6A4A7935BD1E995ULL
    #define OTHER_FACTOR 0x9E3779B97F4A7C15ULL
    static inline uint64_t fold_product(uint64_t a, uint64_t b) {
    #ifdef __SIZEOF_INT128__
        __uint128_t product = (__uint128_t) a * b;
        return (uint64_t) product ^ (uint64_t) (product >> 64);
    #else
        uint64_t low_a = (uint32_t) a, high_a = a >> 32, low_b = (uint32_t) b, high_b = b >> 32;
        uint64_t low = low_a * low_b, middle = high_a * low_b + (low >> 32);
        uint64_t other = low_a * high_b + (uint32_t) middle;
        return ((other << 32) | (uint32_t) low) ^ (high_a * high_b + (middle >> 32) + (other >> 32));
    #endif
    }
    """
    uint64_t FACTOR, OTHER_FACTOR
    uint64_t fold_product(uint64_t a, uint64_t b) noexcept nogil


cdef inline uint64_t word_at(const char* text) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, text, 8)
    return word


cdef inline uint64_t hash_of(uint64_t seed, const char* text, Py_ssize_t size) noexcept nogil:
    """Return the hash of some bytes."""
    cdef const char* end = text + size
    cdef uint64_t found = seed ^ FACTOR, other = OTHER_FACTOR  # without the seed: the two are joined by XOR
    cdef uint64_t[2] rest
    while end - text >= 32:
        found = fold_product(word_at(text) ^ FACTOR, word_at(text + 8) ^ found)
        other = fold_product(word_at(text + 16) ^ OTHER_FACTOR, word_at(text + 24) ^ other)
        text += 32
    if end - text >= 16:
        found = fold_product(word_at(text) ^ FACTOR, word_at(text + 8) ^ found)
        text += 16
    rest[0] = rest[1] = 0
    memcpy(rest, text, end - text)
    found = fold_product(rest[0] ^ OTHER_FACTOR, rest[1] ^ found ^ other)
    return fold_product(found ^ FACTOR, <uint64_t> size ^ OTHER_FACTOR)


cdef inline uint64_t not_zero(uint64_t found) noexcept nogil:
    return found if found else 1

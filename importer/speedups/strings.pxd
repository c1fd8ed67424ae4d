"""Strings of JSON."""

cdef extern from *:
    """
    #ifdef __SSE2__
    #include <emmintrin.h>
    /* Return the first byte that is a quote, a backslash or a control character; at the latest `end`. */
    static inline const char* end_of_plain(const char* p, const char* end) {
        const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\\\'), last = _mm_set1_epi8(31);
        while (end - p >= 16) {
            __m128i text = _mm_loadu_si128((const __m128i*) p);
            __m128i found = _mm_or_si128(
                _mm_or_si128(_mm_cmpeq_epi8(text, quote), _mm_cmpeq_epi8(text, escape)),
                _mm_cmpeq_epi8(_mm_min_epu8(text, last), text));
            int bits = _mm_movemask_epi8(found);
            if (bits)
                return p + __builtin_ctz(bits);
            p += 16;
        }
        while (p < end && *p != '"' && *p != '\\\\' && (unsigned char) *p > 31)
            p++;
        return p;
    }
    #else
    static inline const char* end_of_plain(const char* p, const char* end) {
        while (p < end && *p != '"' && *p != '\\\\' && (unsigned char) *p > 31)
            p++;
        return p;
    }
    #endif
    """
    const char* end_of_plain(const char* p, const char* end) noexcept nogil

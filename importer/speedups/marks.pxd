"""Where the next of a few characters stands in a text, and how far bytes are text: 16 or 8 of them at once.

Both find what a loop over the bytes would find. Nothing beyond the end of the text is read.
"""

from libc.stdint cimport int32_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    #if (defined(__SSE2__) || defined(_M_X64)) && !defined(WITHOUT_SSE2)
    #define USE_SSE2 1
    #include <emmintrin.h>
    #endif

    #define EACH_BYTE 0x0101010101010101ULL
    #define HIGH_BITS 0x8080808080808080ULL

    static inline int first_bit(uint64_t bits) {
    #if defined(__GNUC__)
        return __builtin_ctzll(bits);
    #else
        int at = 0;
        while (!(bits & 1)) {
            bits >>= 1;
            at++;
        }
        return at;
    #endif
    }

    /* A window of up to 64 bytes, and the places in it of what ends a cell and of what matters between quotes. */
    typedef struct {
        const char *start;
        const char *end; /* of the text */
        uint64_t cells; /* delimiters, CR, LF */
        uint64_t quotes;
        uint64_t lines; /* CR, LF */
        unsigned char delimiter, quote;
    } Marks;

    /* Sets the bits of 64 bytes. */
    static inline void compare_64(Marks *marks, const char *text) {
        uint64_t cells = 0, quotes = 0, lines = 0;
        int at;
    #if USE_SSE2
        __m128i delimiter = _mm_set1_epi8((char) marks->delimiter), quote = _mm_set1_epi8((char) marks->quote);
        __m128i lf = _mm_set1_epi8(10), cr = _mm_set1_epi8(13);
        for (at = 0; at < 64; at += 16) {
            __m128i part = _mm_loadu_si128((const __m128i *) (text + at));
            __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(part, lf), _mm_cmpeq_epi8(part, cr));
            __m128i either = _mm_or_si128(ends, _mm_cmpeq_epi8(part, delimiter));
            cells |= (uint64_t) (uint32_t) _mm_movemask_epi8(either) << at;
            quotes |= (uint64_t) (uint32_t) _mm_movemask_epi8(_mm_cmpeq_epi8(part, quote)) << at;
            lines |= (uint64_t) (uint32_t) _mm_movemask_epi8(ends) << at;
        }
    #else
        unsigned char chars[4];
        chars[0] = marks->delimiter, chars[1] = marks->quote, chars[2] = 10, chars[3] = 13;
        for (at = 0; at < 64; at += 8) {
            uint64_t word = 0, found[4];
            int n;
            for (n = 7; n >= 0; n--) {
                word = word << 8 | (unsigned char) text[at + n];
            }
            for (n = 0; n < 4; n++) { /* the high bit of each byte that is equal; then these bits side by side */
                uint64_t other = word ^ EACH_BYTE * chars[n];
                other = ~(((other & ~HIGH_BITS) + ~HIGH_BITS) | other) & HIGH_BITS;
                found[n] = (other >> 7) * 0x0102040810204080ULL >> 56;
            }
            cells |= (found[0] | found[2] | found[3]) << at;
            quotes |= found[1] << at;
            lines |= (found[2] | found[3]) << at;
        }
    #endif
        marks->cells = cells, marks->quotes = quotes, marks->lines = lines;
    }

    static inline void fill_marks(Marks *marks, const char *text) {
        ptrdiff_t left = marks->end - text;
        marks->start = text;
        if (left >= 64) {
            compare_64(marks, text);
        } else {
            char rest[64] = {0};
            uint64_t known = ((uint64_t) 1 << left) - 1;
            memcpy(rest, text, left);
            compare_64(marks, rest);
            marks->cells &= known, marks->quotes &= known, marks->lines &= known;
        }
    }

    static inline void set_marks(
        Marks *marks, const char *text, const char *end, unsigned char delimiter, unsigned char quote
    ) {
        marks->end = end;
        marks->delimiter = delimiter;
        marks->quote = quote;
        fill_marks(marks, text);
    }

    /* Where an unquoted cell ends: at the next delimiter, CR or LF, or at the end. No place is ahead of the last. */
    static inline const char *end_of_cell(Marks *marks, const char *text) {
        while (1) {
            ptrdiff_t at = text - marks->start;
            if (at < 64) {
                uint64_t bits = marks->cells >> at;
                if (bits) {
                    return text + first_bit(bits);
                }
                text = marks->start + 64;
            }
            if (text >= marks->end) {
                return marks->end;
            }
            fill_marks(marks, text);
        }
    }

    static inline int count_bits(uint64_t bits) {
        bits -= bits >> 1 & 0x5555555555555555ULL;
        bits = (bits & 0x3333333333333333ULL) + (bits >> 2 & 0x3333333333333333ULL);
        return (int) (((bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0FULL) * EACH_BYTE >> 56);
    }

    /* The next quote, CR or LF in a quoted cell, or the end; quotes in pairs are counted and left behind, but for some
       in long runs. A run of an odd number of quotes ends with the one that closes the cell. */
    static inline const char *end_of_quoted(Marks *marks, const char *text, int32_t *pairs) {
        const uint64_t even = 0x5555555555555555ULL;
        while (1) {
            ptrdiff_t at = text - marks->start;
            if (at < 64) {
                uint64_t quotes = marks->quotes >> at, lines = marks->lines >> at, starts, odd;
                if (lines) {
                    quotes &= (lines & (0 - lines)) - 1;
                } else if (marks->quotes >> 63) { /* a run that may go on in the next window is left to that */
                    int rest = 63;
                    while (rest > at && marks->quotes >> (rest - 1) & 1) {
                        rest--;
                    }
                    if (rest == at) {
                        if (!at) {
                            return text;
                        }
                        fill_marks(marks, text);
                        continue;
                    }
                    quotes &= ((uint64_t) 1 << (rest - at)) - 1;
                }
                starts = quotes & ~(quotes << 1);
                odd = ((quotes + (starts & even)) & ~quotes & ~even) | ((quotes + (starts & ~even)) & ~quotes & even);
                if (odd) {
                    int end = first_bit(odd);
                    *pairs += count_bits(quotes & (((uint64_t) 1 << end) - 1)) / 2;
                    return text + end - 1;
                }
                if (quotes) {
                    *pairs += count_bits(quotes) / 2;
                }
                if (lines) {
                    return text + first_bit(lines);
                }
                text = marks->start + 64;
                if (marks->quotes >> 63) {
                    while (text[-1] == (char) marks->quote) {
                        text--;
                    }
                }
            }
            if (text >= marks->end) {
                return marks->end;
            }
            fill_marks(marks, text);
        }
    }

    /* The end of the character that begins with a byte of 0x80 or more, as Unicode defines UTF-8; else NULL. */
    static inline const char *end_of_character(const char *text, const char *end) {
        const unsigned char *c = (const unsigned char *) text;
        ptrdiff_t left = end - text;
        if (c[0] < 0xC2 || c[0] > 0xF4 || left < 2 || (c[1] & 0xC0) != 0x80) {
            return NULL;
        }
        if (c[0] < 0xE0) {
            return text + 2;
        }
        if (left < 3 || (c[2] & 0xC0) != 0x80) {
            return NULL;
        }
        if (c[0] < 0xF0) {
            /* not what two bytes hold, and no surrogate */
            return (c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] > 0x9F) ? NULL : text + 3;
        }
        if (left < 4 || (c[3] & 0xC0) != 0x80) {
            return NULL;
        }
        return (c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] > 0x8F) ? NULL : text + 4;
    }

    /* Where the first byte stands that belongs to no character, or is NUL unless that is allowed; else the end. */
    static const char *end_of_characters(const char *text, const char *end, int allow_nul) {
        while (text < end) {
    #if USE_SSE2
            __m128i zero = _mm_setzero_si128();
            while (end - text >= 16) {
                __m128i part = _mm_loadu_si128((const __m128i *) text);
                int odd = _mm_movemask_epi8(part);
                if (!allow_nul) {
                    odd |= _mm_movemask_epi8(_mm_cmpeq_epi8(part, zero));
                }
                if (odd) {
                    text += first_bit((uint64_t) (uint32_t) odd);
                    break;
                }
                text += 16;
            }
    #else
            while (end - text >= 8) {
                uint64_t word;
                memcpy(&word, text, 8);
                if ((word | (allow_nul ? 0 : word - EACH_BYTE)) & HIGH_BITS) {
                    break;
                }
                text += 8;
            }
    #endif
            while (text < end && (unsigned char) *text < 0x80) {
                if (!*text && !allow_nul) {
                    return text;
                }
                text++;
                if (!((uintptr_t) text & 7)) {
                    break;
                }
            }
            while (text < end && (unsigned char) *text >= 0x80) {
                const char *next = end_of_character(text, end);
                if (!next) {
                    return text;
                }
                text = next;
            }
        }
        return end;
    }
    """
    ctypedef struct Marks:
        pass
    void set_marks(Marks* marks, const char* text, const char* end, unsigned char delimiter, unsigned char quote) noexcept
    const char* end_of_cell(Marks* marks, const char* text) noexcept
    const char* end_of_quoted(Marks* marks, const char* text, int32_t* pairs) noexcept
    const char* end_of_characters(const char* text, const char* end, bint allow_nul) noexcept

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Records of Apache Arrow as lines of JSON, by Arrow's C data interface; no package is needed for that.

What is written is what `importer.source.formats.parquet_values` writes in Python, byte by byte.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport rint
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.stdlib cimport atoi
from libc.string cimport memcmp, memcpy, memmove, strchr, strlen

from importer.speedups.canonical cimport Buffer, put_integer, put_text
from importer.speedups.strings cimport end_of_plain

cdef extern from "Python.h":
    char* PyOS_double_to_string(double, char, int, int, int*) except NULL
    int Py_DTSF_ADD_DOT_0

cdef extern from *:
    """
    typedef unsigned __int128 wide_t;

    struct ArrowSchema {
        const char *format, *name, *metadata;
        int64_t flags, n_children;
        struct ArrowSchema **children, *dictionary;
        void (*release)(struct ArrowSchema*);
        void* private_data;
    };
    struct ArrowArray {
        int64_t length, null_count, offset, n_buffers, n_children;
        const void** buffers;
        struct ArrowArray **children, *dictionary;
        void (*release)(struct ArrowArray*);
        void* private_data;
    };
    """
    ctypedef unsigned long long wide_t

    cdef struct ArrowSchema:
        const char* format
        const char* name
        int64_t n_children
        ArrowSchema** children
        ArrowSchema* dictionary

    cdef struct ArrowArray:
        int64_t length
        int64_t offset
        int64_t n_buffers
        const void** buffers
        ArrowArray** children
        ArrowArray* dictionary

cdef extern from *:
    """
    #ifdef __SSE2__
    /* Copy 32 bytes; return whether none of the first `size` is a quote, a backslash or a control character. */
    static inline int copy_plain(char* out, const char* text, Py_ssize_t size) {
        const __m128i quote = _mm_set1_epi8('"'), escape = _mm_set1_epi8('\\\\'), last = _mm_set1_epi8(31);
        __m128i half = _mm_loadu_si128((const __m128i*) text), rest = _mm_loadu_si128((const __m128i*) text + 1);
        uint64_t odd;
        _mm_storeu_si128((__m128i*) out, half);
        _mm_storeu_si128((__m128i*) out + 1, rest);
    #define ODD_BYTES(part) (uint64_t) (unsigned) _mm_movemask_epi8(_mm_or_si128( \\
        _mm_or_si128(_mm_cmpeq_epi8(part, quote), _mm_cmpeq_epi8(part, escape)), \\
        _mm_cmpeq_epi8(_mm_min_epu8(part, last), part)))
        odd = ODD_BYTES(half) | ODD_BYTES(rest) << 16;
        return !(odd & (((uint64_t) 1 << size) - 1));
    }
    #else
    static inline int copy_plain(char* out, const char* text, Py_ssize_t size) {
        memcpy(out, text, 32);
        return end_of_plain(text, text + size) == text + size;
    }
    #endif
    static inline void copy_wide(char* out, const char* text) { memcpy(out, text, 32); }
    """
    bint copy_plain(char* out, const char* text, Py_ssize_t size) noexcept
    void copy_wide(char* out, const char* text) noexcept

cdef enum:
    NOTHING = 256  # no quote is doubled in a text: see `canonical`
    DEEPEST = 64  # values inside one another
    SCALAR = 96  # bytes that any value takes but a text, at most
    WIDE = 32  # bytes that are copied at once
    DECIMALS = 6  # digits behind the point of a double that is written without Python

cdef double LARGEST = 9007199254740992.0  # up to which a double holds every integer
cdef double[7] POWERS
POWERS[:] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6]
cdef const char* NULL_TEXT = b"null"
cdef const char* BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def arrow_lines(schema, array, Py_ssize_t size):
    """Return a line of JSON for each record of a batch; None if a type in it is written by Python alone.

    Args:
        schema: A capsule with its schema, as ``__arrow_c_array__`` returns it.
        array: Likewise with its records, which are a struct.
        size: How many bytes a piece of whole lines has at least, but the last.

    Raises:
        ValueError: It is no such capsule.
    """
    cdef ArrowSchema* types = <ArrowSchema*> PyCapsule_GetPointer(schema, "arrow_schema")
    cdef ArrowArray* values = <ArrowArray*> PyCapsule_GetPointer(array, "arrow_array")
    cdef Buffer out = Buffer()
    cdef Columns columns
    cdef list pieces = []
    cdef int64_t n
    if types.format[0] != c"+" or types.format[1] != c"s" or not is_known(types, 0):
        return None
    columns = columns_of(types, values)
    out.reserve(size)
    for n in range(values.length):
        put_record(out, columns, values.offset + n)
        if out.used() >= size:
            pieces.append(out.base[: out.used()])
            out.at = out.base
    if out.used():
        pieces.append(out.base[: out.used()])
    return pieces


cdef struct Column:
    ArrowSchema* types
    ArrowArray* values
    const uint8_t* valid  # a bit for each value; NULL if none is null
    const char* data_end  # of its texts
    char kind  # the first letter of its format; 0 if it is written by `put_value`
    const char* key  # a comma, its name as a string of JSON, and a colon
    Py_ssize_t key_size


cdef class Columns:
    """The columns of a batch that are not all null."""

    cdef Buffer keys
    cdef Column* each
    cdef int64_t count

    def __dealloc__(self):
        PyMem_Free(self.each)


cdef Columns columns_of(ArrowSchema* types, ArrowArray* values):
    cdef Columns columns = Columns()
    cdef Column* column
    cdef ArrowArray* array
    cdef Py_ssize_t size
    cdef int64_t child
    columns.keys = Buffer()
    columns.each = <Column*> PyMem_Malloc(max(1, types.n_children) * sizeof(Column))
    if columns.each == NULL:
        raise MemoryError
    for child in range(types.n_children):
        array = values.children[child]
        if types.children[child].format[0] == c"n":
            continue
        column = columns.each + columns.count
        columns.count += 1
        column.types, column.values = types.children[child], array
        column.valid = <const uint8_t*> array.buffers[0] if array.n_buffers else NULL
        column.kind, column.data_end = 0, NULL
        if column.types.dictionary == NULL and strchr("uglib", column.types.format[0]) != NULL:
            column.kind = column.types.format[0]
        if column.kind == c"u" and array.buffers[2] != NULL:
            column.data_end = <const char*> array.buffers[2] + (
                (<const int32_t*> array.buffers[1])[array.offset + array.length] if array.length else 0
            )
        size = strlen(column.types.name)
        columns.keys.reserve(6 * size + 4)
        column.key_size = columns.keys.used()
        columns.keys.put(",", 1)
        put_quoted(columns.keys, column.types.name, size)
        columns.keys.put(":", 1)
        column.key_size = columns.keys.used() - column.key_size
    columns.keys.reserve(WIDE)  # so that it can be read on from any key
    size = 0
    for child in range(columns.count):  # now that they move no more
        columns.each[child].key = columns.keys.base + size
        size += columns.each[child].key_size
    return columns


cdef inline int make_room(Buffer out, Py_ssize_t size) except -1:
    """As `Buffer.reserve`, without a call where there is space."""
    if out.used() + size > out.size:
        out.reserve(size)
    return 0


cdef int put_record(Buffer out, Columns columns, int64_t place) except -1:
    """Write the line of a record without the columns that are null in it, given its place in the array."""
    cdef Column* column
    cdef int64_t child, n
    cdef Py_ssize_t start = out.used(), before, value
    for child in range(columns.count):
        column = columns.each + child
        n = column.values.offset + place
        if column.valid != NULL and not (column.valid[n >> 3] >> (n & 7)) & 1:
            continue
        make_room(out, column.key_size + WIDE + SCALAR)
        if column.key_size <= WIDE:
            copy_wide(out.at, column.key)
            out.at += column.key_size
        else:
            out.put(column.key, column.key_size)
        if column.kind == c"u":
            put_text_of(out, column, n)
        elif column.kind == c"g":
            put_double(out, (<const double*> column.values.buffers[1])[n])
        elif column.kind == c"l":
            put_integer(out, (<const int64_t*> column.values.buffers[1])[n])
        elif column.kind == c"i":
            put_integer(out, (<const int32_t*> column.values.buffers[1])[n])
        elif column.kind == c"b":
            put_boolean(out, <const uint8_t*> column.values.buffers[1], n)
        else:
            value = out.used()
            before = value - column.key_size
            put_value(out, column.types, column.values, place)
            if (
                column.types.dictionary != NULL  # what it stands for may be null
                and out.used() == value + 4
                and not memcmp(out.base + value, NULL_TEXT, 4)
            ):
                out.at = out.base + before
    make_room(out, 3)
    if out.used() == start:
        out.put("{", 1)
    out.base[start] = c"{"  # in the place of a comma
    out.put("}\n", 2)
    return 0


cdef inline int put_text_of(Buffer out, Column* column, int64_t n) except -1:
    """Write a text of a column, most of which are short and need no escapes."""
    cdef const int32_t* ends = <const int32_t*> column.values.buffers[1] + n
    cdef Py_ssize_t size = ends[1] - ends[0]
    cdef const char* text = <const char*> column.values.buffers[2]
    if text != NULL:
        text += ends[0]
        if size <= WIDE and column.data_end - text >= WIDE and copy_plain(out.at + 1, text, size):
            out.at[0] = out.at[size + 1] = c'"'
            out.at += size + 2
            return 0
    make_room(out, 6 * size + 2)
    put_quoted(out, text, size)
    return 0


cdef inline void put_boolean(Buffer out, const uint8_t* bits, int64_t n) noexcept:
    if (bits[n >> 3] >> (n & 7)) & 1:
        out.put("true", 4)
    else:
        out.put("false", 5)


cdef bint is_known(ArrowSchema* types, int depth) noexcept:
    """Return whether values of a type, and those inside of them, are written here."""
    cdef int64_t n
    cdef const char* format = types.format
    if depth > DEEPEST:
        return False
    if types.dictionary != NULL:
        if strlen(format) != 1 or strchr("cCsSiIlL", format[0]) == NULL:
            return False
        return is_known(types.dictionary, depth + 1)
    for n in range(types.n_children):
        if not is_known(types.children[n], depth + 1):
            return False
    if format[0] == c"+":
        if format[1] == c"m":
            return types.n_children == 1 and types.children[0].n_children == 2 and (
                types.children[0].children[0].format[0] != c"+"
            )
        if format[1] == c"s" or format[1] == c"w":
            return True
        return (format[1] == c"l" or format[1] == c"L") and not format[2]
    if format[0] == c"t":
        return format[1] == c"d" or format[1] == c"t" or format[1] == c"s"
    if format[0] == c"d":
        return is_wide(format)
    if format[0] == c"w":
        return True
    return strlen(format) == 1 and strchr("nbcCsSiIlLfguUzZ", format[0]) != NULL


cdef bint is_wide(const char* format) noexcept:
    """Return whether a decimal has 128 bits, and a usual scale."""
    cdef const char* comma = strchr(format, c",")
    if comma == NULL or not 0 <= atoi(comma + 1) <= 38:
        return False
    comma = strchr(comma + 1, c",")
    return comma == NULL or atoi(comma + 1) == 128


cdef inline bint is_null(ArrowArray* values, int64_t n) noexcept:
    cdef const uint8_t* valid
    if values.n_buffers == 0:
        return False
    valid = <const uint8_t*> values.buffers[0]
    return valid != NULL and not (valid[n >> 3] >> (n & 7)) & 1


cdef int put_value(Buffer out, ArrowSchema* types, ArrowArray* values, int64_t place) except -1:
    """Write a value, given its place behind the offset of its array."""
    cdef int64_t n = values.offset + place
    cdef const char* format = types.format
    cdef char kind = format[0]
    make_room(out, SCALAR)
    if kind == c"n" or is_null(values, n):
        out.put("null", 4)
    elif types.dictionary != NULL:
        put_value(out, types.dictionary, values.dictionary, integer_at(kind, values.buffers[1], n))
    elif kind == c"u" or kind == c"U":
        put_string(out, values, n, kind == c"U")
    elif kind == c"b":
        put_boolean(out, <const uint8_t*> values.buffers[1], n)
    elif kind == c"L":
        put_unsigned(out, (<const uint64_t*> values.buffers[1])[n])
    elif kind == c"g":
        put_double(out, (<const double*> values.buffers[1])[n])
    elif kind == c"f":
        put_double(out, (<const float*> values.buffers[1])[n])
    elif kind == c"t":
        put_time(out, format, values.buffers[1], n)
    elif kind == c"d":
        put_decimal(out, <const uint64_t*> values.buffers[1] + 2 * n, atoi(strchr(format, c",") + 1))
    elif kind == c"z" or kind == c"Z" or kind == c"w":
        put_binary(out, format, values, n)
    elif kind != c"+":
        put_integer(out, integer_at(kind, values.buffers[1], n))
    elif format[1] == c"s":
        put_struct(out, types, values, n)
    elif format[1] == c"m":
        put_map(out, types, values, n)
    else:
        put_list(out, types, values, n)
    return 0


cdef inline int64_t integer_at(char kind, const void* buffer, int64_t n) noexcept:
    """Return an integer of a type of up to 64 bits, signed."""
    if kind == c"c":
        return (<const int8_t*> buffer)[n]
    if kind == c"C":
        return (<const uint8_t*> buffer)[n]
    if kind == c"s":
        return (<const int16_t*> buffer)[n]
    if kind == c"S":
        return (<const uint16_t*> buffer)[n]
    if kind == c"i":
        return (<const int32_t*> buffer)[n]
    if kind == c"I":
        return (<const uint32_t*> buffer)[n]
    return (<const int64_t*> buffer)[n]


cdef int put_string(Buffer out, ArrowArray* values, int64_t n, bint is_large) except -1:
    cdef const char* text = <const char*> values.buffers[2]
    cdef int64_t start, stop
    if is_large:
        start, stop = (<const int64_t*> values.buffers[1])[n], (<const int64_t*> values.buffers[1])[n + 1]
    else:
        start, stop = (<const int32_t*> values.buffers[1])[n], (<const int32_t*> values.buffers[1])[n + 1]
    make_room(out, 6 * (stop - start) + 2)
    if text != NULL:
        text += start
    put_quoted(out, text, stop - start)
    return 0


cdef inline void put_quoted(Buffer out, const char* text, Py_ssize_t size) noexcept:
    """Write a text as a string of JSON; there is space for six times its size, and two bytes."""
    if end_of_plain(text, text + size) == text + size:
        out.at[0] = c'"'
        memcpy(out.at + 1, text, size)
        out.at[size + 1] = c'"'
        out.at += size + 2
    else:
        put_text(out, text, size, NOTHING)


cdef int put_struct(Buffer out, ArrowSchema* types, ArrowArray* values, int64_t n) except -1:
    """Write an object, given its place in the array."""
    cdef int64_t child
    cdef Py_ssize_t size
    make_room(out, 2)
    out.put("{", 1)
    for child in range(types.n_children):
        size = strlen(types.children[child].name)
        make_room(out, 6 * size + 4)
        if child:
            out.put(",", 1)
        put_quoted(out, types.children[child].name, size)
        out.put(":", 1)
        put_value(out, types.children[child], values.children[child], n)
    make_room(out, 1)
    out.put("}", 1)
    return 0


cdef int put_list(Buffer out, ArrowSchema* types, ArrowArray* values, int64_t n) except -1:
    cdef int64_t start, stop, each
    if types.format[1] == c"w":
        stop = atoi(types.format + 3)
        start = n * stop
        stop += start
    elif types.format[1] == c"L":
        start, stop = (<const int64_t*> values.buffers[1])[n], (<const int64_t*> values.buffers[1])[n + 1]
    else:
        start, stop = (<const int32_t*> values.buffers[1])[n], (<const int32_t*> values.buffers[1])[n + 1]
    out.put("[", 1)
    for each in range(start, stop):
        if each > start:
            make_room(out, 1)
            out.put(",", 1)
        put_value(out, types.children[0], values.children[0], each)
    make_room(out, 1)
    out.put("]", 1)
    return 0


cdef int put_map(Buffer out, ArrowSchema* types, ArrowArray* values, int64_t n) except -1:
    """Write a map as an object, with texts for its keys."""
    cdef ArrowSchema* entry_types = types.children[0]
    cdef ArrowArray* entries = values.children[0]
    cdef const int32_t* offsets = <const int32_t*> values.buffers[1]
    cdef int64_t each
    cdef Py_ssize_t before
    out.put("{", 1)
    for each in range(offsets[n], offsets[n + 1]):
        make_room(out, 1)
        if each > offsets[n]:
            out.put(",", 1)
        before = out.used()
        put_value(out, entry_types.children[0], entries.children[0], entries.offset + each)
        make_room(out, 4)
        if out.base[before] != c'"':
            memmove(out.base + before + 1, out.base + before, out.used() - before)
            out.base[before] = c'"'
            out.at += 1
            out.put('"', 1)
        out.put(":", 1)
        put_value(out, entry_types.children[1], entries.children[1], entries.offset + each)
    make_room(out, 1)
    out.put("}", 1)
    return 0


cdef void put_unsigned(Buffer out, uint64_t number) noexcept:
    if number >> 63:
        put_integer(out, <int64_t> (number // 10))
        out.at[0] = c"0" + <char> (number % 10)
        out.at += 1
    else:
        put_integer(out, <int64_t> number)


cdef int put_double(Buffer out, double number) except -1:
    """Write a double with the fewest digits that make it; NaN and Infinity as Python writes them."""
    cdef double size = -number if number < 0 else number, whole
    cdef int64_t scaled
    cdef int digits
    cdef char* text
    if number != number:
        out.put("NaN", 3)
        return 0
    if size > 1.7976931348623157e308:
        if number < 0:
            out.put("-", 1)
        out.put("Infinity", 8)
        return 0
    if 1e-4 <= size < 1e9:  # so that no two decimals of so few digits are the same double
        whole = rint(size * POWERS[DECIMALS])
        if whole / POWERS[DECIMALS] == size:
            if number < 0:
                out.put("-", 1)
            scaled, digits = <int64_t> whole, DECIMALS
            while digits and scaled % 10 == 0:
                scaled //= 10
                digits -= 1
            put_scaled(out, scaled, digits)
            return 0
    elif 1e9 <= size < 1e15:
        for digits in range(DECIMALS + 1):
            whole = size * POWERS[digits]
            if whole >= LARGEST:
                break
            whole = rint(whole)
            if whole / POWERS[digits] == size:
                if number < 0:
                    out.put("-", 1)
                put_scaled(out, <int64_t> whole, digits)
                return 0
    text = PyOS_double_to_string(number, c"r", 0, Py_DTSF_ADD_DOT_0, NULL)
    out.put(text, strlen(text))
    PyMem_Free(text)
    return 0


cdef void put_scaled(Buffer out, int64_t number, int digits) noexcept:
    """Write a number, given as a multiple of a power of ten below 1; at least one digit stands behind the point."""
    cdef int64_t power = 1
    cdef int n
    for n in range(digits):
        power *= 10
    put_integer(out, number // power)
    out.put(".", 1)
    if digits == 0:
        out.put("0", 1)
    else:
        put_digits(out, number % power, digits)


cdef void put_digits(Buffer out, int64_t number, int digits) noexcept:
    """Write a number with zeros ahead of it, if need be."""
    cdef int n
    for n in range(digits - 1, -1, -1):
        out.at[n] = c"0" + <char> (number % 10)
        number //= 10
    out.at += digits


cdef void put_decimal(Buffer out, const uint64_t* words, int scale) noexcept:
    """Write a decimal of 128 bits without the zeros at the end of its fraction."""
    cdef char[40] digits
    cdef int count = 0, n, zeros = 0
    cdef wide_t number = (<wide_t> words[1]) << 64 | words[0]
    if words[1] >> 63:
        number = <wide_t> 0 - number
        out.put("-", 1)
    while number != 0:
        digits[39 - count] = c"0" + <char> (number % 10)
        number = number // 10
        count += 1
    if count == 0:
        out.put("0", 1)
        return
    while zeros < scale and zeros < count and digits[39 - zeros] == c"0":
        zeros += 1
    if count > scale:
        out.put(digits + 40 - count, count - scale)
    else:
        out.put("0", 1)
    if scale > zeros:
        out.put(".", 1)
        for n in range(scale - count):
            out.put("0", 1)
        n = count if count < scale else scale
        out.put(digits + 40 - n, n - zeros)


cdef int put_time(Buffer out, const char* format, const void* buffer, int64_t n) except -1:
    """Write a date, a time of day, or a timestamp, in quotes."""
    cdef int64_t number, days, per_second, unit
    cdef int digits
    cdef bint is_date = format[1] == c"d"
    out.put('"', 1)
    if is_date and format[2] == c"D":
        put_date(out, (<const int32_t*> buffer)[n])
    elif is_date:
        put_date(out, floor_of((<const int64_t*> buffer)[n], 86_400_000))
    else:
        digits = digits_of(format[2])
        per_second = 1
        for unit in range(digits):
            per_second *= 10
        if format[1] == c"t" and (format[2] == c"s" or format[2] == c"m"):
            number = (<const int32_t*> buffer)[n]
        else:
            number = (<const int64_t*> buffer)[n]
        if format[1] == c"s":
            days = floor_of(number, 86_400 * per_second)
            number -= days * 86_400 * per_second
            put_date(out, days)
            out.put("T", 1)
        put_clock(out, number // per_second, number % per_second, digits)
        if format[1] == c"s" and format[4]:  # its zone
            out.put("Z", 1)
    out.put('"', 1)
    return 0


cdef inline int digits_of(char unit) noexcept:
    """Return how many digits a fraction of a second has."""
    return 0 if unit == c"s" else 3 if unit == c"m" else 6 if unit == c"u" else 9


cdef inline int64_t floor_of(int64_t number, int64_t by) noexcept:
    cdef int64_t quotient = number // by
    return quotient - (number % by < 0)


cdef void put_date(Buffer out, int64_t days) noexcept:
    """Write a day, given from 1970-01-01 on."""
    cdef int64_t z = days + 719_468, era, year
    cdef int64_t day_of_era, year_of_era, day_of_year, month, day
    era = floor_of(z, 146_097)
    day_of_era = z - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9
    year = year_of_era + era * 400 + (month <= 2)
    if year < 0:
        out.put("-", 1)
        year = -year
    if year > 9_999:
        put_integer(out, year)
    else:
        put_digits(out, year, 4)
    out.put("-", 1)
    put_digits(out, month, 2)
    out.put("-", 1)
    put_digits(out, day, 2)


cdef void put_clock(Buffer out, int64_t seconds, int64_t fraction, int digits) noexcept:
    """Write a time of day; of its fraction, no group of three zeros at the end."""
    put_digits(out, seconds // 3_600, 2)
    out.put(":", 1)
    put_digits(out, seconds // 60 % 60, 2)
    out.put(":", 1)
    put_digits(out, seconds % 60, 2)
    while digits and fraction % 1_000 == 0:
        fraction //= 1_000
        digits -= 3
    if digits:
        out.put(".", 1)
        put_digits(out, fraction, digits)


cdef int put_binary(Buffer out, const char* format, ArrowArray* values, int64_t n) except -1:
    """Write bytes in base64 (RFC 4648, section 4)."""
    cdef const uint8_t* data
    cdef int64_t start, size, left
    cdef uint32_t three
    if format[0] == c"w":
        size = atoi(format + 2)
        start = n * size
        data = <const uint8_t*> values.buffers[1]
    elif format[0] == c"Z":
        start = (<const int64_t*> values.buffers[1])[n]
        size = (<const int64_t*> values.buffers[1])[n + 1] - start
        data = <const uint8_t*> values.buffers[2]
    else:
        start = (<const int32_t*> values.buffers[1])[n]
        size = (<const int32_t*> values.buffers[1])[n + 1] - start
        data = <const uint8_t*> values.buffers[2]
    make_room(out, size // 3 * 4 + 8)
    out.put('"', 1)
    left = size
    data += start
    while left > 0:
        three = data[0] << 16
        if left > 1:
            three |= data[1] << 8
        if left > 2:
            three |= data[2]
        out.at[0], out.at[1] = BASE64[three >> 18], BASE64[three >> 12 & 63]
        out.at[2] = BASE64[three >> 6 & 63] if left > 1 else c"="
        out.at[3] = BASE64[three & 63] if left > 2 else c"="
        out.at += 4
        data += 3
        left -= 3
    out.put('"', 1)
    return 0

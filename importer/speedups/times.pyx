# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Times in the usual forms: epochs, and by the calendar ISO 8601 and simple formats."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.string cimport memset

from importer.speedups.block cimport Block, Span

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    bint PyUnicode_IS_COMPACT_ASCII(object text)

cdef enum:
    NS_PER_S = 1_000_000_000
    NANO_DIGITS = 9
    MOST_DIGITS = 19  # that fit 64 bits
    EXACT_DIGITS = 15  # of a decimal that every double keeps
    DAY = 10  # "2024-05-01"
    MINUTE = 16
    SECOND = 19
    MOST_NAME = 4  # characters
    UNKNOWN = 1_000_000  # no offset is that large
    NO_NUMBER = 100

# In the year 2255: what is added to it still fits 64 bits.
LATEST = 9_000_000_000_000_000_000

cdef int[12] DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


cdef class Times:
    """Reads times in the usual forms, and never asks Python.

    A time in another form, before 1970, or of a local hour that was skipped or repeated is not read.

    Args:
        units: The units of epochs: `importer.events.times.EpochUnit`.
        forms: The names of ISO 8601 with an offset, without a zone, and with no time of day; the format, if one
            is given.
        steps: The steps of the format: `importer.events.format_steps.Step`. Empty if there is no format, or one
            that needs a pattern.
        first_short_year: The first of the hundred years that two digits may mean.
        utc_names: Texts that mean UTC behind a time, in capitals; they are read in small letters, too.
        most_hours: The largest offset that is read, in hours; up to 59 minutes may be added to it.
        local_offsets: When a span of local time begins, in seconds since 1970-01-01 by the clocks of the zone,
            and its seconds ahead of UTC, None where local times are not read. Sorted; the last one is None.
            Empty if there is no zone.
        local_epochs: Epochs count from midnight of 1970-01-01 in the zone, not UTC.
    """

    def __cinit__(
        self, *, units, forms, steps, first_short_year, utc_names, most_hours, local_offsets, local_epochs
    ):
        cdef Py_ssize_t n
        self.spans = NULL
        if len(units) > MOST_UNITS or len(utc_names) > MOST_NAMES:
            raise ValueError("too many units or names")
        if len(forms) > MOST_FORMS - MOST_UNITS:
            raise ValueError("too many forms")
        self.step_count = len(steps) if len(steps) <= MOST_STEPS else 0
        for n in range(self.step_count):
            what, least, most = steps[n]
            self.steps[n] = Step(ord(what), least, most)
        self.first_short_year = first_short_year
        self.unit_count, self.utc_count = len(units), len(utc_names)
        for n, (_, lowest, end, nanoseconds) in enumerate(units):
            self.units[n] = Unit(lowest, end, nanoseconds)
        for n, name in enumerate(utc_names):
            if not 0 < len(name) <= MOST_NAME or not name.isascii() or not name.isupper() or not name.isalpha():
                raise ValueError(name)
            self.utc_names[n] = packed(name.encode(), len(name))
        self.names = (*[unit[0] for unit in units], *forms)
        self.has_iso, self.most_hours, self.are_epochs_local = len(forms) == 3, most_hours, local_epochs
        self.last, self.span_count = 0, len(local_offsets)
        self.spans = <LocalSpan*> PyMem_Malloc(max(self.span_count, 1) * sizeof(LocalSpan))
        if self.spans == NULL:
            raise MemoryError
        for n, (start, offset) in enumerate(local_offsets):
            self.spans[n] = LocalSpan(start, UNKNOWN if offset is None else offset)

    def __dealloc__(self):
        PyMem_Free(self.spans)

    def read(self, values not None, forms not None):
        """Return the nanoseconds since the epoch of each value, and None for one that is not in a usual form.

        Args:
            values: Texts and numbers; for all other values the result is None.
            forms: Gets the number of times that are written in each form, added to what it holds.
        """
        cdef Py_ssize_t[MOST_FORMS] counts
        cdef Py_ssize_t size
        cdef const char* text
        cdef int64_t found
        cdef list instants = []
        memset(counts, 0, sizeof(counts))
        for value in values:
            if type(value) is int:
                value = repr(value)
            elif type(value) is float:
                value = repr(int(value) if value.is_integer() else value)
            found = -1
            if type(value) is str and PyUnicode_IS_COMPACT_ASCII(value):
                text = PyUnicode_AsUTF8AndSize(value, &size)
                found = self.instant(text, size)
            if found < 0:
                instants.append(None)
            else:
                instants.append(found)
                counts[self.form] += 1
        self.add_counts(counts, forms)
        return instants

    def read_column(self, Block block not None, int cell, forms not None):
        """Read the times of a column.

        Args:
            block: Of CSV, or `Fields`.
            cell: The column.
            forms: As in `read`.

        Returns:
            The nanoseconds since the epoch of each record's time, as signed integers of 64 bits, -1 where it
            is not read; the places of the cells that are filled and not read; how many cells are empty.
        """
        cdef Py_ssize_t[MOST_FORMS] counts
        cdef const char* base = PyBytes_AS_STRING(block.data)
        cdef Py_ssize_t n, missing = 0
        cdef Span* span
        cdef bytes instants
        cdef int64_t* found
        cdef list unread = []
        if not 0 <= cell < block.width:
            raise IndexError(cell)
        memset(counts, 0, sizeof(counts))
        instants = PyBytes_FromStringAndSize(NULL, block.count * sizeof(int64_t))
        found = <int64_t*> PyBytes_AS_STRING(instants)
        for n in range(block.count):
            span = block.spans + n * block.width + cell
            # What is doubled is a quote, which no time has.
            found[n] = self.instant(base + span.start, span.size) if not span.doubled else -1
            if found[n] >= 0:
                counts[self.form] += 1
            elif span.size:
                unread.append(n)
            else:
                missing += 1
        self.add_counts(counts, forms)
        return instants, unread, missing

    cdef int add_counts(self, const Py_ssize_t* counts, forms) except -1:
        cdef Py_ssize_t n
        for n in range(len(self.names)):
            if counts[n]:
                forms[self.names[n]] += counts[n]
        return 0

    cdef int64_t instant(self, const char* text, Py_ssize_t size) noexcept nogil:
        """Return the nanoseconds since the epoch, and set `form`; -1 if the text is not read."""
        while size and text[size - 1] == c" ":
            size -= 1
        while size and text[0] == c" ":
            text += 1
            size -= 1
        if self.step_count:
            return self.by_steps(text, size)
        if self.has_iso and size >= DAY and text[4] == c"-":
            return self.iso(text, size)
        return self.epoch(text, size)

    cdef int64_t number(self, const char* text, Py_ssize_t size) noexcept nogil:
        """Do the same for a number of JSON: not if a double may not keep its fraction, or a format has none.

        Also for what only has the characters of a number, as a date without quotes has: the result is -1.
        """
        cdef Py_ssize_t n
        if self.step_count or size > EXACT_DIGITS + 1:
            for n in range(size):
                if not is_digit(text[n]):
                    return -1
        return self.by_steps(text, size) if self.step_count else self.epoch(text, size)

    cdef int64_t epoch(self, const char* text, Py_ssize_t size) noexcept nogil:
        cdef uint64_t number = 0
        cdef int64_t fraction = 0, instant, offset
        cdef Py_ssize_t n, at = 0
        cdef Unit* unit
        while at < size and at < MOST_DIGITS and is_digit(text[at]):
            number = 10 * number + <uint64_t> (text[at] - c"0")
            at += 1
        if at < size:
            if at + 1 >= size or text[at] != c".":
                return -1
            at = end_of_fraction(text, at, size, &fraction)
            for n in range(at, size):
                if text[n] != c"0":
                    return -1
        for n in range(self.unit_count):
            unit = self.units + n
            if unit.lowest <= number < unit.end:
                break
        else:
            return -1
        fraction *= unit.nanoseconds
        if fraction % NS_PER_S:
            return -1
        instant = <int64_t> number * unit.nanoseconds + fraction // NS_PER_S
        if self.are_epochs_local:
            offset = self.local_offset(instant // NS_PER_S)
            if offset == UNKNOWN:
                return -1
            instant -= offset * NS_PER_S
        self.form = n
        return instant

    cdef int64_t iso(self, const char* text, Py_ssize_t size) noexcept nogil:
        cdef int century = two_digits(text), of_century = two_digits(text + 2), form = self.unit_count
        cdef Py_ssize_t at = DAY
        cdef WallTime wall
        memset(&wall, 0, sizeof(wall))
        if text[7] != c"-" or century > 99 or of_century > 99:
            return -1
        wall.year, wall.month, wall.day = 100 * century + of_century, two_digits(text + 5), two_digits(text + 8)
        if size > DAY:
            if size < MINUTE or (text[DAY] != c"T" and text[DAY] != c" ") or text[13] != c":":
                return -1
            wall.hour, wall.minute, at = two_digits(text + 11), two_digits(text + 14), MINUTE
            if size >= SECOND and text[MINUTE] == c":":
                wall.second, at = two_digits(text + 17), SECOND
                if at < size and (text[at] == c"." or text[at] == c","):
                    at = end_of_fraction(text, at, size, &wall.nanoseconds)
                    if not is_digit(text[at - 1]):
                        return -1
        if at == size:
            form += 1 if size > DAY else 2
        return self.instant_of(&wall, text + at, size - at, form)

    cdef int64_t by_steps(self, const char* text, Py_ssize_t size) noexcept nogil:
        """Read a text by the steps of a format."""
        cdef Py_ssize_t at = 0, start, zone_size = 0
        cdef WallTime wall
        cdef Step* step
        cdef int n, number, half = 0
        cdef bint is_sign
        memset(&wall, 0, sizeof(wall))
        for n in range(self.step_count):
            step, start, number = self.steps + n, at, 0
            if size - at < max(step.least, 1):
                return -1
            if step.most == 0:
                if text[at] != step.what:
                    return -1
                at += 1
            elif step.what == c"f":
                at = end_of_fraction(text, at - 1, size, &wall.nanoseconds)
                if at == start:
                    return -1
            elif step.what == c"p":
                half = text[at] | 0x20
                if (half != c"a" and half != c"p") or (text[at + 1] | 0x20) != c"m":
                    return -1
                at += 2
            elif step.what == c"z":
                is_sign = text[at] == c"+" or text[at] == c"-"
                if size - at < 5 if is_sign else size - at > 1 or text[at] != c"Z":
                    return -1
                zone_size = size - at  # it is the last step
            else:
                while at < size and at - start < step.most and is_digit(text[at]):
                    number = 10 * number + text[at] - c"0"
                    at += 1
                if at - start < step.least:
                    return -1
                if step.what == c"Y":
                    wall.year = number
                elif step.what == c"y":
                    wall.year = self.first_short_year + (number + 100 - self.first_short_year % 100) % 100
                elif step.what == c"m":
                    wall.month = number
                elif step.what == c"d":
                    wall.day = number
                elif step.what == c"M":
                    wall.minute = number
                elif step.what == c"S":
                    wall.second = number
                else:
                    wall.hour = number
        if half:
            if not 0 < wall.hour <= 12:
                return -1
            wall.hour = wall.hour % 12 + (12 if half == c"p" else 0)
        return self.instant_of(&wall, text + at, zone_size, 0) if at + zone_size == size else -1

    cdef int64_t instant_of(
        self, const WallTime* wall, const char* zone, Py_ssize_t size, int form
    ) noexcept nogil:
        """Return the nanoseconds since the epoch of a time beside which a zone stands, if its size is not 0."""
        cdef int64_t seconds, offset
        if wall.year == 0 or not 0 < wall.month <= 12 or not 0 < wall.day <= days_in(wall.year, wall.month):
            return -1
        if wall.hour > 23 or wall.minute > 59 or wall.second > 59:
            return -1
        seconds = days_from_civil(wall.year, wall.month, wall.day) * 86_400
        seconds += 3600 * wall.hour + 60 * wall.minute + wall.second
        offset = self.offset(zone, size) if size else self.local_offset(seconds)
        seconds -= offset
        if offset == UNKNOWN or not 0 <= seconds < LATEST // NS_PER_S:
            return -1
        self.form = form
        return seconds * NS_PER_S + wall.nanoseconds

    cdef int64_t offset(self, const char* text, Py_ssize_t size) noexcept nogil:
        """Return the seconds ahead of UTC that are written behind a time; `UNKNOWN` if it is another text."""
        cdef int hours, minutes = 0, n
        cdef int64_t seconds
        cdef uint64_t name
        if text[0] == c" ":
            text += 1
            size -= 1
        if text[0] != c"+" and text[0] != c"-":
            name = packed(text, size)
            for n in range(self.utc_count):
                if self.utc_names[n] == name:
                    return 0
            return UNKNOWN
        if size == 6 and text[3] == c":":
            minutes = two_digits(text + 4)
        elif size == 5:
            minutes = two_digits(text + 3)
        elif size != 3:
            return UNKNOWN
        hours = two_digits(text + 1)
        if hours > self.most_hours or minutes > 59:
            return UNKNOWN
        seconds = 3600 * hours + 60 * minutes
        return -seconds if text[0] == c"-" else seconds

    cdef int64_t local_offset(self, int64_t seconds) noexcept nogil:
        """Return the seconds ahead of UTC at a local time; `UNKNOWN` if the zone does not say, or twice."""
        cdef Py_ssize_t low = self.last, high = low + 1, middle
        if high >= self.span_count or not self.spans[low].start <= seconds < self.spans[high].start:
            low, high = 0, self.span_count
            if not high or seconds < self.spans[0].start:
                return UNKNOWN
            while high - low > 1:
                middle = (low + high) // 2
                if self.spans[middle].start <= seconds:
                    low = middle
                else:
                    high = middle
            self.last = low
        return self.spans[low].offset


cdef inline bint is_digit(char c) noexcept nogil:
    return c"0" <= c <= c"9"


cdef inline int two_digits(const char* text) noexcept nogil:
    """Return the number that two digits are; `NO_NUMBER` if they are none."""
    if is_digit(text[0]) and is_digit(text[1]):
        return 10 * (text[0] - c"0") + text[1] - c"0"
    return NO_NUMBER


cdef Py_ssize_t end_of_fraction(const char* text, Py_ssize_t at, Py_ssize_t size, int64_t* nanos) noexcept nogil:
    """Read the digits behind a mark, as billionths, and return where they end, after nine at most."""
    cdef Py_ssize_t end = at + 1 + NANO_DIGITS, n
    cdef int64_t fraction = 0
    at += 1
    while at < size and at < end and is_digit(text[at]):
        fraction = 10 * fraction + text[at] - c"0"
        at += 1
    for n in range(at, end):
        fraction *= 10
    nanos[0] = fraction
    return at


cdef uint64_t packed(const char* text, Py_ssize_t size) noexcept nogil:
    """Return a short text as one number, its letters as capitals; 0 for a longer one."""
    cdef uint64_t name = 1
    cdef Py_ssize_t n
    if size > MOST_NAME:
        return 0
    for n in range(size):
        name = name << 8 | (<uint64_t> text[n] & 0xDF)  # a capital letter is made of no other character
    return name


cdef inline int days_in(int year, int month) noexcept nogil:
    if month == 2 and year % 4 == 0 and (year % 100 or year % 400 == 0):
        return 29
    return DAYS[month - 1]


cdef inline int64_t days_from_civil(int year, int month, int day) noexcept nogil:
    """Return the days since 1970-01-01 (https://howardhinnant.github.io/date_algorithms.html)."""
    cdef int era, of_era, of_year
    year -= month <= 2
    era = year // 400
    of_era = year - 400 * era
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return 146_097 * <int64_t> era + 365 * of_era + of_era // 4 - of_era // 100 + of_year - 719_468

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The values of a record that may give a field, or that templates put together."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.string cimport memchr

from importer.speedups.canonical cimport put_part_of_text, put_text, put_unescaped

from importer.reading import FIELDS


cdef class Template:
    """A text that is made of values.

    Args:
        plan: A `plan.TemplatePlan`.
        count: Values that there are.
    """

    def __cinit__(self, plan, Py_ssize_t count):
        cdef Py_ssize_t n
        self.numbers = NULL
        self.texts, self.count = [bytes(text) for text in plan.texts], len(plan.parts)
        if len(self.texts) != self.count + 1:
            raise ValueError("a text stands ahead of each part, and one behind the last")
        self.is_mixed = self.count > 1 or any(self.texts)
        self.numbers = <int*> PyMem_Malloc((self.count + 1) * sizeof(int))
        if self.numbers == NULL:
            raise MemoryError
        for n, number in enumerate(plan.parts):
            if not 0 <= number < count:
                raise IndexError(number)
            self.numbers[n] = number

    def __dealloc__(self):
        PyMem_Free(self.numbers)


cdef class Parts:
    """Such values of a record.

    Args:
        plans: A `plan.PartPlan` for each.
        nulls: Texts that mean no value.
    """

    def __cinit__(self, plans, TextSet nulls not None):
        cdef Py_ssize_t n
        self.parts = NULL
        self.cells = NULL
        self.must_be_taken = NULL
        self.gives = NULL
        self.count, self.nulls, self.kept, self.unescaped = len(plans), nulls, Buffer(), Buffer()
        self.paths = [tuple(plan.path) for plan in plans]
        self.parts = <Part*> PyMem_Calloc(self.count + 1, sizeof(Part))
        self.cells = <int*> PyMem_Malloc((self.count + 1) * sizeof(int))
        self.must_be_taken = <bint*> PyMem_Malloc((self.count + 1) * sizeof(bint))
        self.gives = <int*> PyMem_Malloc((self.count + 1) * sizeof(int))
        if self.parts == NULL or self.cells == NULL or self.must_be_taken == NULL or self.gives == NULL:
            raise MemoryError
        for n, plan in enumerate(plans):
            self.cells[n], self.must_be_taken[n] = plan.cell, plan.must_be_taken
            self.gives[n] = -1 if plan.gives is None else FIELDS.index(plan.gives)

    def __dealloc__(self):
        PyMem_Free(self.parts)
        PyMem_Free(self.cells)
        PyMem_Free(self.must_be_taken)
        PyMem_Free(self.gives)

    cdef void clear(self) noexcept:
        """Go on to another record."""
        cdef Py_ssize_t n
        for n in range(self.count):
            self.parts[n].kind = MISSING
            self.parts[n].is_seen = self.parts[n].is_filled = self.parts[n].is_taken = False
            self.parts[n].at = -1
        self.kept.at = self.kept.base

    cdef void keep_cell(self, Part* part, const char* text, Py_ssize_t size, int quote) noexcept:
        """Keep a cell that has a value."""
        part.kind, part.text, part.size, part.quote, part.written = TEXT, text, size, quote, -1
        part.is_filled = True

    cdef bint keep_json(
        self, Part* part, const char* start, const char* end, const char* written, Py_ssize_t size
    ) except -1:
        """Keep a value of JSON; False if its key stood in the record before.

        Args:
            part: Where it is kept.
            start: Where it begins in the source.
            end: Where it ends there.
            written: How it was written.
            size: Bytes of that.
        """
        if part.is_seen:
            return False
        part.is_seen, part.kind, part.written, part.quote = True, ANOTHER_VALUE, -1, -1
        part.is_filled = start[0] != c"n" and (start[0] != c'"' or end - start > 2)
        if not part.is_filled:
            part.kind = MISSING
            return True
        if start[0] == c"{" or start[0] == c"[":
            return True
        part.text, part.size = start, end - start
        if start[0] == c'"':
            part.kind, part.text, part.size = TEXT, start + 1, end - start - 2
            if memchr(part.text, c"\\", part.size) == NULL:
                if self.means_nothing(part):
                    part.kind = MISSING
                return True
            written, size = written + 1, size - 2
        elif start[0] != c"t" and start[0] != c"f":
            part.kind = NUMBER
        part.start, part.written = self.kept.used(), size
        self.kept.reserve(size)
        self.kept.put(written, size)
        if part.kind == TEXT and self.means_nothing(part):
            part.kind = MISSING
        return True

    cdef bint means_nothing(self, const Part* part) except -1:
        """Return whether a text means no value."""
        if part.written < 0:
            return self.nulls.holds(part.text, part.size)
        self.unescaped.at = self.unescaped.base
        self.unescaped.reserve(part.written + 1)
        put_unescaped(self.unescaped, self.kept.base + part.start, part.written)
        return self.nulls.holds(self.unescaped.base, self.unescaped.used())

    # ── templates ────────────────────────────────────────────────────────────────────────────────

    cdef int put_text_of(
        self, Template template, Buffer out, OddTexts odd_texts, int kind, has_part_note, field
    ) except -2:
        """Write the text that a template makes.

        Args:
            template: Its texts stand as they are.
            out: Where it is written.
            odd_texts: Finds values that may get a note.
            kind: What the text is, as `odd_texts` takes it; -1 if no value gets a note.
            has_part_note: Returns whether a value gets a note.
            field: The field.

        Returns:
            1; 0 if a value is missing, -1 to defer the record.
        """
        cdef Py_ssize_t n, start, size
        cdef const char* p
        cdef const char* end
        cdef const char* next_
        cdef Part* part
        cdef bytes text
        for n in range(template.count + 1):
            text = template.texts[n]
            out.reserve(PyBytes_GET_SIZE(text))
            out.put(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            if n == template.count:
                return 1
            part = &self.parts[template.numbers[n]]
            if part.kind == MISSING:
                return 0
            if part.kind != TEXT and not self.is_plain_number(part):
                return -1
            start = out.used()
            if part.written >= 0:
                out.reserve(part.written)
                if part.kind == TEXT:
                    put_unescaped(out, self.kept.base + part.start, part.written)
                else:
                    out.put(self.kept.base + part.start, part.written)
            else:
                p, end = part.text, part.text + part.size
                out.reserve(part.size)
                while part.quote >= 0:
                    next_ = <const char*> memchr(p, part.quote, end - p)
                    if next_ == NULL:
                        break
                    out.put(p, next_ + 1 - p)
                    p = next_ + 2
                out.put(p, end - p)
            size = out.used() - start
            if kind >= 0 and part.kind == TEXT and odd_texts.is_odd(out.base + start, size, kind):
                if has_part_note(field, PyUnicode_DecodeUTF8(out.base + start, size, NULL)):
                    return -1

    cdef int put_json_of(self, Template template, Buffer out) except -2:
        """Write what stands between the quotes of the text that a template makes, as JSON.

        Args:
            template: Its texts stand as they do in JSON.
            out: Where it is written.

        Returns:
            1; 0 if a value is missing, -1 to defer the record.
        """
        cdef Py_ssize_t n
        cdef Part* part
        cdef bytes text
        for n in range(template.count + 1):
            text = template.texts[n]
            out.reserve(PyBytes_GET_SIZE(text) + 1)
            out.put(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            if n == template.count:
                return 1
            part = &self.parts[template.numbers[n]]
            if part.kind == MISSING:
                return 0
            if part.kind != TEXT and not self.is_plain_number(part):
                return -1
            if part.written >= 0:
                out.reserve(part.written)
                out.put(self.kept.base + part.start, part.written)
            else:
                out.reserve(6 * part.size)
                put_part_of_text(out, part.text, part.size, part.quote)

    cdef bint put_source_of(self, int number, Buffer out) except -1:
        """Write a value as JSON, a number as it stands in the source; False if it is an object or an array."""
        cdef Part* part = &self.parts[number]
        if part.kind == MISSING:
            out.reserve(4)
            out.put("null", 4)
        elif part.kind == TEXT and part.written < 0:
            out.reserve(6 * part.size + 2)
            put_text(out, part.text, part.size, part.quote)
        elif part.kind == TEXT:
            out.reserve(part.written + 2)
            out.put('"', 1)
            out.put(self.kept.base + part.start, part.written)
            out.put('"', 1)
        elif part.written >= 0:  # a number, true or false
            out.reserve(part.size)
            out.put(part.text, part.size)
        else:
            return False
        return True

    cdef bint is_plain_number(self, const Part* part) noexcept:
        """Return whether a value was written as its text is; a number with an exponent may not be."""
        if part.written < 0:
            return False
        if part.kind == NUMBER:
            return memchr(self.kept.base + part.start, c"e", part.written) == NULL
        return True  # true or false

    # ── values that gave a field ─────────────────────────────────────────────────────────────────

    cdef bint are_all_taken(self) noexcept:
        """Return whether those values gave a field that must, unless there are none."""
        cdef Py_ssize_t n
        for n in range(self.count):
            if self.must_be_taken[n] and self.parts[n].is_filled and not self.parts[n].is_taken:
                return False
        return True

    cdef void forget_property(self, Py_ssize_t at) noexcept:
        """Take note that a property is gone, and those behind it are one further ahead."""
        cdef Py_ssize_t n
        for n in range(self.count):
            if self.parts[n].at == at:
                self.parts[n].at = -1
            elif self.parts[n].at > at:
                self.parts[n].at -= 1

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Maps blocks of records to events: from the bytes of the file to the bytes that are sent."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp

from importer.speedups.block cimport Block, Span
from importer.speedups.canonical cimport (
    DIGITS, SAFE_INTEGER, Buffer, KeyValue, Limits, end_of_decimal, end_of_key, end_of_number, is_longer,
    is_longer_json, put_any_number, put_integer, put_key, put_number, put_text, put_value, read_key, set_key, skip_blanks,
    sort_by_key,
)
from importer.speedups.event_block cimport EventBlock, Item
from importer.speedups.odd_texts cimport A_NAME, AN_ID, OddTexts, is_ipv4
from importer.speedups.tables cimport Answer, Answers, Slot, Table
from importer.speedups.times cimport LATEST, Times

from importer.reading import FIELDS

cdef extern from *:
    """
    #define XXH_INLINE_ALL
    #include "xxhash.h"
    """
    ctypedef struct XXH128_hash_t:
        uint64_t low64
        uint64_t high64
    XXH128_hash_t XXH3_128bits(const void* text, size_t size) noexcept

cdef enum:  # the fields, in the order of `importer.reading.FIELDS`
    OF_EVENT
    OF_USER
    OF_TIME
    OF_IP
    OF_ID
    OF_PROPERTIES
    FIELD_COUNT

cdef enum:  # what a key means; else the sum of the bits of some fields
    IS_PROPERTY
    IS_RESERVED
    IS_DEFERRED
    FIRST_FIELD = 4  # the bit of the first field; those of the others follow

cdef enum:  # what stands in a record as the value of a field
    MISSING
    TEXT
    NUMBER

cdef enum:  # the types of cells that are known here
    CELL_STRING
    CELL_INTEGER
    CELL_NUMBER
    CELL_BOOLEAN
    CELL_OTHER

cdef enum:
    NS_PER_MS = 1_000_000
    MOST_KEYS = 512  # that are remembered
    GUESSES = 64  # a power of two
    MOST_NAMES = 32_768  # of events, likewise
    ASKED_NAMES = 256  # of which Python is asked whether they are odd or not
    ID_SIZE = 32  # hexadecimal digits
    MOST_SIZE = 63  # of a text, that a bit stands for
    MOST_ERRORS = 1000  # that are remembered
    LONGEST_KEPT = 100  # bytes of a text whose error is remembered
    MOST_TEXTS = 0x7FFFFFFF  # bytes of a block that a place can address
    MOST_IN_VAIN = 16  # questions in a row about cells that Python finds no fault with

cdef dict CELL_TYPES = {
    "string": CELL_STRING, "integer": CELL_INTEGER, "number": CELL_NUMBER, "boolean": CELL_BOOLEAN,
}
cdef const char* HEX = "0123456789abcdef"
cdef dict KEY_MEANINGS = {"property": IS_PROPERTY, "reserved": IS_RESERVED, "defer": IS_DEFERRED}


cdef int bits_of(meaning) except -1:
    """Return a `plan.KeyMeaning` as a number."""
    cdef int bits = 0
    if isinstance(meaning, str):
        return KEY_MEANINGS[meaning]
    for field in meaning:
        bits |= FIRST_FIELD << <int> FIELDS.index(field)
    return bits


cdef class KeyMeanings:
    """What the keys of objects mean, asked once for each.

    Args:
        meaning_of: Returns the `plan.KeyMeaning` of a key.
    """

    cdef Table table
    cdef object meaning_of
    cdef Slot* guesses[GUESSES]  # the slot of the key that stood at a place in the last object; NULL if there is none

    def __cinit__(self, meaning_of):
        cdef int n
        self.meaning_of, self.table = meaning_of, Table(MOST_KEYS)
        for n in range(GUESSES):
            self.guesses[n] = NULL

    cdef int get(self, const char* text, Py_ssize_t size, Py_ssize_t place) except -1:
        """Return what a key means, which stands at some place in its object: mostly it is the one of last time."""
        cdef Slot** guess = &self.guesses[place & (GUESSES - 1)]
        cdef Slot* slot = guess[0]
        cdef int n, meaning
        if slot != NULL and slot.size == size and memcmp(slot.text, text, size) == 0:
            return slot.value
        slot = self.table.find(text, size)
        if slot.text == NULL:
            meaning = bits_of(self.meaning_of(PyUnicode_DecodeUTF8(text, size, NULL)))
            for n in range(GUESSES):  # the slots may move
                self.guesses[n] = NULL
            self.table.put(text, size, meaning)
            return meaning
        guess[0] = slot
        return slot.value


cdef class TextSet:
    """A few texts that others are compared with.

    Args:
        texts: The texts; none is empty.
    """

    cdef list texts  # for each first byte, those that begin with it
    cdef uint64_t[256] sizes  # for each first byte, a bit for each size that they have

    def __cinit__(self, texts):
        cdef int first
        for first in range(256):
            self.sizes[first] = 0
        self.texts = [[] for _ in range(256)]
        for text in texts:
            encoded = text.encode("utf-8", "surrogatepass")
            self.texts[encoded[0]].append(encoded)
            self.sizes[<uint8_t> encoded[0]] |= <uint64_t> 1 << min(<int> len(encoded), MOST_SIZE)

    cdef bint holds(self, const char* text, Py_ssize_t size) except -1:
        """Return whether a text, which is not empty, is one of them."""
        cdef bytes one
        if not self.sizes[<uint8_t> text[0]] >> min(size, MOST_SIZE) & 1:
            return False
        for one in self.texts[<uint8_t> text[0]]:
            if PyBytes_GET_SIZE(one) == size and memcmp(PyBytes_AS_STRING(one), text, size) == 0:
                return True
        return False


cdef inline bint is_boolean(const char* text, Py_ssize_t size) noexcept:
    """Return whether a cell is one of the six texts of booleans that are known here."""
    if size == 4:
        return memcmp(text, "true", 4) == 0 or memcmp(text, "True", 4) == 0 or memcmp(text, "TRUE", 4) == 0
    return size == 5 and (
        memcmp(text, "false", 5) == 0 or memcmp(text, "False", 5) == 0 or memcmp(text, "FALSE", 5) == 0
    )


cdef int put_name(Buffer names, const KeyValue* member) except -1:
    names.reserve(member.key_size + 1)
    names.put(member.key, member.key_size)
    names.put("\0", 1)
    return 0


cdef struct FieldValue:
    int kind
    const char* text
    Py_ssize_t size


cdef struct Column:
    int cell
    int type


cdef struct Trial:  # one of several cells that may give a field
    int place
    int cell
    bint taken  # in the record at hand


cdef class BlockMapper:
    """Makes the events of blocks of records by a plan; what it can't map, it defers to the slow path.

    Args:
        plan: A `plan.MappingPlan`.
    """

    # the plan
    cdef Column* columns
    cdef Py_ssize_t column_count, named_count  # columns; columns and constants
    cdef bint has_cells
    cdef KeyValue* named  # the names of columns and of constants
    cdef bint* are_reserved  # of each of those: whether Mixpanel reserves it
    cdef list prefixes  # of each of those: its name as it begins a member, for a constant its value too
    cdef Py_ssize_t* prefix_sizes
    cdef list encoders
    cdef int[FIELD_COUNT] cells
    cdef Trial* trials
    cdef Py_ssize_t trial_count
    cdef KeyMeanings outside, inside
    cdef Limits limits
    cdef Py_ssize_t max_properties, max_body, max_id_size
    cdef int64_t earliest
    cdef uint8_t[256] is_id_byte
    cdef Times times
    cdef object constant_event, constant_user  # UTF-8, or None
    cdef object read_time, read_number_as_time, encode_number, why_no_object
    cdef bytes no_event, no_time
    cdef dict errors  # of texts that are no times
    cdef int asked_in_vain
    cdef object row_suffix, has_note
    cdef OddTexts odd_texts
    cdef TextSet refused_ids, nulls
    cdef bytes tail, tail_with_ip, note_no_user, note_finer_time
    cdef Answers names  # the JSON of a name, and the note on it
    cdef Answers names_notes, long_notes  # notes on properties, by their names with a NUL behind each

    # the record at hand
    cdef FieldValue[FIELD_COUNT] fields
    cdef int fields_seen  # bits of the fields whose key has been read (JSON)
    cdef KeyValue* properties
    cdef Py_ssize_t count  # of properties
    cdef FieldValue user
    cdef Buffer written  # the properties in the order in which they were read
    cdef Buffer unquoted  # the cell of the properties without its doubled quotes
    cdef Buffer joined  # the properties in the order of their names
    cdef Buffer fact  # what is hashed
    cdef Buffer name_json, user_json
    cdef Answer name
    cdef Buffer reserved, long_ones  # the names that a note is about, each with a NUL behind it
    cdef char[ID_SIZE] own_id
    cdef bytes error  # why it is rejected; None if it is not, or if that is not known here
    cdef const char* error_note  # the note on it then
    cdef Py_ssize_t error_note_size

    def __cinit__(self, plan):  # so that no mapper can be used that is half made
        self.columns = NULL
        self.trials = NULL
        self.named = self.properties = NULL
        self.are_reserved = NULL
        self.prefix_sizes = NULL
        self.error_note = NULL
        self.set_limits(plan.limits, plan.encode_number)
        self.set_layout(plan.layout, plan.constants, plan.is_reserved)
        self.nulls = TextSet(filter(None, plan.null))
        self.constant_event = None if plan.event is None else plan.event.encode()
        self.constant_user = None if plan.distinct_id is None else plan.distinct_id.encode()
        self.times, self.read_time = plan.times, plan.read_time
        self.read_number_as_time = plan.read_number_as_time
        self.no_event, self.no_time = plan.no_event.encode(), None if plan.no_time is None else plan.no_time.encode()
        self.why_no_object, self.errors, self.asked_in_vain = plan.why_no_object, {}, 0
        self.names = Answers(plan.read_event_name, MOST_NAMES)
        self.names_notes = Answers(plan.note_on_names, MOST_KEYS)
        self.long_notes = Answers(plan.note_on_long_texts, MOST_KEYS)
        self.row_suffix = plan.row_suffix
        self.note_no_user, self.note_finer_time = plan.note_no_user.encode(), plan.note_finer_time.encode()
        self.odd_texts, self.has_note = plan.odd_texts, plan.has_note
        self.tail, self.tail_with_ip = plan.tail, plan.tail_with_ip
        self.written, self.unquoted, self.joined, self.fact = Buffer(), Buffer(), Buffer(), Buffer()
        self.name_json, self.user_json, self.reserved, self.long_ones = Buffer(), Buffer(), Buffer(), Buffer()

    def __dealloc__(self):
        PyMem_Free(self.columns)
        PyMem_Free(self.trials)
        PyMem_Free(self.named)
        PyMem_Free(self.are_reserved)
        PyMem_Free(self.prefix_sizes)
        PyMem_Free(self.properties)

    cdef int set_limits(self, limits, encode_number) except -1:
        cdef int n
        self.limits.text, self.limits.keys = limits.string_characters, limits.object_keys
        self.limits.elements, self.limits.nesting = limits.array_elements, limits.nesting
        self.encode_number = encode_number  # owns the reference that the limits, a struct, can't own
        self.limits.encode_number = <PyObject*> encode_number
        self.max_properties, self.max_body = limits.properties, limits.event_bytes
        self.earliest = limits.earliest_ms
        self.refused_ids, self.max_id_size = TextSet(limits.refused_ids), limits.insert_id_bytes
        for n in range(256):
            self.is_id_byte[n] = n in limits.insert_id_characters
        return 0

    cdef int set_layout(self, layout, constants, is_reserved) except -1:
        cdef Py_ssize_t n
        cdef bytes prefix
        self.column_count = len(layout.columns)
        self.has_cells = bool(layout.columns or layout.cells or layout.alternatives)
        self.named_count = self.column_count + len(constants)
        self.columns = <Column*> PyMem_Malloc((self.column_count + 1) * sizeof(Column))
        self.named = <KeyValue*> PyMem_Malloc((self.named_count + 1) * sizeof(KeyValue))
        # Properties of the properties' object, of columns and constants, and the ip.
        self.properties = <KeyValue*> PyMem_Malloc(
            (self.max_properties + self.named_count + 1) * sizeof(KeyValue)
        )
        self.are_reserved = <bint*> PyMem_Malloc((self.named_count + 1) * sizeof(bint))
        self.prefix_sizes = <Py_ssize_t*> PyMem_Malloc((self.named_count + 1) * sizeof(Py_ssize_t))
        if self.columns == NULL or self.named == NULL or self.properties == NULL:
            raise MemoryError
        if self.are_reserved == NULL or self.prefix_sizes == NULL:
            raise MemoryError
        self.prefixes, self.encoders, names = [], [], []
        for n, (cell, name, type_, encode) in enumerate(layout.columns):
            prefix = b'"%b":' % name
            self.columns[n].cell, self.columns[n].type = cell, CELL_TYPES.get(type_, CELL_OTHER)
            self.prefix_sizes[n] = len(prefix)
            self.encoders.append(encode)
            self.prefixes.append(prefix)
            names.append(name.decode())
            set_key(&self.named[n], PyBytes_AS_STRING(prefix) + 1, len(name))
        for n, (name, value) in enumerate(constants, self.column_count):
            prefix = b'"%b":%b' % (name, value)
            self.prefix_sizes[n] = len(prefix)
            self.prefixes.append(prefix)
            names.append(name.decode())
            set_key(&self.named[n], PyBytes_AS_STRING(prefix) + 1, len(name))
        for n, name in enumerate(names):
            self.are_reserved[n] = bool(is_reserved(name))
        for n, field in enumerate(FIELDS):
            self.cells[n] = layout.cells.get(field, -1)
        trials = [(place, cell) for place, field in enumerate(FIELDS) for cell in layout.alternatives.get(field, ())]
        self.trial_count = len(trials)
        self.trials = <Trial*> PyMem_Malloc((self.trial_count + 1) * sizeof(Trial))
        if self.trials == NULL:
            raise MemoryError
        for n, (place, cell) in enumerate(trials):
            self.trials[n].place, self.trials[n].cell, self.trials[n].taken = place, cell, False
        self.outside = KeyMeanings(layout.meaning_outside)
        self.inside = KeyMeanings(layout.meaning_inside)
        return 0

    def map(self, Block block not None, int64_t clock, map_record not None):
        """Return what each record becomes, as an `EventBlock`.

        Args:
            block: Records of the source for which the plan was made.
            clock: Milliseconds since the epoch; a record with a later time is deferred.
            map_record: Returns the event or the rejection of a record that is deferred.
        """
        cdef Py_ssize_t n, row = block.row, left = 0, rejected = len(block.rejected)
        cdef EventBlock made = EventBlock()
        self.check(block)
        made.make_room(block.count, block.end - block.start)
        for n in range(block.count):
            while left < rejected and block.rejected[left].row == row:
                made.append(block.rejected[left])
                left += 1
                row += 1
            if not (self.read(block, n) and self.event(made, row, block.lines[n], clock)):
                if self.error is None:
                    made.append(map_record(block.record_at(n, row)))
                else:
                    self.put_rejection(made, row, block.lines[n])
            row += 1
        while left < rejected:
            made.append(block.rejected[left])
            left += 1
        return made

    def insert_ids(self, Block block not None, int64_t clock):
        """Return the ``$insert_id`` of each record, and None for one that is deferred; nothing for rejections.

        An id that the record has itself is returned whether the rest makes an event or not.

        Args:
            block: As for `map`.
            clock: Likewise.
        """
        cdef Py_ssize_t n
        cdef EventBlock made = EventBlock()
        cdef list found = []
        self.check(block)
        for n in range(block.count):
            if not self.read(block, n):
                found.append(None)
            elif self.has_own_id():
                found.append(PyUnicode_DecodeUTF8(self.fields[OF_ID].text, self.fields[OF_ID].size, NULL))
            elif self.event(made, block.row_of(n) if block.rejected else block.row + n, block.lines[n], clock):
                found.append(made.text(&made.items[made.count - 1].insert_id))
            else:
                found.append(None)
        return found

    cdef int check(self, Block block) except -1:
        cdef Py_ssize_t n
        if block.width:
            for n in range(self.column_count):
                if not 0 <= self.columns[n].cell < block.width:
                    raise IndexError(self.columns[n].cell)
            for n in range(FIELD_COUNT):
                if self.cells[n] >= block.width:
                    raise IndexError(self.cells[n])
            for n in range(self.trial_count):
                if not 0 <= self.trials[n].cell < block.width:
                    raise IndexError(self.trials[n].cell)
        return 0

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    cdef bint read(self, Block block, Py_ssize_t n) except -1:
        """Find the fields of a record and write its properties; False to reject it, if there is an `error`, or defer."""
        cdef int place
        for place in range(FIELD_COUNT):
            self.fields[place].kind = MISSING
        self.error, self.error_note_size = None, 0
        self.count = self.fields_seen = 0
        self.written.at = self.written.base
        self.reserved.at = self.reserved.base
        self.long_ones.at = self.long_ones.base
        self.limits.has_long = False
        if block.width:
            return self.has_cells and self.read_cells(block, n)
        return self.read_line(block, n)

    cdef bint read_cells(self, Block block, Py_ssize_t n) except -1:
        cdef const char* base = PyBytes_AS_STRING(block.data)
        cdef Span* spans = block.spans + n * block.width
        cdef Span* span
        cdef Column* column
        cdef Trial* trial
        cdef int place, quote
        cdef Py_ssize_t at, start
        cdef bytes value
        for place in range(FIELD_COUNT):
            if self.cells[place] < 0:
                continue
            span = spans + self.cells[place]
            if self.is_null(base + span.start, span.size):
                continue
            if place == OF_PROPERTIES:
                quote = block.quote if span.doubled else -1
                if not self.read_properties_cell(base + span.start, span.size, quote):
                    if not self.trial_count:  # which may give other fields
                        self.ask_why(base + span.start, span.size, quote)
                    return False
            elif span.doubled:
                return False
            else:
                self.fields[place].kind = TEXT
                self.fields[place].text, self.fields[place].size = base + span.start, span.size
        for at in range(self.trial_count):
            trial = &self.trials[at]
            span = spans + trial.cell
            trial.taken = self.fields[trial.place].kind == MISSING and not self.is_null(base + span.start, span.size)
            if trial.taken:
                if span.doubled:
                    return False
                self.fields[trial.place].kind = TEXT
                self.fields[trial.place].text, self.fields[trial.place].size = base + span.start, span.size
        for at in range(self.column_count):
            column = &self.columns[at]
            span = spans + column.cell
            if self.is_null(base + span.start, span.size) or (self.trial_count and self.is_taken(column.cell)):
                continue
            quote = block.quote if span.doubled else -1
            start = self.begin(at, 6 * <Py_ssize_t> span.size + 2)
            if not self.read_cell(column.type, base + span.start, span.size, quote):
                if quote >= 0:
                    return False
                value = self.encoders[at](PyUnicode_DecodeUTF8(base + span.start, span.size, NULL))
                if value is None:
                    return False
                self.written.at = self.written.base + start + self.prefix_sizes[at]
                self.written.reserve(PyBytes_GET_SIZE(value))
                self.written.put(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
            self.add(&self.named[at], start)
            self.note_name(&self.named[at], self.are_reserved[at])
        return True

    cdef bint is_taken(self, int cell) noexcept:
        """Return whether a cell gave a field that several cells may give."""
        cdef Py_ssize_t n
        for n in range(self.trial_count):
            if self.trials[n].taken and self.trials[n].cell == cell:
                return True
        return False

    cdef inline bint is_null(self, const char* text, Py_ssize_t size) except -1:
        """Return whether a cell means no value."""
        return not size or self.nulls.holds(text, size)

    cdef bint read_cell(self, int type, const char* text, Py_ssize_t size, int quote) except -1:
        """Write the value of a cell; False if its JSON must be asked for."""
        cdef Py_ssize_t start
        cdef const char* end = text + size
        cdef const char* stop
        cdef const char* point
        if type == CELL_STRING:
            start = self.written.used() + 1
            put_text(self.written, text, size, quote)
            self.limits.has_long = is_longer_json(
                self.written.base + start, self.written.used() - start - 1, self.limits.text
            )
            return True
        if type == CELL_INTEGER and memchr(text, c".", size) != NULL:
            return False
        if type == CELL_INTEGER or type == CELL_NUMBER:
            stop = put_number(self.written, text, end, DIGITS) if size <= DIGITS else NULL
            if stop == NULL and (type == CELL_NUMBER or end_of_decimal(text, end, &point) == end):
                stop = put_any_number(self.written, text, end, SAFE_INTEGER, SAFE_INTEGER)
            return stop == end
        if type == CELL_BOOLEAN and is_boolean(text, size):
            self.written.put("true" if size == 4 else "false", size)
            return True
        return False

    cdef bint read_properties_cell(self, const char* text, Py_ssize_t size, int quote) except -1:
        """Read the cell of the properties' object; False to defer the record."""
        cdef const char* end = text + size
        cdef const char* p = text
        cdef const char* next_
        if quote >= 0:
            self.unquoted.at = self.unquoted.base
            self.unquoted.reserve(size)
            while True:
                next_ = <const char*> memchr(p, quote, end - p)
                if next_ == NULL:
                    break
                self.unquoted.put(p, next_ + 1 - p)
                p = next_ + 2
            self.unquoted.put(p, end - p)
            text, end = self.unquoted.base, self.unquoted.at
        p = skip_blanks(text, end)
        if p == end or p[0] != c"{":
            return False
        p = self.read_object(p + 1, end, self.inside)
        return p != NULL and skip_blanks(p, end) == end

    cdef int ask_why(self, const char* text, Py_ssize_t size, int quote) except -1:
        """Set the error of a cell that `read_properties_cell` did not read, if it is no JSON."""
        if self.asked_in_vain >= MOST_IN_VAIN:
            return 0
        if quote >= 0:
            text, size = self.unquoted.base, self.unquoted.used()
        error = self.why_no_object(PyUnicode_DecodeUTF8(text, size, NULL))
        self.asked_in_vain = 0 if error is not None else self.asked_in_vain + 1
        self.error = None if error is None else error.encode()
        return 0

    cdef bint read_line(self, Block block, Py_ssize_t n) except -1:
        cdef const char* p = PyBytes_AS_STRING(block.data) + block.spans[n].start
        cdef const char* end = p + block.spans[n].size
        p = skip_blanks(p, end)
        if p == end or p[0] != c"{":
            return False
        p = self.read_object(p + 1, end, self.outside)
        return p != NULL and skip_blanks(p, end) == end

    cdef const char* read_object(self, const char* p, const char* end, KeyMeanings meanings) except? NULL:
        """Read an object's members as fields and properties, behind its brace.

        Returns:
            Where it ends; NULL to defer the record.
        """
        cdef KeyValue key
        cdef int meaning
        cdef Py_ssize_t place = 0
        self.written.reserve(end - p + 2)
        p = skip_blanks(p, end)
        if p < end and p[0] == c"}":
            return p + 1
        while self.count < self.max_properties:
            p = read_key(p, end, &key)
            if p == NULL:
                return NULL
            meaning = meanings.get(key.key, key.key_size, place)
            place += 1
            if meaning == IS_DEFERRED:
                return NULL
            if meaning < FIRST_FIELD:
                put_key(self.written, &key)
                p = put_value(self.written, p, end, &self.limits, 0, 0)
                if p == NULL:
                    return NULL
                self.add(&key, key.start)
                self.note_name(&key, meaning == IS_RESERVED)
            else:
                p = self.read_field(p, end, meaning)
                if p == NULL:
                    return NULL
            p = skip_blanks(p, end)
            if p == end:
                return NULL
            p += 1
            if (p - 1)[0] == c"}":
                return p
            if (p - 1)[0] != c",":
                return NULL
        return NULL

    cdef const char* read_field(self, const char* p, const char* end, int meaning) except? NULL:
        """Keep the value of one field or several.

        Returns:
            Where it ends; NULL to defer the record.
        """
        cdef FieldValue value
        cdef int place
        if p == end:
            return NULL
        value.kind, value.text = TEXT, p
        if p[0] == c"{" and meaning == FIRST_FIELD << OF_PROPERTIES:
            p = self.read_object(p + 1, end, self.inside)
            if p == NULL:
                return NULL
        elif p[0] == c'"':
            value.text += 1
            p = end_of_key(p + 1, end)
            if p == NULL or meaning >= FIRST_FIELD << OF_PROPERTIES:
                return NULL
            value.size = p - value.text
            p += 1
            if not value.size:
                value.kind = MISSING
        elif end - p >= 4 and memcmp(p, "null", 4) == 0:
            value.kind = MISSING
            p += 4
        elif meaning == FIRST_FIELD << OF_TIME:
            value.kind = NUMBER
            p = end_of_number(p, end)
            value.size = p - value.text
            if not value.size:
                return NULL
            if value.size > 1 and value.text[0] == c"0":
                return NULL
        else:
            return NULL
        if self.fields_seen & meaning:
            return NULL  # a key stands twice
        self.fields_seen |= meaning
        for place in range(FIELD_COUNT):
            if meaning & FIRST_FIELD << place:
                self.fields[place] = value
        return p

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    cdef inline Py_ssize_t begin(self, Py_ssize_t at, Py_ssize_t more) except -1:
        """Write the name of a column, or a whole constant, and return where it starts."""
        cdef Py_ssize_t start = self.written.used()
        self.written.reserve(self.prefix_sizes[at] + more)
        self.written.put(self.named[at].key - 1, self.prefix_sizes[at])  # it begins with a quote
        return start

    cdef inline void add(self, const KeyValue* named, Py_ssize_t start) noexcept:
        """Record what has been written since ``start`` as a property of that name."""
        cdef KeyValue* member = &self.properties[self.count]
        member[0] = named[0]
        member.start, member.size = start, self.written.used() - start
        self.count += 1

    cdef inline int note_name(self, const KeyValue* member, bint is_reserved) except -1:
        """Collect the name of the property that was written last, if a note is about it."""
        if is_reserved:
            put_name(self.reserved, member)
        if self.limits.has_long:
            put_name(self.long_ones, member)
            self.limits.has_long = False
        return 0

    cdef bint event(self, EventBlock made, int64_t row, int64_t line, int64_t clock) except -1:
        """Add the event of the record that was read to a block; False as for `read`."""
        cdef int64_t instant, milliseconds
        cdef bytes tail
        cdef FieldValue* time
        if not self.use_constant(&self.fields[OF_EVENT], self.constant_event):
            time = &self.fields[OF_TIME]
            if time.kind == NUMBER and self.times.number(time.text, time.size) < 0:
                return False  # it may be no number of JSON, or have a note
            return self.reject(self.no_event)
        if not self.read_name():
            return False
        instant = self.instant()
        milliseconds = instant // NS_PER_MS
        if instant < 0:
            self.error_note, self.error_note_size = self.name.second, self.name.second_size
            return self.reject(self.error)
        if milliseconds < self.earliest or milliseconds > clock or not self.read_user():
            return False
        tail = self.add_ip()
        if tail is None or not self.add_constants():
            return False
        if not sort_by_key(self.properties, self.count):
            return False
        self.join()
        if not self.has_own_id():
            if self.fields[OF_ID].kind != MISSING:
                return False
            self.make_id(row, instant)
            self.fields[OF_ID].text, self.fields[OF_ID].size = self.own_id, ID_SIZE
        return self.put_event(made, row, line, instant, tail)

    cdef bint reject(self, bytes error) except -1:
        """Set the error of the record whose properties were read, unless one stands twice; return False."""
        self.error = error if error is None or sort_by_key(self.properties, self.count) else None
        return False

    cdef int64_t instant(self) except? -1:
        """Return the time in nanoseconds since the epoch; -1 to defer the record, or to reject it as for `read`."""
        cdef FieldValue* time = &self.fields[OF_TIME]
        cdef int64_t found
        if time.kind == MISSING:
            self.error = self.no_time
            return -1
        if time.kind == NUMBER:
            found = self.times.number(time.text, time.size)
        else:
            found = self.times.instant(time.text, time.size)
        if found >= 0:
            return found
        if time.kind == NUMBER:
            other = self.read_number_as_time(PyUnicode_DecodeUTF8(time.text, time.size, NULL))
        else:
            other = self.read_text_as_time(time.text, time.size)
        if isinstance(other, str):
            self.error = other.encode("utf-8", "surrogatepass")
            return -1
        return -1 if other is None or not 0 <= other <= LATEST else other

    cdef object read_text_as_time(self, const char* text, Py_ssize_t size):
        """Return what `read_time` does; what it says of a short text that is no time is asked once."""
        cdef bytes key = PyBytes_FromStringAndSize(text, size) if size <= LONGEST_KEPT else None
        other = self.errors.get(key) if key is not None and self.errors else None
        if other is None:
            other = self.read_time(PyUnicode_DecodeUTF8(text, size, NULL))
            if key is not None and isinstance(other, str) and len(self.errors) < MOST_ERRORS:
                self.errors[key] = other
        return other

    cdef bint use_constant(self, FieldValue* field, object constant):
        """Use a constant where a record has no text; False if there is none of both."""
        if field.kind == TEXT:
            return True
        if constant is None:
            return False
        field.text, field.size = PyBytes_AS_STRING(constant), PyBytes_GET_SIZE(constant)
        return True

    cdef bint read_name(self) except -1:
        """Find the JSON of the event's name, of which there is one, and the note on it; False to defer the record.

        Python is asked once for each of the first names. Where there are more, it is asked for odd ones only.
        """
        cdef FieldValue* name = &self.fields[OF_EVENT]
        cdef int known = self.names.table.get(name.text, name.size)
        if known >= 0:
            self.name = self.names.answers[known]
        elif self.names.count < ASKED_NAMES or self.odd_texts.is_odd(name.text, name.size, A_NAME):
            self.name = self.names.get(name.text, name.size)[0]
        else:
            self.name_json.at = self.name_json.base
            self.name_json.reserve(6 * name.size + 2)
            put_text(self.name_json, name.text, name.size, -1)
            self.name.given, self.name.second, self.name.second_size = True, "", 0
            self.name.first, self.name.first_size = self.name_json.base, self.name_json.used()
        return self.name.given

    cdef bint read_user(self) except -1:
        """Write the user as JSON; False to defer the record."""
        cdef FieldValue* user = &self.user
        user[0] = self.fields[OF_USER]
        self.user_json.at = self.user_json.base
        if not self.use_constant(user, self.constant_user):
            user.text, user.size = "", 0
        elif self.refused_ids.holds(user.text, user.size) or is_longer(user.text, user.size, self.limits.text):
            return False
        elif self.is_noted("distinct_id", &self.fields[OF_USER]):
            return False
        self.user_json.reserve(6 * user.size + 2)
        put_text(self.user_json, user.text, user.size, -1)
        return True

    cdef bint is_noted(self, field, FieldValue* value) except -1:
        """Return whether an id gets a note."""
        if value.kind != TEXT or not self.odd_texts.is_odd(value.text, value.size, AN_ID):
            return False
        return self.has_note(field, PyUnicode_DecodeUTF8(value.text, value.size, NULL))

    cdef bint has_own_id(self) except -1:
        """Return whether the record has an id itself that is sent as it is."""
        cdef FieldValue* own = &self.fields[OF_ID]
        cdef Py_ssize_t n
        if own.kind != TEXT or own.size > self.max_id_size:
            return False
        for n in range(own.size):
            if not self.is_id_byte[<uint8_t> own.text[n]]:
                return False
        return not self.refused_ids.holds(own.text, own.size) and not self.is_noted("insert_id", own)

    cdef bytes add_ip(self):
        """Make a property of the ip, and return the tail of the event; None to defer the record."""
        cdef FieldValue* ip = &self.fields[OF_IP]
        cdef KeyValue member
        cdef Py_ssize_t start = self.written.used()
        if ip.kind != TEXT:
            return self.tail
        if is_longer(ip.text, ip.size, self.limits.text):
            return None
        if not is_ipv4(ip.text, ip.size) and self.has_note("ip", PyUnicode_DecodeUTF8(ip.text, ip.size, NULL)):
            return None
        self.written.reserve(6 * ip.size + 7)
        self.written.put('"ip":', 5)
        put_text(self.written, ip.text, ip.size, -1)
        set_key(&member, "ip", 2)
        self.add(&member, start)
        return self.tail_with_ip

    cdef bint add_constants(self) except -1:
        """Add the properties of every record; False if there are too many."""
        cdef Py_ssize_t at
        for at in range(self.column_count, self.named_count):
            self.add(&self.named[at], self.begin(at, 0))
            self.note_name(&self.named[at], self.are_reserved[at])
        return self.count <= self.max_properties

    cdef int join(self) except -1:
        """Write the sorted properties, separated by commas."""
        cdef Buffer joined = self.joined
        cdef Py_ssize_t n
        joined.at = joined.base
        joined.reserve(self.written.used() + self.count + 1)  # so that there is an address even for no properties
        for n in range(self.count):
            if n:
                joined.put(",", 1)
            joined.put(self.written.base + self.properties[n].start, self.properties[n].size)
        return 0

    cdef int make_id(self, int64_t row, int64_t instant) except -1:
        """Make the id of the fact, in the form of `importer.events.insert_id.of_content`."""
        cdef Buffer fact = self.fact
        cdef XXH128_hash_t hashed
        cdef bytes suffix
        cdef int n
        fact.at = fact.base
        fact.reserve(self.name.first_size + self.user_json.used() + self.joined.used() + 32)
        fact.put(self.name.first, self.name.first_size)
        fact.put("\n", 1)
        fact.put(self.user_json.base, self.user_json.used())
        fact.put("\n", 1)
        put_integer(fact, instant)
        fact.put("\n{", 2)
        fact.put(self.joined.base, self.joined.used())
        fact.put("}", 1)
        if self.row_suffix is not None:
            suffix = self.row_suffix(row)
            if suffix is None:
                raise TypeError("expected bytes")
            fact.reserve(PyBytes_GET_SIZE(suffix))
            fact.put(PyBytes_AS_STRING(suffix), PyBytes_GET_SIZE(suffix))
        hashed = XXH3_128bits(fact.base, fact.used())
        for n in range(16):
            self.own_id[n] = HEX[hashed.high64 >> 4 * (15 - n) & 15]
            self.own_id[16 + n] = HEX[hashed.low64 >> 4 * (15 - n) & 15]
        return 0

    cdef bint put_event(
        self, EventBlock made, int64_t row, int64_t line, int64_t instant, bytes tail
    ) except -1:
        """Add the event as it is sent, in the form of `importer.events.body`; False if it is too long."""
        cdef FieldValue* own = &self.fields[OF_ID]
        cdef Buffer out = made.lines
        cdef Item* item
        cdef Py_ssize_t start = out.used()
        out.reserve(160 + self.name.first_size + self.user_json.used() + own.size + PyBytes_GET_SIZE(tail) + self.joined.used())
        out.put('{"event":', 9)
        out.put(self.name.first, self.name.first_size)
        out.put(',"properties":{"time":', 22)
        put_integer(out, instant // NS_PER_MS)
        out.put(',"distinct_id":', 15)
        out.put(self.user_json.base, self.user_json.used())
        out.put(',"$insert_id":"', 15)
        out.put(own.text, own.size)
        out.put('"', 1)
        out.put(PyBytes_AS_STRING(tail), PyBytes_GET_SIZE(tail))
        if self.count:
            out.put(",", 1)
            out.put(self.joined.base, self.joined.used())
        out.put("}}", 2)
        if out.used() - start > self.max_body:
            out.at = out.base + start
            return False
        item = made.add()
        item.row, item.line, item.time, item.body = row, line, instant // NS_PER_MS, <int32_t> start
        made.keep(&item.name, self.fields[OF_EVENT].text, self.fields[OF_EVENT].size)
        made.keep(&item.user, self.user.text, self.user.size)
        made.keep(&item.insert_id, own.text, own.size)
        if self.name.second_size or not self.user.size or self.reserved.used() or self.long_ones.used() or instant % NS_PER_MS:
            self.put_note(made, item, instant)
        made.end_body(item)
        return True

    cdef int put_rejection(self, EventBlock made, int64_t row, int64_t line) except -1:
        """Add the rejection of the record that was read to a block, for its `error`."""
        cdef FieldValue* event = &self.fields[OF_EVENT]
        cdef FieldValue* user = &self.fields[OF_USER]
        cdef Item* item = made.add()
        item.row, item.line = row, line
        if self.use_constant(event, self.constant_event):
            made.keep(&item.name, event.text, event.size)
        if self.use_constant(user, self.constant_user):
            made.keep(&item.user, user.text, user.size)
        made.keep(&item.error, PyBytes_AS_STRING(self.error), PyBytes_GET_SIZE(self.error))
        made.keep(&item.note, self.error_note, self.error_note_size)
        return 0

    cdef int put_note(self, EventBlock made, Item* item, int64_t instant) except -1:
        """Write the notes on an event, with ``; `` between them."""
        cdef Py_ssize_t start = made.texts.used()
        self.put_part(made, start, self.name.second, self.name.second_size)
        if not self.user.size:
            self.put_part(made, start, PyBytes_AS_STRING(self.note_no_user), PyBytes_GET_SIZE(self.note_no_user))
        self.put_note_on(made, start, self.long_notes, self.long_ones)
        self.put_note_on(made, start, self.names_notes, self.reserved)
        if instant % NS_PER_MS:
            self.put_part(made, start, PyBytes_AS_STRING(self.note_finer_time), PyBytes_GET_SIZE(self.note_finer_time))
        if made.texts.used() > MOST_TEXTS:
            raise OverflowError("too many bytes for a block")
        item.note.start, item.note.size = <int32_t> start, <int32_t> (made.texts.used() - start)
        return 0

    cdef int put_note_on(self, EventBlock made, Py_ssize_t start, Answers notes, Buffer names) except -1:
        cdef Answer* note
        if names.used():
            note = notes.get(names.base, names.used())
            if note.given:
                self.put_part(made, start, note.first, note.first_size)
        return 0

    cdef int put_part(self, EventBlock made, Py_ssize_t start, const char* text, Py_ssize_t size) except -1:
        if not size:
            return 0
        made.texts.reserve(size + 2)
        if made.texts.used() > start:
            made.texts.put("; ", 2)
        made.texts.put(text, size)
        return 0

# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Maps blocks of records to events: from the bytes of the file to the bytes that are sent."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcmp, memmove

from importer.speedups.block cimport Block, Span
from importer.speedups.canonical cimport (
    DEEPEST, DIGITS, MOST_NESTED, SAFE_INTEGER, Buffer, KeyValue, Limits, behind_member, end_of_decimal, end_of_key, end_of_number,
    end_of_written, is_longer, is_longer_json, put_any_number, put_integer, put_key, put_number, put_text, put_value,
    read_key, reorder, set_key, skip_blanks, sort_by_key,
)
from importer.speedups.event_block cimport EventBlock, Item
from importer.speedups.meanings cimport (
    CELL_BOOLEAN, CELL_INTEGER, CELL_NUMBER, CELL_STRING, IS_DEFERRED, IS_MORE, IS_RESERVED, TAKES_BOOLEAN,
    TAKES_INTEGER, TAKES_NUMBER, TAKES_TEXT, TAKES_TREE, KeyMeanings, Meaning, type_of,
)
from importer.speedups.odd_texts cimport A_NAME, AN_ID, OddTexts, is_ipv4
from importer.speedups.parts cimport MISSING, NUMBER, TEXT, Part, Parts, Template
from importer.speedups.tables cimport Answer, Answers, TextSet
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

cdef enum:  # places in `RecordLayout.keys`
    OF_LINES
    OF_PROPERTIES_OBJECT

cdef enum:  # what a note on a property is about
    RESERVED_NAME = 1
    LONG_TEXT = 2

cdef enum:
    NS_PER_MS = 1_000_000
    MOST_KEYS = 512  # sets of names that are remembered
    MOST_NAMES = 32_768  # of events, likewise
    ASKED_NAMES = 256  # of which Python is asked whether they are odd or not
    ID_SIZE = 32  # hexadecimal digits
    MOST_ERRORS = 1000  # that are remembered
    LONGEST_KEPT = 100  # bytes of a text whose error is remembered
    MOST_TEXTS = 0x7FFFFFFF  # bytes of a block that a place can address
    MOST_ELEMENTS = 1 << 30  # of an array that is left out
    MOST_IN_VAIN = 16  # questions in a row about cells that Python finds no fault with
    MOST_DIGITS = 18  # of a number that is an id

cdef const char* HEX = "0123456789abcdef"


cdef inline bint is_boolean(const char* text, Py_ssize_t size) noexcept:
    """Return whether a cell is one of the six texts of booleans that are known here."""
    if size == 4:
        return memcmp(text, "true", 4) == 0 or memcmp(text, "True", 4) == 0 or memcmp(text, "TRUE", 4) == 0
    return size == 5 and (
        memcmp(text, "false", 5) == 0 or memcmp(text, "False", 5) == 0 or memcmp(text, "FALSE", 5) == 0
    )


cdef bint takes(const char* p, const char* end, int kinds) noexcept:
    """Return whether a value of JSON is of one of some kinds, or null."""
    cdef const char* stop
    if p[0] == c'"':
        return kinds & TAKES_TEXT
    if p[0] == c"t" or p[0] == c"f":
        return kinds & TAKES_BOOLEAN
    if p[0] == c"n":
        return True
    if p[0] == c"{" or p[0] == c"[":
        return kinds & TAKES_TREE
    stop = end_of_number(p, end)
    while p < stop:
        if p[0] == c"." or p[0] == c"e" or p[0] == c"E":
            return kinds & TAKES_NUMBER
        p += 1
    return kinds & TAKES_INTEGER


cdef bint is_whole(const char* text, Py_ssize_t size) noexcept:
    """Return whether a number is written as the text that it becomes where it is an id."""
    cdef const char* end = text + size
    cdef const char* p = text + (1 if size and text[0] == c"-" else 0)
    if p == end or end - p > MOST_DIGITS or (p[0] == c"0" and size > 1):
        return False
    while p < end and c"0" <= p[0] <= c"9":
        p += 1
    return p == end


cdef int put_name(Buffer names, const KeyValue* member) except -1:
    names.reserve(member.key_size + 1)
    names.put(member.key, member.key_size)
    names.put("\0", 1)
    return 0


cdef bint holds_name(Buffer names, const KeyValue* member) noexcept:
    """Return whether a key is among names, each of which has a NUL behind it."""
    cdef const char* p = names.base
    cdef const char* stop
    while p < names.at:
        stop = <const char*> memchr(p, 0, names.at - p)
        if stop - p == member.key_size and memcmp(p, member.key, member.key_size) == 0:
            return True
        p = stop + 1
    return False


cdef struct FieldValue:
    int kind
    const char* text
    Py_ssize_t size


cdef struct Column:
    int cell
    int type
    int part


cdef class Condition:
    """A condition on the values of a record, asked once for the same values.

    Args:
        plan: A `plan.ConditionPlan`.
        count: Parts that there are.
    """

    cdef list parts  # their places
    cdef Buffer text  # the values of the record at hand
    cdef Answers answers

    def __cinit__(self, plan, Py_ssize_t count):
        self.parts, self.text, self.answers = list(plan.parts), Buffer(), Answers(plan.ask, MOST_NAMES)
        for number in self.parts:
            if not 0 <= number < count:
                raise IndexError(number)

    cdef int holds(self, Parts parts) except -2:
        """Return whether it holds; -1 to defer the record."""
        cdef Buffer out = self.text
        cdef Answer* answer
        cdef int number
        out.at = out.base
        for number in self.parts:
            out.reserve(2)
            out.put("," if out.used() else "[", 1)
            if not parts.put_source_of(number, out):
                return -1
        out.reserve(1)
        out.put("]", 1)
        answer = self.answers.get(out.base, out.used())
        return answer.first_size > 0 if answer.given else -1


cdef class Choice:
    """What may give a field.

    Args:
        plan: A `plan.ChoicePlan`.
        place: Place of the field.
        parts: Parts that there are.
    """

    cdef int place
    cdef list entries  # places of parts, and templates
    cdef list conditions  # on which they are tried; None for those that always are
    cdef Buffer text  # that a template made in the record at hand
    cdef int kind  # of parts of templates, as `OddTexts` takes them; -1 where they get no note
    cdef object field

    def __cinit__(self, plan, int place, Py_ssize_t parts):
        self.place, self.field, self.text, self.entries = place, plan.field, Buffer(), []
        self.kind = A_NAME if place == OF_EVENT else AN_ID if place == OF_USER or place == OF_ID else -1
        self.conditions = [None if each is None else Condition(each, parts) for each in plan.conditions]
        if self.conditions and len(self.conditions) != len(plan.entries):
            raise ValueError("there is a condition for each entry, or none")
        for entry in plan.entries:
            if not isinstance(entry, int):
                self.entries.append(Template(entry, parts))
            elif 0 <= entry < parts:
                self.entries.append(entry)
            else:
                raise IndexError(entry)


cdef class BlockMapper:
    """Makes the events of blocks of records by a plan; what it can't map, it defers to the slow path.

    Args:
        plan: A `plan.MappingPlan`.
    """

    # the plan
    cdef Column* columns
    cdef Py_ssize_t column_count  # of `named`; behind them stand templates
    cdef Py_ssize_t constant_start, named_count  # where constants begin, and where they end
    cdef bint has_cells
    cdef KeyValue* named  # the names of columns, templates and constants
    cdef bint* are_reserved  # of each of those: whether Mixpanel reserves it
    cdef list prefixes  # of each of those: its name as it begins a member, for a constant its value too
    cdef Py_ssize_t* prefix_sizes
    cdef list encoders
    cdef int[FIELD_COUNT] cells
    cdef Parts parts
    cdef list choices, templates
    cdef list keys  # what they mean: in a line, in the properties' object, and in others that stand in these
    cdef list defaults  # for each field a text, UTF-8; None if it has none
    cdef bint has_defaults, chooses
    cdef Limits limits
    cdef Limits loose  # of what is left out
    cdef Py_ssize_t max_properties, max_body, max_id_size
    cdef int64_t earliest
    cdef uint8_t[256] is_id_byte
    cdef Times times
    cdef object constant_event, constant_user  # UTF-8, or None
    cdef object read_time, read_number_as_time, encode_number, why_no_object
    cdef bytes no_event, no_time
    cdef dict errors  # of texts that are no times
    cdef int asked_in_vain
    cdef object row_suffix, has_note, has_part_note, other_id
    cdef dict number_notes  # by the places of fields
    cdef OddTexts odd_texts
    cdef TextSet refused_ids, nulls
    cdef bytes tail, tail_with_ip, note_no_user, note_finer_time
    cdef Answers names  # the JSON of a name, and the note on it
    cdef Answers names_notes, long_notes  # notes on properties, by their names with a NUL behind each

    # the record at hand
    cdef FieldValue[FIELD_COUNT] fields
    cdef int fields_seen  # bits of the fields whose key has been read (JSON)
    cdef int numbers  # bits of the ids that are numbers (JSON)
    cdef bytes id_sent, id_note  # instead of that of the record, and why; None if there is none
    cdef KeyValue* properties
    cdef char* notes  # on each of them, a bit for each
    cdef bint has_notes
    cdef Py_ssize_t count  # of properties
    cdef Py_ssize_t inside_start, inside_end  # where those of the properties' object are written (JSONL)
    cdef Py_ssize_t line_end  # where that ends which is written of a line
    cdef Py_ssize_t record  # its number, over all records
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
        self.notes = NULL
        self.named = self.properties = NULL
        self.are_reserved = NULL
        self.prefix_sizes = NULL
        self.error_note = NULL
        self.set_limits(plan.limits, plan.encode_number)
        self.nulls = TextSet(filter(None, plan.null))
        self.set_layout(plan.layout, plan.constants, plan.is_reserved)
        self.defaults = [None if field not in plan.defaults else plan.defaults[field].encode() for field in FIELDS]
        self.has_defaults, self.record = any(each is not None for each in self.defaults), 0
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
        self.odd_texts, self.has_note, self.has_part_note = plan.odd_texts, plan.has_note, plan.has_part_note
        self.other_id, self.number_notes = plan.other_id, {}
        for field, (before, behind) in plan.number_notes.items():
            self.number_notes[FIELDS.index(field)] = before.encode(), behind.encode()
        self.tail, self.tail_with_ip = plan.tail, plan.tail_with_ip
        self.written, self.unquoted, self.joined, self.fact = Buffer(), Buffer(), Buffer(), Buffer()
        self.name_json, self.user_json, self.reserved, self.long_ones = Buffer(), Buffer(), Buffer(), Buffer()

    def __dealloc__(self):
        PyMem_Free(self.columns)
        PyMem_Free(self.notes)
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
        self.loose = self.limits
        self.loose.elements, self.loose.nesting, self.loose.keys = MOST_ELEMENTS, DEEPEST, MOST_NESTED
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
        self.constant_start = self.column_count + len(layout.templates)
        self.has_cells = bool(layout.columns or layout.cells or layout.choices)
        self.named_count = self.constant_start + len(constants)
        self.columns = <Column*> PyMem_Malloc((self.column_count + 1) * sizeof(Column))
        self.named = <KeyValue*> PyMem_Malloc((self.named_count + 1) * sizeof(KeyValue))
        # Properties of the properties' object, of columns, templates and constants, and the ip.
        self.properties = <KeyValue*> PyMem_Malloc(
            (self.max_properties + self.named_count + 1) * sizeof(KeyValue)
        )
        self.notes = <char*> PyMem_Malloc(self.max_properties + self.named_count + 1)
        self.are_reserved = <bint*> PyMem_Malloc((self.named_count + 1) * sizeof(bint))
        self.prefix_sizes = <Py_ssize_t*> PyMem_Malloc((self.named_count + 1) * sizeof(Py_ssize_t))
        if self.columns == NULL or self.named == NULL or self.properties == NULL or self.notes == NULL:
            raise MemoryError
        if self.are_reserved == NULL or self.prefix_sizes == NULL:
            raise MemoryError
        self.parts = Parts(layout.parts, self.nulls)
        self.prefixes, self.encoders, self.templates = [], [], []
        for n, column in enumerate(layout.columns):
            if column.part >= self.parts.count:
                raise IndexError(column.part)
            self.columns[n].cell, self.columns[n].part = column.cell, column.part
            self.columns[n].type = type_of(column.type)
            self.encoders.append(column.encode)
            self.set_name(n, column.name, b"", is_reserved)
        for n, (name, template) in enumerate(layout.templates, self.column_count):
            self.templates.append(Template(template, self.parts.count))
            self.set_name(n, name, b'"', is_reserved)
        for n, (name, value) in enumerate(constants, self.constant_start):
            self.set_name(n, name, value, is_reserved)
        for n, field in enumerate(FIELDS):
            self.cells[n] = layout.cells.get(field, -1)
        self.choices = [Choice(plan, FIELDS.index(plan.field), self.parts.count) for plan in layout.choices]
        self.keys = [KeyMeanings(meaning_of) for meaning_of in layout.keys]
        self.chooses = bool(layout.parts or layout.templates)
        return 0

    cdef int set_name(self, Py_ssize_t n, bytes name, bytes value, is_reserved) except -1:
        """Keep the name of a property, and how its value begins, of which a constant is the whole."""
        cdef bytes prefix = b'"%b":%b' % (name, value)
        self.prefixes.append(prefix)
        self.prefix_sizes[n], self.are_reserved[n] = len(prefix), bool(is_reserved(name.decode()))
        set_key(&self.named[n], PyBytes_AS_STRING(prefix) + 1, len(name))
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
            for n in range(self.parts.count):
                if self.parts.cells[n] >= block.width:
                    raise IndexError(self.parts.cells[n])
        return 0

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    cdef bint read(self, Block block, Py_ssize_t n) except -1:
        """Find the fields of a record and write its properties; False to reject it, if there is an `error`, or defer."""
        cdef int place
        for place in range(FIELD_COUNT):
            self.fields[place].kind = MISSING
        self.error, self.error_note_size = None, 0
        self.count = self.fields_seen = self.numbers = 0
        self.id_sent = self.id_note = None
        self.inside_start = self.inside_end = self.line_end = 0
        self.has_notes = False
        self.record += 1
        if self.chooses:
            self.parts.clear()
        self.written.at = self.written.base
        self.reserved.at = self.reserved.base
        self.long_ones.at = self.long_ones.base
        self.limits.has_long = False
        if block.width:
            return self.has_cells and self.read_cells(block, n)
        if not self.read_line(block, n):
            return False
        self.line_end = self.written.used()
        if not self.choose():
            return False
        self.take_numbers()
        return self.add_templates()

    cdef bint read_cells(self, Block block, Py_ssize_t n) except -1:
        cdef const char* base = PyBytes_AS_STRING(block.data)
        cdef Span* spans = block.spans + n * block.width
        cdef Span* span
        cdef Column* column
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
                    if not self.choices:  # which may give other fields
                        self.ask_why(base + span.start, span.size, quote)
                    return False
            elif span.doubled:
                return False
            else:
                self.fields[place].kind = TEXT
                self.fields[place].text, self.fields[place].size = base + span.start, span.size
        for at in range(self.parts.count):
            if self.parts.cells[at] < 0:  # it stands in the properties' object
                continue
            span = spans + self.parts.cells[at]
            if not self.is_null(base + span.start, span.size):
                quote = block.quote if span.doubled else -1
                self.parts.keep_cell(&self.parts.parts[at], base + span.start, span.size, quote)
        if not self.choose():
            return False
        for at in range(self.column_count):
            column = &self.columns[at]
            span = spans + column.cell
            if self.is_null(base + span.start, span.size):
                continue
            if column.part >= 0 and self.parts.parts[column.part].is_taken:
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
            self.note_name(self.are_reserved[at])
        return self.add_templates()

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
        p = self.read_object(p + 1, end, OF_PROPERTIES_OBJECT)
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
        p = self.read_object(p + 1, end, OF_LINES)
        return p != NULL and skip_blanks(p, end) == end

    cdef const char* read_object(self, const char* p, const char* end, int keys) except? NULL:
        """Read an object's members as fields and properties, behind its brace.

        Args:
            p: Where they begin.
            end: Of the text.
            keys: Place of what its keys mean.

        Returns:
            Where it ends; NULL to defer the record.
        """
        cdef KeyMeanings meanings = self.keys[keys]
        cdef KeyValue key
        cdef Meaning* meaning
        cdef Py_ssize_t place = 0
        cdef bint is_last = False
        self.written.reserve(end - p + 2)
        meanings.begin()
        p = skip_blanks(p, end)
        if p < end and p[0] == c"}":
            return p + 1
        while self.count < self.max_properties:
            p = read_key(p, end, &key)
            if p == NULL:
                return NULL
            meaning = meanings.get(key.key, key.key_size, place)
            place += 1
            if meaning.kind == IS_DEFERRED:
                return NULL
            if meaning.kind == IS_MORE:
                p = self.read_more(p, end, meaning)
                if p == NULL:
                    return NULL
            else:
                put_key(self.written, &key)
                p = put_value(self.written, p, end, &self.limits, 0, 0)
                if p == NULL:
                    return NULL
                self.add(&key, key.start)
                self.note_name(meaning.kind == IS_RESERVED)
            p = behind_member(p, end, c"}", &is_last)
            if p == NULL or is_last:
                return p
        return NULL

    cdef const char* read_more(self, const char* p, const char* end, Meaning* meaning) except? NULL:
        """Read the value of a key that is more than a property of its own name.

        Returns:
            Where it ends; NULL to defer the record.
        """
        cdef const char* first = p
        cdef Py_ssize_t start = self.written.used(), value
        cdef bint is_left_out = meaning.prefix == NULL
        if p == end:
            return NULL
        if meaning.takes and not takes(p, end, meaning.takes):
            return self.read_declared(p, end, meaning)
        if meaning.fields:
            return self.read_field(p, end, meaning)
        if is_left_out and (meaning.left_out_in == self.record or not meaning.is_kept):
            return NULL  # a key stands twice, or may
        self.written.reserve(meaning.prefix_size + (end - p) + 2)
        if is_left_out:
            meaning.left_out_in = self.record
        else:
            self.written.put(meaning.prefix, meaning.prefix_size)
        value = self.written.used()
        if meaning.keys >= 0 and p[0] == c"{":
            p = self.read_nested(p + 1, end, meaning.keys, &self.loose if is_left_out else &self.limits, 1)
        else:
            p = put_value(self.written, p, end, &self.loose if is_left_out else &self.limits, 0, 0)
        if p == NULL:
            return NULL
        if meaning.part >= 0 and not self.keep_part(meaning.part, first, p, value, is_left_out):
            return NULL
        if is_left_out:
            self.written.at = self.written.base + start
            return p
        self.add(&meaning.named, start)
        self.note_name(meaning.is_reserved)
        return p

    cdef const char* read_declared(self, const char* p, const char* end, Meaning* meaning) except? NULL:
        """Write the value of a key as what it should be; return and arguments as for `read_more`."""
        cdef const char* stop
        cdef Py_ssize_t start = self.written.used(), value
        cdef bytes other
        if meaning.prefix == NULL or meaning.part >= 0 or meaning.convert == NULL:
            return NULL
        self.written.reserve(meaning.prefix_size + 6 * (end - p) + 2)
        self.written.put(meaning.prefix, meaning.prefix_size)
        value = self.written.used()
        stop = put_value(self.written, p, end, &self.loose, 0, 0)
        if stop == NULL:
            return NULL
        self.written.at = self.written.base + value
        if meaning.type == CELL_STRING and is_whole(p, stop - p):
            self.written.put('"', 1)
            self.written.put(p, stop - p)
            self.written.put('"', 1)
        elif p[0] != c'"' or stop - p == 2 or memchr(p, c"\\", stop - p) != NULL or not self.read_cell(
            meaning.type, p + 1, stop - p - 2, -1
        ):
            other = (<object> meaning.convert)(PyUnicode_DecodeUTF8(p, stop - p, NULL))
            if other is None:
                return NULL
            self.written.at = self.written.base + value
            self.written.reserve(PyBytes_GET_SIZE(other))
            self.written.put(PyBytes_AS_STRING(other), PyBytes_GET_SIZE(other))
        self.add(&meaning.named, start)
        self.note_name(meaning.is_reserved)
        return stop

    cdef inline bint keep_part(
        self, int number, const char* start, const char* end, Py_ssize_t written, bint is_left_out
    ) except -1:
        """Keep a value that was written last; False to defer the record."""
        cdef Part* part = &self.parts.parts[number]
        part.at = -1 if is_left_out else self.count  # the property that is about to be added
        return self.parts.keep_json(part, start, end, self.written.base + written, self.written.used() - written)

    cdef const char* read_nested(
        self, const char* p, const char* end, int keys, Limits* limits, int deep
    ) except? NULL:
        """Write an object without the fields in it, behind its brace.

        Args:
            p: Where its members begin.
            end: Of the text.
            keys: Place of what its keys mean.
            limits: What it may be.
            deep: Objects up to it, below the properties.

        Returns:
            Where it ends; NULL to defer the record.
        """
        cdef KeyValue[MOST_NESTED] members
        cdef KeyMeanings meanings = self.keys[keys]
        cdef Meaning* meaning
        cdef KeyValue* member
        cdef Buffer out = self.written
        cdef const char* first
        cdef Py_ssize_t count = 0, place = 0, start, value
        cdef bint is_last = False
        meanings.begin()
        out.put("{", 1)
        start = out.used()
        p = skip_blanks(p, end)
        if p < end and p[0] == c"}":
            out.put("}", 1)
            return p + 1
        while count < min(limits.keys, MOST_NESTED):
            member = &members[count]
            p = read_key(p, end, member)
            if p == NULL or p == end:
                return NULL
            meaning = meanings.get(member.key, member.key_size, place)
            place += 1
            if meaning.kind == IS_DEFERRED:
                return NULL
            if meaning.fields:
                p = self.read_field(p, end, meaning)
                if p == NULL:
                    return NULL
            else:
                if count:
                    out.put(",", 1)
                put_key(out, member)
                first, value = p, out.used()
                if meaning.kind == IS_MORE and meaning.keys >= 0 and p[0] == c"{":
                    if deep >= limits.nesting or deep >= DEEPEST:
                        return NULL
                    p = self.read_nested(p + 1, end, meaning.keys, limits, deep + 1)
                else:
                    p = put_value(out, p, end, limits, deep, deep)
                if p == NULL:
                    return NULL
                member.size = out.used() - member.start
                count += 1
                if meaning.part >= 0 and meaning.kind == IS_MORE:
                    if not self.keep_part(meaning.part, first, p, value, limits == &self.loose):
                        return NULL
            p = behind_member(p, end, c"}", &is_last)
            if p == NULL:
                return NULL
            if is_last:
                out.put("}", 1)
                return p if reorder(out, members, count, start) else NULL
        return NULL

    cdef const char* read_field(self, const char* p, const char* end, Meaning* meaning) except? NULL:
        """Keep the value of one field or several.

        Returns:
            Where it ends; NULL to defer the record.
        """
        cdef FieldValue value
        cdef const char* first = p
        cdef int place, fields = meaning.fields
        cdef Py_ssize_t start
        if p == end:
            return NULL
        value.kind, value.text = TEXT, p
        if p[0] == c"{" and fields == 1 << OF_PROPERTIES:
            self.inside_start = self.written.used()
            p = self.read_object(p + 1, end, OF_PROPERTIES_OBJECT)
            if p == NULL:
                return NULL
            self.inside_end = self.written.used()
        elif p[0] == c'"':
            value.text += 1
            p = end_of_key(p + 1, end)
            if p == NULL or fields >= 1 << OF_PROPERTIES:
                return NULL
            value.size = p - value.text
            p += 1
            if not value.size or self.nulls.holds(value.text, value.size):
                value.kind = MISSING
        elif end - p >= 4 and memcmp(p, "null", 4) == 0:
            value.kind = MISSING
            p += 4
        elif fields == 1 << OF_TIME or fields == 1 << OF_USER or fields == 1 << OF_ID:
            value.kind = NUMBER
            p = end_of_number(p, end)
            value.size = p - value.text
            if not value.size or (fields != 1 << OF_TIME and not is_whole(value.text, value.size)):
                return NULL
            if value.size > 1 and value.text[0] == c"0":
                return NULL
        else:
            return NULL
        if self.fields_seen & fields:
            return NULL  # a key stands twice
        self.fields_seen |= fields
        for place in range(FIELD_COUNT):
            if fields & 1 << place:
                self.fields[place] = value
        if meaning.part >= 0:
            start = self.written.used()
            self.written.reserve(end - first + 2)
            if put_value(self.written, first, end, &self.loose, 0, 0) != p:
                return NULL
            if not self.keep_part(meaning.part, first, p, start, True):
                return NULL
            self.written.at = self.written.base + start
        return p

    # ── values that may give a field, and templates ──────────────────────────────────────────────

    cdef bint choose(self) except -1:
        """Find the fields that several values may give, or templates; False to defer the record."""
        cdef Choice choice
        cdef FieldValue* field
        cdef Part* part
        cdef bytes text
        cdef int number, place, found
        cdef Py_ssize_t at
        for choice in self.choices:
            field = &self.fields[choice.place]
            for at, entry in enumerate(choice.entries):
                condition = choice.conditions[at] if choice.conditions else None
                if condition is not None:
                    found = (<Condition> condition).holds(self.parts)
                    if found < 0:
                        return False
                    if not found:
                        continue
                if isinstance(entry, Template):
                    choice.text.at = choice.text.base
                    found = self.parts.put_text_of(
                        entry, choice.text, self.odd_texts, choice.kind if (<Template> entry).is_mixed else -1,
                        self.has_part_note, choice.field,
                    )
                    if found < 0:
                        return False
                    if not found or not choice.text.used():
                        continue
                    field.kind, field.text, field.size = TEXT, choice.text.base, choice.text.used()
                    break
                number = entry
                part = &self.parts.parts[number]
                if part.kind == MISSING:
                    continue
                if part.kind == NUMBER and choice.place == OF_TIME and (part.size == 1 or part.text[0] != c"0"):
                    field.kind = NUMBER
                elif part.kind == NUMBER and self.may_be_number(choice.place) and is_whole(part.text, part.size):
                    field.kind = NUMBER
                elif part.kind == TEXT and part.written < 0 and part.quote < 0:
                    field.kind = TEXT
                else:
                    return False
                field.text, field.size = part.text, part.size
                if not self.take(part, number):
                    return False
                break
        if self.chooses and not (self.parts.are_all_taken() and self.give_others()):
            return False
        if self.has_defaults:
            for place in range(FIELD_COUNT):
                field = &self.fields[place]
                if field.kind == MISSING and self.defaults[place] is not None:
                    text = self.defaults[place]
                    field.kind, field.text, field.size = TEXT, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
        return True

    cdef inline bint may_be_number(self, int place) noexcept:
        return place == OF_USER or place == OF_ID

    cdef int take_numbers(self) noexcept:
        """Make texts of ids that are numbers."""
        cdef int place
        for place in range(FIELD_COUNT):
            if self.fields[place].kind == NUMBER and self.may_be_number(place):
                self.fields[place].kind = TEXT
                self.numbers |= 1 << place
        return 0

    cdef bint give_others(self) noexcept:
        """Let values give fields that nothing else gives; False to defer the record."""
        cdef Py_ssize_t n
        cdef FieldValue* field
        cdef Part* part
        for n in range(self.parts.count):
            part = &self.parts.parts[n]
            if self.parts.gives[n] < 0 or not part.is_filled or part.is_taken:
                continue
            if part.kind != TEXT or part.written >= 0 or part.quote >= 0:
                return False
            field = &self.fields[self.parts.gives[n]]
            if field.kind == MISSING:
                field.kind, field.text, field.size = TEXT, part.text, part.size
            elif field.kind != TEXT or field.size != part.size or memcmp(field.text, part.text, part.size) != 0:
                return False
        return True

    cdef bint take(self, Part* part, int number) except -1:
        """Take a value that gave a field out of the properties; False to defer the record."""
        cdef Py_ssize_t at = part.at, left
        cdef KeyValue* member
        part.is_taken = True
        if at < 0:
            return True
        member = &self.properties[at]
        path = self.parts.paths[number]
        if path:
            part.at = -1
            if is_longer(part.text, part.size, self.limits.text):
                return False  # its property may have a note for it
            self.cut(member, path)
            return True
        left = self.count - at - 1
        memmove(member, member + 1, left * sizeof(KeyValue))
        memmove(self.notes + at, self.notes + at + 1, left)
        self.count -= 1
        self.parts.forget_property(at)
        return True

    cdef int cut(self, KeyValue* member, tuple path) except -1:
        """Take a value out of an object that was written as a property."""
        cdef char* begin = self.written.base + member.start
        cdef char* stop = begin + member.size
        cdef char* p = begin + member.key_size + 3  # the quotes of the key, and its colon
        cdef char* start
        cdef char* end
        cdef char* next_
        cdef bytes key
        cdef Py_ssize_t left = len(path), size
        for key in path:
            left -= 1
            while True:
                start = p + 1  # behind a brace or a comma: a key, in its quotes
                size = end_of_key(start + 1, stop) - start - 1
                p = start + size + 3
                if size == PyBytes_GET_SIZE(key) and memcmp(start + 1, PyBytes_AS_STRING(key), size) == 0:
                    break
                p = <char*> end_of_written(p)
                if p[0] != c",":
                    return 0
            if left and p[0] != c"{":
                return 0
        end = <char*> end_of_written(p)
        if end[0] == c",":
            end += 1
        elif (start - 1)[0] == c",":
            start -= 1
        memmove(start, end, stop - end)
        member.size -= end - start
        return 0

    cdef bint add_templates(self) except -1:
        """Add the properties that templates make; False to defer the record."""
        cdef Py_ssize_t at, start, first
        cdef int found
        if self.constant_start == self.column_count:
            return True
        for at in range(self.column_count, self.constant_start):
            start = self.begin(at, 0)
            first = self.written.used()
            found = self.parts.put_json_of(self.templates[at - self.column_count], self.written)
            if found < 0:
                return False
            if not found:
                self.written.at = self.written.base + start
                continue
            self.limits.has_long = is_longer_json(
                self.written.base + first, self.written.used() - first, self.limits.text
            )
            self.written.put('"', 1)
            self.add(&self.named[at], start)
            self.note_name(self.are_reserved[at])
        return self.count <= self.max_properties

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
        self.notes[self.count] = 0
        self.count += 1

    cdef inline void note_name(self, bint is_reserved) noexcept:
        """Keep what a note is about on the property that was added last."""
        if is_reserved or self.limits.has_long:
            self.notes[self.count - 1] = (RESERVED_NAME if is_reserved else 0) | (
                LONG_TEXT if self.limits.has_long else 0
            )
            self.limits.has_long, self.has_notes = False, True

    cdef int collect_names(self) except -1:
        """Write the names of properties that notes are about: first those in the properties' object (JSONL)."""
        cdef Py_ssize_t n
        cdef bint is_beside
        for is_beside in range(2):
            for n in range(self.count):
                if self.notes[n] and is_beside != (
                    self.inside_start <= self.properties[n].start < self.inside_end
                ):
                    if self.notes[n] & RESERVED_NAME:
                        put_name(self.reserved, &self.properties[n])
                    if self.notes[n] & LONG_TEXT:
                        put_name(self.long_ones, &self.properties[n])
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
        if self.has_notes:
            self.collect_names()
        while not sort_by_key(self.properties, self.count):
            if not self.drop_copy():
                return False
        self.join()
        if not self.has_own_id():
            if self.fields[OF_ID].kind == MISSING:
                self.make_id(row, instant)
                self.fields[OF_ID].text, self.fields[OF_ID].size = self.own_id, ID_SIZE
            elif not self.use_other_id():
                return False
        return self.put_event(made, row, line, instant, tail)

    cdef bint drop_copy(self) noexcept:
        """Drop a property that stands beside the properties' object as it does in it (JSONL); False if there is none."""
        cdef KeyValue* one
        cdef KeyValue* other
        cdef Py_ssize_t n, m
        for n in range(self.count):
            one = &self.properties[n]
            if not self.inside_start <= one.start < self.inside_end or one.start + one.size > self.line_end:
                continue
            for m in range(self.count):
                other = &self.properties[m]
                if other.key_size != one.key_size or other.size != one.size or m == n:
                    continue
                if self.inside_start <= other.start < self.inside_end or other.start + other.size > self.line_end:
                    continue
                if memcmp(self.written.base + other.start, self.written.base + one.start, one.size) == 0:
                    if holds_name(self.reserved, one) or holds_name(self.long_ones, one):
                        return False  # a note would name it twice
                    memmove(other, other + 1, (self.count - m - 1) * sizeof(KeyValue))
                    self.count -= 1
                    return True
        return False

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

    cdef bint use_other_id(self) except -1:
        """Use another id instead of the record's own, which is not sent as it is; False to defer the record."""
        cdef FieldValue* own = &self.fields[OF_ID]
        if own.kind != TEXT or self.numbers >> OF_ID & 1:
            return False
        found = self.other_id(PyUnicode_DecodeUTF8(own.text, own.size, NULL))
        if found is None:
            return False
        self.id_sent, self.id_note = found
        own.text, own.size = PyBytes_AS_STRING(self.id_sent), PyBytes_GET_SIZE(self.id_sent)
        return True

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
        for at in range(self.constant_start, self.named_count):
            self.add(&self.named[at], self.begin(at, 0))
            self.note_name(self.are_reserved[at])
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
        if (
            self.name.second_size or not self.user.size or self.reserved.used() or self.long_ones.used()
            or instant % NS_PER_MS or self.numbers or self.id_note is not None
        ):
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
        self.put_number_note(made, start, OF_USER, &self.user)
        self.put_number_note(made, start, OF_ID, &self.fields[OF_ID])
        if self.id_note is not None:
            self.put_part(made, start, PyBytes_AS_STRING(self.id_note), PyBytes_GET_SIZE(self.id_note))
        self.put_note_on(made, start, self.long_notes, self.long_ones)
        self.put_note_on(made, start, self.names_notes, self.reserved)
        if instant % NS_PER_MS:
            self.put_part(made, start, PyBytes_AS_STRING(self.note_finer_time), PyBytes_GET_SIZE(self.note_finer_time))
        if made.texts.used() > MOST_TEXTS:
            raise OverflowError("too many bytes for a block")
        item.note.start, item.note.size = <int32_t> start, <int32_t> (made.texts.used() - start)
        return 0

    cdef int put_number_note(self, EventBlock made, Py_ssize_t start, int place, const FieldValue* value) except -1:
        """Write the note on an id that is a number, if it is one."""
        cdef bytes before, behind
        if self.numbers >> place & 1:
            before, behind = self.number_notes[place]
            self.put_part(made, start, PyBytes_AS_STRING(before), PyBytes_GET_SIZE(before))
            made.texts.reserve(value.size + PyBytes_GET_SIZE(behind))
            made.texts.put(value.text, value.size)
            made.texts.put(PyBytes_AS_STRING(behind), PyBytes_GET_SIZE(behind))
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

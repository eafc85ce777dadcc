package store

import (
	"encoding/binary"
	"errors"
	"time"
)

// errRecord: the bytes are no record of a schema known here.
var errRecord = errors.New("store: malformed record")

// writer appends fields: integers as varints, strings with their length.
type writer struct{ b []byte }

func (w *writer) uint(v uint64)      { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) int(v int64)        { w.b = binary.AppendVarint(w.b, v) }
func (w *writer) string(s string)    { w.uint(uint64(len(s))); w.b = append(w.b, s...) }
func (w *writer) bytes(s []byte)     { w.uint(uint64(len(s))); w.b = append(w.b, s...) }
func (w *writer) time(t time.Time)   { w.int(millis(t)) }
func (w *writer) count(n int)        { w.uint(uint64(n)) }
func (w *writer) strings(s []string) { strs(w, s) }

func (w *writer) bool(v bool) {
	if v {
		w.uint(1)
	} else {
		w.uint(0)
	}
}

// strs writes a list of anything that is a string.
func strs[T ~string](w *writer, s []T) {
	w.count(len(s))
	for _, x := range s {
		w.string(string(x))
	}
}

// millis is unix milliseconds; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// reader takes fields off again. The first trouble sticks in err, and all that
// is read after it is zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() { r.b, r.err = nil, errRecord }

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) string() string  { return string(r.bytes()) }
func (r *reader) bool() bool      { return r.uint() == 1 }
func (r *reader) time() time.Time { return fromMillis(r.int()) }

// count reads the length of a list, which cannot be longer than what is left.
func (r *reader) count() int {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return 0
	}
	return int(n)
}

// readStrings reads a list of anything that is a string; an empty one is nil.
func readStrings[T ~string](r *reader) []T {
	n := r.count()
	if n == 0 {
		return nil
	}
	out := make([]T, 0, n)
	for range n {
		out = append(out, T(r.string()))
	}
	return out
}

// end is the error of the whole, also when something is left over.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail()
	}
	return r.err
}

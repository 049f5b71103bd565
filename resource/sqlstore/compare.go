package sqlstore

import (
	"strings"
	"unicode/utf8"

	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// oneOf appends that the field is one of the values.
func (s *Store[Row]) oneOf(w *where, f *rowtype.Field, value any) bool {
	values, _ := value.([]any)
	if len(values) == 0 {
		return false
	}
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = s.bindTo(w, f, v)
	}
	w.text.WriteString(" AND " + s.column(f.Name) + " IN (" + strings.Join(marks, ", ") + ")")
	return true
}

// prefix appends that the field begins with the value, as a range: an index on
// the column serves it, which no pattern can promise, and nothing in the value is
// special. PostgreSQL's other collations would put strings into the range that do
// not belong there.
func (s *Store[Row]) prefix(w *where, f *rowtype.Field, value any) bool {
	text, ok := value.(string)
	if !ok || f.Kind != rowtype.String || !utf8.ValidString(text) {
		return false
	}
	column := s.column(f.Name)
	if s.opts.Dialect == postgres {
		column += ` COLLATE "C"`
	}
	w.text.WriteString(" AND " + column + " >= " + s.bind(w, text))
	if end, ok := behind(text); ok {
		w.text.WriteString(" AND " + column + " < " + s.bind(w, end))
	}
	return true
}

// behind returns the first string that comes after all that begin with the
// prefix, in the order of bytes, which in UTF-8 is that of code points. It reports
// false where there is none.
func behind(prefix string) (string, bool) {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch last {
		case utf8.MaxRune:
			continue // the one before it has to go up
		case 0xD7FF:
			last = 0xDFFF // over the surrogates, which are no code points
		}
		return prefix + string(last+1), true
	}
	return "", false
}

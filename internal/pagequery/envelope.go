package pagequery

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tenetkit/tenet/internal/jsonenc"
)

// AppendRows appends the start of an envelope: the brace and the member that
// holds the rows, under key or data. If e is nil, the rows have all their members.
func AppendRows[T any](b []byte, key string, rows []T, e *jsonenc.Encoder) ([]byte, error) {
	b = append(b, '{')
	switch key {
	case "":
		b = append(b, `"data"`...)
	case "total", "total_capped", "page", "limit", "next_cursor", "prev_cursor":
		return b, errors.New("paginate: Page: Key is the name of another member: " + key)
	default:
		b = jsonenc.AppendString(b, key)
	}
	b = append(b, ':')
	if rows == nil {
		return append(b, "[]"...), nil
	}
	var err error
	if e == nil {
		b, err = jsonenc.AppendSlice(b, rows)
	} else {
		b, err = jsonenc.AppendElements(b, rows, e)
	}
	if err != nil {
		return b, fmt.Errorf("paginate: Page: %w", err)
	}
	return b, nil
}

// AppendTotal appends the members of the total, none where it is negative.
func AppendTotal(b []byte, total int, capped bool) []byte {
	if total < 0 {
		return b
	}
	b = append(b, `,"total":`...)
	b = strconv.AppendInt(b, int64(total), 10)
	if capped {
		b = append(b, `,"total_capped":true`...)
	}
	return b
}

// AppendInt appends a member with a name that needs no escapes.
func AppendInt(b []byte, name string, n int) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, int64(n), 10)
}

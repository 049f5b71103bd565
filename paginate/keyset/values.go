package keyset

import (
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"time"
)

// normalize turns a sort key into one of the types that a cursor holds and a
// driver takes: nil, string, []byte, int64, float64, bool or time.Time.
func normalize(v any) (any, error) {
	switch v := v.(type) {
	case nil, string, []byte, int64, float64, bool:
		if b, ok := v.([]byte); ok && b == nil {
			return nil, nil
		}
		return v, nil
	case time.Time:
		return v.Round(0).UTC(), nil
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer {
		if rv.IsNil() {
			return nil, nil
		}
		if _, ok := v.(driver.Valuer); !ok {
			return normalize(rv.Elem().Interface())
		}
	}
	if valuer, ok := v.(driver.Valuer); ok {
		value, err := valuer.Value()
		if err != nil {
			return nil, fmt.Errorf("keyset: NewPage: a sort key: %w", err)
		}
		if _, again := value.(driver.Valuer); !again {
			return normalize(value)
		}
	}
	switch rv.Kind() {
	case reflect.String:
		return rv.String(), nil
	case reflect.Bool:
		return rv.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return rv.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := rv.Uint(); n <= math.MaxInt64 {
			return int64(n), nil
		}
	case reflect.Float32, reflect.Float64:
		return rv.Float(), nil
	case reflect.Slice:
		if rv.Type().Elem().Kind() == reflect.Uint8 {
			return normalize(rv.Bytes())
		}
	}
	return nil, fmt.Errorf("keyset: NewPage: a %T cannot be a sort key", v)
}

// encodeValues appends the sort keys of a row.
func (req Request) encodeValues(b []byte, values []any) ([]byte, error) {
	if len(values) != len(req.Order) {
		return nil, fmt.Errorf("keyset: NewPage: %d sort keys for an order of %d columns", len(values), len(req.Order))
	}
	for i, v := range values {
		v, err := normalize(v)
		if err != nil {
			return nil, err
		}
		if v == nil && !req.Order[i].Nullable {
			return nil, fmt.Errorf("keyset: NewPage: column %s is null, and not Nullable", req.Order[i].Name)
		}
		switch v := v.(type) {
		case nil:
			b = append(b, 'n')
		case bool:
			b = append(b, 'B', bit(v))
		case int64:
			b = binary.AppendVarint(append(b, 'i'), v)
		case float64:
			b = binary.BigEndian.AppendUint64(append(b, 'f'), math.Float64bits(v))
		case string:
			b = binary.AppendUvarint(append(b, 's'), uint64(len(v)))
			b = append(b, v...)
		case []byte:
			b = binary.AppendUvarint(append(b, 'b'), uint64(len(v)))
			b = append(b, v...)
		case time.Time:
			b = binary.AppendVarint(append(b, 't'), v.Unix())
			b = binary.AppendUvarint(b, uint64(v.Nanosecond()))
		}
	}
	return b, nil
}

// decodeValues reads n sort keys, and nothing behind them.
func decodeValues(b []byte, n int) ([]any, bool) {
	values := make([]any, n)
	for i := range values {
		size := 0
		if len(b) == 0 {
			return nil, false
		}
		kind := b[0]
		b = b[1:]
		switch kind {
		case 'n':
		case 'B':
			if len(b) < 1 || b[0] > 1 {
				return nil, false
			}
			values[i], size = b[0] == 1, 1
		case 'i':
			var v int64
			if v, size = binary.Varint(b); size <= 0 {
				return nil, false
			}
			values[i] = v
		case 'f':
			if len(b) < 8 {
				return nil, false
			}
			values[i], size = math.Float64frombits(binary.BigEndian.Uint64(b)), 8
		case 's', 'b':
			length, head := binary.Uvarint(b)
			if head <= 0 || length > uint64(len(b)-head) {
				return nil, false
			}
			size = head + int(length)
			if kind == 's' {
				values[i] = string(b[head:size])
			} else {
				values[i] = append([]byte{}, b[head:size]...)
			}
		case 't':
			seconds, head := binary.Varint(b)
			if head <= 0 {
				return nil, false
			}
			nanos, tail := binary.Uvarint(b[head:])
			if tail <= 0 || nanos >= 1e9 {
				return nil, false
			}
			values[i], size = time.Unix(seconds, int64(nanos)).UTC(), head+tail
		default:
			return nil, false
		}
		b = b[size:]
	}
	return values, len(b) == 0
}

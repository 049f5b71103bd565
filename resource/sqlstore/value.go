package sqlstore

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

// textTime keeps times in SQLite so that their order is that of the text.
const textTime = "2006-01-02T15:04:05.000000Z"

// arg returns a value of [rowtype.Field.Value] as both kinds of driver take it.
func (s *Store[Row]) arg(v any) any {
	switch v := v.(type) {
	case uint64:
		// New has refused fields that may hold more. A filter may ask for it, and
		// compares with all of them as the largest does.
		return int64(min(v, math.MaxInt64))
	case bool:
		if s.opts.Dialect == sqlite {
			if v {
				return int64(1)
			}
			return int64(0)
		}
	case time.Time:
		v = v.UTC().Truncate(time.Microsecond)
		if s.opts.Dialect == sqlite {
			return v.Format(textTime)
		}
		return v
	}
	return v
}

// args appends the columns of row, all or all but the id.
func (s *Store[Row]) args(to []any, row *Row, withID bool) ([]any, error) {
	v := reflect.ValueOf(row).Elem()
	for i := range s.fields {
		f := &s.fields[i]
		switch {
		case f.Name == "id" && !withID:
		case f.Kind != rowtype.JSON:
			to = append(to, s.arg(f.Value(v)))
		default:
			value := f.Value(v)
			if value == nil && f.Nullable {
				to = append(to, nil)
				continue
			}
			text, err := json.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("sqlstore: field %s: %w", f.GoName, err)
			}
			to = append(to, string(text))
		}
	}
	return to, nil
}

// scanInto reads one row of a result that has all columns.
func (s *Store[Row]) scanInto(rows *sql.Rows, row *Row, targets []any) error {
	v := reflect.ValueOf(row).Elem()
	for i := range s.fields {
		f := &s.fields[i]
		at := v.FieldByIndex(f.Index)
		switch {
		case f.Kind == rowtype.JSON:
			targets[i] = jsonColumn{at}
		case f.Kind == rowtype.Time:
			targets[i] = timeColumn{at}
		case f.Kind == rowtype.Bool && f.Type != boolType && f.Type != boolPointer:
			targets[i] = flagColumn{at}
		default:
			targets[i] = at.Addr().Interface()
		}
	}
	return rows.Scan(targets...)
}

var boolType, boolPointer = reflect.TypeFor[bool](), reflect.TypeFor[*bool]()

// flagColumn scans a bool of a type with a name, also from an integer, which
// database/sql does for the type bool alone.
type flagColumn struct{ field reflect.Value }

func (c flagColumn) Scan(src any) error {
	if c.field.Kind() != reflect.Pointer {
		return c.set(c.field, src)
	}
	c.field.SetZero()
	if src == nil {
		return nil
	}
	flag := reflect.New(c.field.Type().Elem())
	if err := c.set(flag.Elem(), src); err != nil {
		return err
	}
	c.field.Set(flag)
	return nil
}

func (flagColumn) set(field reflect.Value, src any) error {
	flag, err := driver.Bool.ConvertValue(src)
	if err != nil {
		return err
	}
	field.SetBool(flag.(bool))
	return nil
}

// timeColumn scans a time from the driver's own type or from text.
type timeColumn struct{ field reflect.Value }

func (c timeColumn) Scan(src any) error {
	var t time.Time
	switch src := src.(type) {
	case nil:
		c.field.SetZero()
		return nil
	case time.Time:
		t = src
	case string:
		var err error
		if t, err = time.Parse(time.RFC3339Nano, src); err != nil {
			return err
		}
	case []byte:
		return c.Scan(string(src))
	default:
		return fmt.Errorf("sqlstore: a time cannot be read from a %T", src)
	}
	t = t.UTC().Truncate(time.Microsecond)
	if c.field.Kind() == reflect.Pointer {
		c.field.Set(reflect.ValueOf(&t))
		return nil
	}
	*c.field.Addr().Interface().(*time.Time) = t
	return nil
}

// jsonColumn scans JSON text.
type jsonColumn struct{ field reflect.Value }

func (c jsonColumn) Scan(src any) error {
	c.field.SetZero()
	switch src := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(src), c.field.Addr().Interface())
	case []byte:
		return json.Unmarshal(src, c.field.Addr().Interface())
	}
	return errors.New("sqlstore: JSON must be kept as text")
}

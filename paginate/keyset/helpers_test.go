package keyset_test

import "database/sql/driver"

// valuer is a sort key that knows its own value, as those of sql.Null do.
type valuer struct{ v any }

func (v valuer) Value() (driver.Value, error) {
	if err, ok := v.v.(error); ok {
		return nil, err
	}
	return v.v, nil
}

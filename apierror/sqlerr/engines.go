package sqlerr

import (
	"database/sql/driver"
	"strconv"
	"strings"
)

type kind int

const (
	other kind = iota
	unique
	foreignKey
	exclusion
	check
	notNull
	tooLarge
	malformed
	conflicted // with another transaction; worth another try
	down       // nothing that a retry at once would cure
)

// failure is what an engine has said. Table and column are plain identifiers; the
// constraint may be anything, and is only looked up.
type failure struct {
	kind                      kind
	constraint, table, column string
}

// inspect looks for the first failure that it knows in err's tree.
func inspect(err error) (failure, bool) {
	if err == nil {
		return failure{}, false
	}
	if err == driver.ErrBadConn { //nolint:errorlint // the tree is walked here
		return failure{kind: down}, true
	}
	if f := read(err); f.kind != other {
		return f, true
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() error }:
		return inspect(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if f, ok := inspect(err); ok {
				return f, true
			}
		}
	}
	return failure{}, false
}

// read reads one error by the shape of its driver.
func read(err error) failure {
	if e, ok := err.(interface{ SQLState() string }); ok { //nolint:errorlint // see inspect
		return postgres(e.SQLState(), err)
	}
	if number, message, ok := mysqlFields(err); ok {
		return mysql(number, message)
	}
	if code, ok := sqliteCode(err); ok {
		return sqlite(code, err.Error())
	}
	return failure{}
}

// postgres reads an SQLSTATE, for which MySQL drivers of the kind and databases that
// speak PostgreSQL's protocol use the same ones.
func postgres(state string, err error) failure {
	f := failure{kind: stateKinds[state]}
	if f.kind == other && len(state) == 5 {
		f.kind = classKinds[state[:2]]
	}
	switch f.kind {
	case other, conflicted, down:
		return f
	}
	f.constraint = stringField(err, "ConstraintName", "Constraint")
	f.table = identifier(stringField(err, "TableName", "Table"))
	f.column = identifier(stringField(err, "ColumnName", "Column"))
	if f.column == "" {
		f.column = keyColumn(stringField(err, "Detail"))
	}
	return f
}

var stateKinds = map[string]kind{
	"23505": unique, "23503": foreignKey, "23001": foreignKey, "23P01": exclusion, "23514": check, "23502": notNull,
	"22001": tooLarge, "22003": tooLarge, "54000": tooLarge,
	"22P02": malformed, "22P05": malformed, "22007": malformed, "22008": malformed, "22021": malformed,
	"40001": conflicted, "40P01": conflicted, "55P03": conflicted,
	"57014": down, "25006": down, "57P01": down, "57P02": down, "57P03": down, "57P05": down,
}

var classKinds = map[string]kind{"08": down, "53": down}

// keyColumn takes the column out of "Key (email)=(bob@example.com) already exists.",
// in whatever language the server says it. The columns come before the values, so
// that no value can pass for one; several columns or an expression are none.
func keyColumn(detail string) string {
	_, rest, _ := strings.Cut(detail, "(")
	columns, _, found := strings.Cut(rest, ")=(")
	if !found {
		return ""
	}
	return identifier(columns)
}

// mysql reads an error number of MySQL or MariaDB.
func mysql(number uint64, message string) failure {
	f := failure{kind: mysqlKinds[number]}
	if f.kind == unique {
		// "Duplicate entry 'x' for key 'users.email'": the last quotes are the
		// server's; what is before them, the client has sent.
		if i := strings.LastIndex(message, " for key '"); i >= 0 {
			key := strings.TrimSuffix(message[i+len(" for key '"):], "'")
			if _, name, ok := strings.Cut(key, "."); ok {
				key = name
			}
			f.constraint = key
		}
	}
	if f.kind == notNull {
		// "Column 'name' cannot be null", "Field 'name' doesn't have a default value"
		if _, rest, ok := strings.Cut(message, "'"); ok {
			name, _, _ := strings.Cut(rest, "'")
			f.column = identifier(name)
		}
	}
	return f
}

var mysqlKinds = map[uint64]kind{
	1022: unique, 1062: unique, 1169: unique, 1586: unique,
	1216: foreignKey, 1217: foreignKey, 1451: foreignKey, 1452: foreignKey, 1761: foreignKey, 1762: foreignKey,
	3819: check, 4025: check,
	1048: notNull, 1364: notNull,
	1264: tooLarge, 1406: tooLarge, 1690: tooLarge,
	1292: malformed, 1366: malformed, 3140: malformed,
	1205: conflicted, 1213: conflicted, 3572: conflicted,
	1040: down, 1053: down, 1203: down, 1226: down, 1290: down, 1836: down, 3024: down,
}

// sqlite reads a result code, extended if the driver passes extended ones on.
func sqlite(code int, text string) failure {
	switch code & 0xff {
	case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
		return failure{kind: conflicted}
	case 8, 13: // SQLITE_READONLY, SQLITE_FULL
		return failure{kind: down}
	case 18: // SQLITE_TOOBIG
		return failure{kind: tooLarge}
	case 19: // SQLITE_CONSTRAINT
	default:
		return failure{}
	}
	for _, c := range sqliteConstraints {
		_, names, found := strings.Cut(text, c.text+" constraint failed")
		if !found {
			continue
		}
		f := failure{kind: c.kind}
		names, ok := strings.CutPrefix(names, ": ")
		if !ok {
			return f
		}
		names, _, _ = strings.Cut(names, " (")
		if index, ok := strings.CutPrefix(names, "index '"); ok { // over an expression
			f.constraint = strings.TrimSuffix(index, "'")
		} else if c.kind == check {
			f.constraint = names
		} else if table, column, ok := strings.Cut(names, "."); ok {
			f.table, f.column = identifier(table), identifier(column)
		}
		return f
	}
	switch code {
	case 3091: // SQLITE_CONSTRAINT_DATATYPE
		return failure{kind: malformed}
	case 2579: // SQLITE_CONSTRAINT_ROWID
		return failure{kind: unique}
	}
	return failure{}
}

var sqliteConstraints = []struct {
	text string
	kind kind
}{
	{"UNIQUE", unique},
	{"PRIMARY KEY", unique},
	{"FOREIGN KEY", foreignKey},
	{"NOT NULL", notNull},
	{"CHECK", check},
}

// sqliteCode returns the result code of a SQLite driver's error. Many errors have a
// Code; one whose text does not say it too is somebody else's.
func sqliteCode(err error) (int, bool) {
	if e, ok := err.(interface{ Code() int }); ok { //nolint:errorlint // see inspect
		code := e.Code()
		return code, strings.Contains(err.Error(), "("+strconv.Itoa(code)+")")
	}
	if code, ok := mattnCode(err); ok {
		return code, true
	}
	// The types that ncruces/go-sqlite3 gives its codes are its own.
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "sqlite3: constraint failed"):
		return 19, true
	case strings.HasPrefix(text, "sqlite3: database is locked"), strings.HasPrefix(text, "sqlite3: database table is locked"):
		return 5, true
	}
	return 0, false
}

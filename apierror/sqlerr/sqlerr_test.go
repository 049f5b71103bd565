package sqlerr_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/apierror/sqlerr"
)

// PgError has the shape of pgx's pgconn.PgError.
type PgError struct{ Code, Message, Detail, TableName, ColumnName, ConstraintName string }

func (e *PgError) Error() string    { return "ERROR: " + e.Message + " (SQLSTATE " + e.Code + ")" }
func (e *PgError) SQLState() string { return e.Code }

// pqCode and pqError have the shape of lib/pq's ErrorCode and Error.
type (
	pqCode  string
	pqError struct {
		Code                                                pqCode
		Message, Detail, Table, Column, Constraint, Routine string
	}
)

func (e *pqError) Error() string    { return "pq: " + e.Message }
func (e *pqError) SQLState() string { return string(e.Code) }

// MySQLError has the shape of go-sql-driver's.
type MySQLError struct {
	Number   uint16
	SQLState [5]byte
	Message  string
}

func (e *MySQLError) Error() string { return fmt.Sprintf("Error %d: %s", e.Number, e.Message) }

// modernc has the shape of modernc.org/sqlite's Error.
type modernc struct {
	msg  string
	code int
}

func (e *modernc) Error() string { return e.msg }
func (e *modernc) Code() int     { return e.code }

// Error has the shape of mattn/go-sqlite3's.
type (
	errNo         int
	errNoExtended int
	Error         struct {
		Code         errNo
		ExtendedCode errNoExtended
		err          string
	}
)

func (e Error) Error() string { return e.err }

func TestMap(t *testing.T) {
	t.Parallel()
	ncruces := errors.New("sqlite3: constraint failed: UNIQUE constraint failed: users.email")
	tests := map[string]struct {
		err  error
		want string // status and body
	}{
		"pgx unique":                    {&PgError{Code: "23505", Message: "secret", Detail: "Key (email)=(bob@example.com) already exists.", TableName: "users", ConstraintName: "users_email_key"}, `409 {"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}`},
		"pgx unique in German":          {&PgError{Code: "23505", Detail: "Schlüssel »(email)=(bob@example.com)« existiert bereits."}, `409 {"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}`},
		"pgx unique over two columns":   {&PgError{Code: "23505", Detail: "Key (org, email)=(1, bob) already exists."}, `409 {"error":"conflict","message":"The request repeats a value that has to be unique","details":{"code":"unique"}}`},
		"pgx unique over an expression": {&PgError{Code: "23505", Detail: "Key (lower(email))=(bob) already exists."}, `409 {"error":"conflict","message":"The request repeats a value that has to be unique","details":{"code":"unique"}}`},
		"pgx unique without detail":     {&PgError{Code: "23505", ConstraintName: "users_email_key"}, `409 {"error":"conflict","message":"The request repeats a value that has to be unique","details":{"code":"unique"}}`},
		"pgx foreign key":               {&PgError{Code: "23503", Detail: `Key (org_id)=(7) is not present in table "orgs".`}, `409 {"error":"conflict","message":"Org ID refers to a row that is missing, or is still referred to","details":{"field":"org_id","code":"foreign_key"}}`},
		"pgx exclusion":                 {&PgError{Code: "23P01", Detail: `Key (room, during)=(1, [a,b)) conflicts with existing key`}, `409 {"error":"conflict","message":"The request overlaps with another row","details":{"code":"exclusion"}}`},
		"pgx check":                     {&PgError{Code: "23514", ConstraintName: "leads_value_check"}, `422 {"error":"validation_failed","message":"The request breaks a rule of the database","details":{"code":"check","errors":[{"field":"","code":"check","message":"The request breaks a rule of the database"}]}}`},
		"pgx not null":                  {&PgError{Code: "23502", ColumnName: "name"}, `422 {"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[{"field":"name","code":"required","message":"Name is required"}]}}`},
		"pgx a text too long":           {&PgError{Code: "22001"}, `422 {"error":"validation_failed","message":"The request holds a value that is too long or too large","details":{"code":"max","errors":[{"field":"","code":"max","message":"The request holds a value that is too long or too large"}]}}`},
		"pgx a NUL in a text":           {&PgError{Code: "22021"}, `422 {"error":"validation_failed","message":"The request holds a value of the wrong form","details":{"code":"format","errors":[{"field":"","code":"format","message":"The request holds a value of the wrong form"}]}}`},
		"pgx serialization":             {&PgError{Code: "40001"}, busy},
		"pgx deadlock":                  {&PgError{Code: "40P01"}, busy},
		"pgx shut down":                 {&PgError{Code: "57P01"}, busy},
		"pgx too many connections":      {&PgError{Code: "53300"}, busy},
		"pgx connection lost":           {&PgError{Code: "08006"}, busy},
		"pgx syntax error":              {&PgError{Code: "42601"}, ""},
		"pgx division by zero":          {&PgError{Code: "22012"}, ""},
		"a state that is none":          {&PgError{Code: ""}, ""},
		"pq unique":                     {&pqError{Code: "23505", Detail: "Key (email)=(bob) already exists.", Constraint: "users_email_key"}, `409 {"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}`},
		"pq not null":                   {&pqError{Code: "23502", Column: "name"}, `422 {"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[{"field":"name","code":"required","message":"Name is required"}]}}`},
		"mysql unique":                  {&MySQLError{Number: 1062, Message: "Duplicate entry 'bob' for key 'users.email'"}, `409 {"error":"conflict","message":"The request repeats a value that has to be unique","details":{"code":"unique"}}`},
		"mysql foreign key, child":      {&MySQLError{Number: 1452}, `409 {"error":"conflict","message":"The request refers to a row that is missing, or one that is still referred to","details":{"code":"foreign_key"}}`},
		"mysql foreign key, parent":     {&MySQLError{Number: 1451}, `409 {"error":"conflict","message":"The request refers to a row that is missing, or one that is still referred to","details":{"code":"foreign_key"}}`},
		"mysql check":                   {&MySQLError{Number: 3819, Message: "Check constraint 'leads_value' is violated."}, `422 {"error":"validation_failed","message":"The request breaks a rule of the database","details":{"code":"check","errors":[{"field":"","code":"check","message":"The request breaks a rule of the database"}]}}`},
		"mysql not null":                {&MySQLError{Number: 1048, Message: "Column 'name' cannot be null"}, `422 {"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[{"field":"name","code":"required","message":"Name is required"}]}}`},
		"mysql deadlock":                {&MySQLError{Number: 1213}, busy},
		"mysql lock timeout":            {&MySQLError{Number: 1205}, busy},
		"mysql syntax error":            {&MySQLError{Number: 1064}, ""},
		"modernc unique":                {&modernc{"constraint failed: UNIQUE constraint failed: users.email (2067)", 2067}, `409 {"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}`},
		"modernc primary key":           {&modernc{"constraint failed: UNIQUE constraint failed: users.id (1555)", 1555}, `409 {"error":"conflict","message":"ID is taken","details":{"field":"id","code":"unique"}}`},
		"modernc unique, two columns":   {&modernc{"constraint failed: UNIQUE constraint failed: users.org, users.email (2067)", 2067}, `409 {"error":"conflict","message":"The request repeats a value that has to be unique","details":{"code":"unique"}}`},
		"modernc unique, an expression": {&modernc{"constraint failed: UNIQUE constraint failed: index 'users_lower' (2067)", 2067}, `409 {"error":"conflict","message":"The request repeats a value that has to be unique","details":{"code":"unique"}}`},
		"modernc foreign key":           {&modernc{"constraint failed: FOREIGN KEY constraint failed (787)", 787}, `409 {"error":"conflict","message":"The request refers to a row that is missing, or one that is still referred to","details":{"code":"foreign_key"}}`},
		"modernc check":                 {&modernc{"constraint failed: CHECK constraint failed: value >= 0 (275)", 275}, `422 {"error":"validation_failed","message":"The request breaks a rule of the database","details":{"code":"check","errors":[{"field":"","code":"check","message":"The request breaks a rule of the database"}]}}`},
		"modernc not null":              {&modernc{"constraint failed: NOT NULL constraint failed: users.name (1299)", 1299}, `422 {"error":"validation_failed","message":"Name is required","details":{"field":"name","code":"required","errors":[{"field":"name","code":"required","message":"Name is required"}]}}`},
		"modernc busy":                  {&modernc{"database is locked (5) (SQLITE_BUSY)", 5}, busy},
		"modernc busy snapshot":         {&modernc{"database is locked (517)", 517}, busy},
		"modernc a trigger's own words": {&modernc{"constraint failed: secret (1811)", 1811}, ""},
		"modernc no such table":         {&modernc{"SQL logic error: no such table: x (1)", 1}, ""},
		"a Code of another kind":        {&modernc{"rpc: no such peer", 19}, ""},
		"mattn unique":                  {Error{19, 2067, "UNIQUE constraint failed: users.email"}, `409 {"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}`},
		"mattn busy":                    {Error{5, 5, "database is locked"}, busy},
		"ncruces unique":                {ncruces, `409 {"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}`},
		"a broken connection":           {driver.ErrBadConn, busy},
		"wrapped":                       {fmt.Errorf("insert: %w", errors.Join(errors.New("x"), &modernc{"constraint failed: UNIQUE constraint failed: users.email (2067)", 2067})), `409 {"error":"conflict","message":"Email is taken","details":{"field":"email","code":"unique"}}`},
		"no rows":                       {sql.ErrNoRows, ""},
		"any other error":               {errors.New("UNIQUE constraint failed: users.email"), ""},
		"nil":                           {nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := sqlerr.Map(tt.err)
			if tt.want == "" {
				if e != nil {
					t.Fatalf("Map(%v) = %v, want nil", tt.err, e)
				}
				return
			}
			if e == nil {
				t.Fatalf("Map(%v) = nil, want %s", tt.err, tt.want)
			}
			w := httptest.NewRecorder()
			apierror.Write(w, httptest.NewRequest("POST", "/", nil), e)
			if diff := cmp.Diff(tt.want, fmt.Sprint(w.Code, " ", w.Body)); diff != "" {
				t.Errorf("Map(%v) mismatch (-want +got):\n%s", tt.err, diff)
			}
			if !errors.Is(e, tt.err) {
				t.Error("the cause is lost")
			}
			if got := w.Header().Get("Retry-After"); (got == "1") != (w.Code == http.StatusServiceUnavailable) {
				t.Errorf("Retry-After = %q on a %d", got, w.Code)
			}
		})
	}
}

const busy = `503 {"error":"service_unavailable","message":"Service temporarily unavailable"}`

func TestRetryable(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&PgError{Code: "40001"}, &PgError{Code: "40P01"}, &MySQLError{Number: 1213}, &modernc{"database is locked (5)", 5},
		fmt.Errorf("tx: %w", &pqError{Code: "55P03"}),
	} {
		if !sqlerr.Retryable(err) {
			t.Errorf("Retryable(%v) = false, want true", err)
		}
	}
	for _, err := range []error{nil, errors.New("x"), &PgError{Code: "23505"}, &PgError{Code: "57P01"}, driver.ErrBadConn} {
		if sqlerr.Retryable(err) {
			t.Errorf("Retryable(%v) = true, want false", err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	opts := sqlerr.Options{
		Fields:     map[string]string{"users_email": "contact.email", "users_e-mail_key": "e-mail", "users.mail": "email", "secret": "", "value_check": "value"},
		RetryAfter: 90 * time.Second,
	}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a key of MySQL":           {&MySQLError{Number: 1062, Message: "Duplicate entry 'a' for key 'users.users_email'"}, "contact.email"},
		"a key of MySQL 5":         {&MySQLError{Number: 1062, Message: "Duplicate entry 'a' for key 'users_email'"}, "contact.email"},
		"a value that looks so":    {&MySQLError{Number: 1062, Message: "Duplicate entry 'x' for key 'users_email' for key 'other'"}, ""},
		"an index that is full":    {&PgError{Code: "54000", ConstraintName: "value_check"}, "value"},
		"a constraint":             {&PgError{Code: "23514", ConstraintName: "value_check"}, "value"},
		"a name that needs quotes": {&PgError{Code: "23505", ConstraintName: "users_e-mail_key"}, "e-mail"},
		"an index of expressions":  {&modernc{"constraint failed: UNIQUE constraint failed: index 'users_e-mail_key' (2067)", 2067}, "e-mail"},
		"a column":                 {&modernc{"constraint failed: UNIQUE constraint failed: users.mail (2067)", 2067}, "email"},
		"a column that is private": {&modernc{"constraint failed: UNIQUE constraint failed: users.secret (2067)", 2067}, ""},
		"any other column":         {&modernc{"constraint failed: UNIQUE constraint failed: users.x (2067)", 2067}, "x"},
	} {
		if got := opts.Map(tt.err).Details.Field; got != tt.want {
			t.Errorf("%s: field = %q, want %q", name, got, tt.want)
		}
	}
	if got := opts.Map(&PgError{Code: "40001"}).Header.Get("Retry-After"); got != "90" {
		t.Errorf("Retry-After = %q, want 90", got)
	}
}

// FuzzMap lets the engine say anything: none of it may come back but an identifier.
func FuzzMap(f *testing.F) {
	f.Add("23505", "Key (email)=(bob) already exists.", uint16(1062), "Duplicate entry 'bob' for key 'users.email'", 2067, "UNIQUE constraint failed: users.email")
	f.Add("23503", "Key (a b)=(1)", uint16(1048), "Column 'na me' cannot be null", 275, "CHECK constraint failed: value > 0")
	f.Fuzz(func(t *testing.T, state, detail string, number uint16, message string, code int, text string) {
		for _, err := range []error{
			&PgError{Code: state, Detail: detail, ColumnName: message, ConstraintName: text},
			&MySQLError{Number: number, Message: message},
			&modernc{fmt.Sprintf("%s (%d)", text, code), code},
			errors.New("sqlite3: constraint failed: " + text),
		} {
			e := sqlerr.Map(err)
			if e == nil {
				continue
			}
			if strings.Trim(e.Details.Field, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || len(e.Details.Field) > 63 {
				t.Fatalf("Map(%q) tells %q", err, e.Details.Field)
			}
			if rest := strings.TrimPrefix(e.Message, e.Details.Field); len(rest) > 80 {
				t.Fatalf("Map(%q) says %q", err, e.Message)
			}
		}
	})
}

func BenchmarkMap(b *testing.B) {
	for name, err := range map[string]error{
		"pgx":     &PgError{Code: "23505", Detail: "Key (email)=(bob@example.com) already exists."},
		"modernc": &modernc{"constraint failed: UNIQUE constraint failed: users.email (2067)", 2067},
		"foreign": errors.New("x"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sqlerr.Map(err)
			}
		})
	}
}

package sqlstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/strictjson"
)

// sqlState is what PostgreSQL's drivers tell of an error.
func sqlState(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return e.SQLState()
	}
	return ""
}

// serialization reports whether the transaction may succeed when tried again.
func serialization(err error) bool {
	state := sqlState(err)
	return state == "40001" || state == "40P01"
}

// translate turns what the engine says into what the caller is answerable for.
// SQLite's drivers have no common error type, but its texts are fixed.
func (s *Store[Row]) translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := ctx.Err(); cause != nil {
		return cause // drivers report a cancellation each in its own way
	}
	text := err.Error()
	state := sqlState(err)
	switch {
	case state == "23505" || strings.Contains(text, "UNIQUE constraint failed"):
		field := s.taken(text)
		if field == "" {
			return apierror.Conflict("", "taken", "A value is taken").Wrap(err)
		}
		return apierror.Conflict(field, "taken", strictjson.Label(field)+" is taken").Wrap(err)
	case state == "23503" || strings.Contains(text, "FOREIGN KEY constraint failed"):
		return apierror.Conflict("", "reference", "").Wrap(err)
	case strings.Contains(text, "database is locked") || strings.Contains(text, "SQLITE_BUSY"):
		return apierror.Unavailable(time.Second).Wrap(err)
	}
	return err
}

// taken finds the field of a broken unique index in the engine's text:
//
//	UNIQUE constraint failed: leads.org_unit, leads.email
//	duplicate key value violates unique constraint "leads_email_key"
func (s *Store[Row]) taken(text string) string {
	if _, columns, ok := strings.Cut(text, "UNIQUE constraint failed: "); ok {
		columns, _, _ = strings.Cut(columns, " (")
		last := columns[strings.LastIndexByte(columns, '.')+1:]
		for i := range s.fields {
			if s.fields[i].Name == last {
				return last
			}
		}
		return ""
	}
	if strings.Contains(text, `"`+s.opts.Table+`_pkey"`) {
		return "id"
	}
	for i := range s.fields {
		name := s.fields[i].Name
		for _, index := range []string{name, s.opts.Unit + "_" + name} {
			if strings.Contains(text, s.opts.Table+"_"+index+"_key") {
				return name
			}
		}
	}
	return ""
}

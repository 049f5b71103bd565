package sqlstore

import (
	"context"
	"net/http"
	"strings"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/apierror/sqlerr"
	"github.com/tenetkit/tenet/internal/strictjson"
)

// answers names the fields behind the indexes, as they are in Schema or by
// PostgreSQL's custom.
func (s *Store[Row]) answers() sqlerr.Options {
	fields := map[string]string{s.opts.Table + "_pkey": "id"}
	for i := range s.fields {
		name := s.fields[i].Name
		fields[s.opts.Table+"_"+name+"_key"] = name
		if s.unit != nil {
			fields[s.opts.Table+"_"+s.opts.Unit+"_"+name+"_key"] = name
		}
	}
	return sqlerr.Options{Fields: fields}
}

// translate turns what the engine says into what the caller is answerable for.
func (s *Store[Row]) translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := ctx.Err(); cause != nil {
		return cause // drivers report a cancellation each in its own way
	}
	e := s.errors.Map(err)
	if e == nil {
		return err
	}
	if e.Status == http.StatusConflict && e.Details.Field == "" {
		if field := s.takenColumn(err.Error()); field != "" {
			return apierror.Conflict(field, e.Details.Code, strictjson.Label(field)+" is taken").Wrap(err)
		}
	}
	return e
}

// takenColumn finds the field of an index over it, or over the unit and it, which
// SQLite does not name but list:
//
//	UNIQUE constraint failed: leads.org_unit, leads.email
func (s *Store[Row]) takenColumn(text string) string {
	_, columns, ok := strings.Cut(text, "UNIQUE constraint failed: ")
	if !ok {
		return ""
	}
	if s.unit != nil {
		columns = strings.TrimPrefix(columns, s.opts.Table+"."+s.opts.Unit+", ")
	}
	column, ok := strings.CutPrefix(columns, s.opts.Table+".")
	if !ok {
		return ""
	}
	for i := range s.fields {
		name := s.fields[i].Name
		if rest, ok := strings.CutPrefix(column, name); ok && (rest == "" || strings.HasPrefix(rest, " (")) {
			return name
		}
	}
	return ""
}

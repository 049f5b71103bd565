package admin

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/internal/strictjson"
)

// failures collects what is wrong with a body, in the order of its members.
type failures []apierror.FieldError

func (f *failures) add(field, code, what string) {
	*f = append(*f, apierror.FieldError{Field: field, Code: code, Message: strictjson.Label(field) + " " + what})
}

// text checks what people read.
func (f *failures) text(field, s string) {
	if utf8.RuneCountInString(s) > 200 {
		f.add(field, "max", "must have at most 200 characters")
	} else {
		f.control(field, s)
	}
}

// name checks what names a thing, and has to be there.
func (f *failures) name(field string, s *string) {
	switch {
	case s == nil || *s == "":
		f.add(field, "required", "is required")
	case len(*s) > 255:
		f.add(field, "max", "must have at most 255 bytes")
	default:
		f.control(field, *s)
	}
}

func (f *failures) control(field, s string) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		f.add(field, "text", "must not have control characters")
	}
}

// err returns the 422, or nil.
func (f failures) err() error {
	if len(f) == 0 {
		return nil
	}
	return apierror.ValidationFailed(f...)
}

package resource

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/tenetkit/tenet/apierror"
	"github.com/tenetkit/tenet/resource/internal/rowtype"
)

const (
	opOneOf  = "~="
	opPrefix = "^="
)

// allOperators begins with those of a bool, and ends with that of strings alone.
var allOperators = []string{"=", "!=", ">", ">=", "<", "<=", opOneOf, opPrefix}

// operators returns those that a filter may compare the field with.
func operators(f *rowtype.Field) []string {
	switch f.Kind {
	case rowtype.Bool:
		return allOperators[:2]
	case rowtype.String:
		return allOperators
	}
	return allOperators[:len(allOperators)-1]
}

// maxList is how many values a filter may list.
const maxList = 100

// list reads the values of a filter with ~=. They are a set: each is there once,
// in order.
func list(f *rowtype.Field, s string) ([]any, error) {
	texts, err := splitList(s)
	if err != nil {
		return nil, apierror.BadRequest("filter", "list", "filter must list values of "+f.Name+": "+err.Error())
	}
	if len(texts) > maxList {
		return nil, apierror.BadRequest("filter", "max", "filter must list at most "+strconv.Itoa(maxList)+" values of "+f.Name)
	}
	values := make([]any, len(texts))
	for i, text := range texts {
		if values[i], err = f.Parse(text); err != nil {
			return nil, apierror.BadRequest("filter", "type", "filter must compare "+f.Name+" with "+err.Error())
		}
	}
	slices.SortFunc(values, rowtype.Compare)
	return slices.CompactFunc(values, func(a, b any) bool { return rowtype.Compare(a, b) == 0 }), nil
}

var (
	errEmpty  = errors.New(`an empty value is written ""`)
	errQuotes = errors.New(`a value with a comma or a double quote stands in double quotes, in which "" is one`)
	errSpace  = errors.New("a value that begins or ends with a space stands in double quotes")
)

// splitList splits values at commas, as a line of CSV (RFC 4180). What could be
// a slip is refused: nothing between two commas, or a space beside one.
func splitList(s string) ([]string, error) {
	var values []string
	for {
		var value string
		if strings.HasPrefix(s, `"`) {
			// Collected piece by piece: a value may be nothing but quotes.
			var b strings.Builder
			s = s[1:]
			for {
				quoted, rest, ok := strings.Cut(s, `"`)
				if !ok {
					return nil, errQuotes
				}
				b.WriteString(quoted)
				if s = rest; !strings.HasPrefix(s, `"`) {
					break
				}
				b.WriteByte('"')
				s = s[1:]
			}
			value = b.String()
			if s != "" && s[0] != ',' {
				return nil, errQuotes
			}
		} else {
			end := strings.IndexByte(s, ',')
			if end < 0 {
				end = len(s)
			}
			value, s = s[:end], s[end:]
			switch {
			case value == "":
				return nil, errEmpty
			case value[0] == ' ' || value[len(value)-1] == ' ':
				return nil, errSpace
			case strings.IndexByte(value, '"') >= 0:
				return nil, errQuotes
			}
		}
		if values = append(values, value); s == "" {
			return values, nil
		}
		if len(values) > maxList {
			return values, nil // enough to refuse it
		}
		s = s[1:]
	}
}

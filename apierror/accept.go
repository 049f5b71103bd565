package apierror

import (
	"net/http"
	"strconv"
	"strings"
)

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

// CheckAccept returns nil if the caller takes application/json, which a request
// without an Accept field does, and otherwise the 406. Naming
// application/problem+json never makes a request unacceptable: it chooses the
// form of an error, not of an answer that succeeds.
//
// Call it before the work is done: a 406 after a row was created would be a lie.
func CheckAccept(r *http.Request) error {
	if _, ok := accepts(r.Header["Accept"]); !ok {
		return errNotAcceptable
	}
	return nil
}

// wantsProblem reports whether the caller prefers problem details.
func wantsProblem(r *http.Request) bool {
	problem, _ := accepts(r.Header["Accept"])
	return problem
}

// accepts reads the Accept field (RFC 9110, section 12.5.1). It reports whether
// an error is wanted as problem details and whether JSON is acceptable at all.
// Elements that it cannot read are passed over; a field in which there is nothing
// to read is as good as none.
func accepts(fields []string) (problem, ok bool) {
	if len(fields) == 0 {
		return false, true
	}
	if len(fields) == 1 && (fields[0] == jsonType || fields[0] == "*/*") {
		return false, true
	}
	// The most specific range that covers application/json decides its weight.
	weight, specific := -1.0, -1
	problemWeight, empty := -1.0, true
	for _, field := range fields {
		for element := range strings.SplitSeq(field, ",") {
			media, q, valid := mediaRange(element)
			if !valid {
				continue
			}
			empty = false
			rank := -1
			switch media {
			case problemType:
				problemWeight = max(problemWeight, q)
			case jsonType:
				rank = 2
			case "application/*":
				rank = 1
			case "*/*":
				rank = 0
			}
			if rank > specific || rank >= 0 && rank == specific && q > weight {
				weight, specific = q, rank
			}
		}
	}
	// A wildcard that also covers JSON does not outweigh a type named by name.
	problem = problemWeight > 0 && (specific < 2 || problemWeight >= weight)
	return problem, empty || problemWeight >= 0 || weight > 0
}

// mediaRange splits one element of an Accept field into its type in lower case
// and its weight, which is 1 where none is given.
func mediaRange(element string) (media string, q float64, valid bool) {
	media, params, _ := strings.Cut(element, ";")
	media = strings.ToLower(strings.Trim(media, " \t"))
	if !strings.Contains(media, "/") {
		return "", 0, false
	}
	q = 1
	for param := range strings.SplitSeq(params, ";") {
		name, value, found := strings.Cut(param, "=")
		if !found || !strings.EqualFold(strings.Trim(name, " \t"), "q") {
			continue
		}
		if q, valid = weightOf(strings.Trim(value, " \t")); !valid {
			return "", 0, false
		}
	}
	return media, q, true
}

// weightOf reads a weight: 0 to 1 with at most three digits after the point.
func weightOf(s string) (float64, bool) {
	if s == "" || len(s) > 5 || s[0] != '0' && s[0] != '1' || len(s) > 1 && s[1] != '.' {
		return 0, false
	}
	q, err := strconv.ParseFloat(s, 64)
	return q, err == nil && q <= 1
}

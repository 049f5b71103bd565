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
		return New(http.StatusNotAcceptable, "")
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
// Elements that it cannot read are passed over.
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
			if media == "" {
				continue
			}
			empty = false
			if !valid {
				continue
			}
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
	if empty {
		return false, true
	}
	named := problemWeight > 0
	// A wildcard that also covers JSON does not outweigh a type named by name.
	problem = named && (specific < 2 || problemWeight >= weight)
	return problem, named || weight > 0
}

// mediaRange splits one element of an Accept field into its type in lower case
// and its weight, which is 1 where none is given.
func mediaRange(element string) (media string, q float64, valid bool) {
	media, params, _ := strings.Cut(element, ";")
	media = strings.ToLower(strings.Trim(media, " \t"))
	q = 1
	for param := range strings.SplitSeq(params, ";") {
		name, value, found := strings.Cut(param, "=")
		if !found || !strings.EqualFold(strings.Trim(name, " \t"), "q") {
			continue
		}
		parsed, err := strconv.ParseFloat(strings.Trim(value, " \t"), 64)
		if err != nil || !(parsed >= 0 && parsed <= 1) {
			return media, 0, false
		}
		q = parsed
	}
	return media, q, true
}

package apierror

import (
	"net/http"
	"strings"
)

// statusText is what the contract says of a status where nobody said more.
type statusText struct {
	code    string
	message string
}

// statusTexts holds every status from 400 to 599, so that looking one up is an
// index and building a code from a reason phrase happens once.
var statusTexts = func() (table [200]statusText) {
	for i := range table {
		status := 400 + i
		phrase := http.StatusText(status)
		if phrase == "" {
			phrase = http.StatusText(status / 100 * 100)
		}
		table[i] = statusText{code: snake(phrase), message: phrase}
	}
	for status, text := range map[int]statusText{
		http.StatusBadRequest:            {"bad_request", "Invalid request parameters"},
		http.StatusUnauthorized:          {"unauthorized", "Missing or invalid credentials"},
		http.StatusForbidden:             {"forbidden", "No permission to access this resource"},
		http.StatusNotFound:              {"not_found", "Resource not found"},
		http.StatusMethodNotAllowed:      {"method_not_allowed", "Method not allowed on this resource"},
		http.StatusNotAcceptable:         {"not_acceptable", "Only application/json can be served"},
		http.StatusConflict:              {"conflict", "Conflict with the current state of the resource"},
		http.StatusPreconditionFailed:    {"precondition_failed", "The resource has changed since it was read"},
		http.StatusRequestEntityTooLarge: {"content_too_large", "Request body is too large"},
		http.StatusUnsupportedMediaType:  {"unsupported_media_type", "Content-Type must be application/json"},
		http.StatusUnprocessableEntity:   {"validation_failed", "Validation failed"},
		http.StatusPreconditionRequired:  {"precondition_required", "If-Match is required"},
		http.StatusTooManyRequests:       {"too_many_requests", "Rate limit exceeded"},
		http.StatusInternalServerError:   {"internal_server_error", "Internal server error"},
		http.StatusServiceUnavailable:    {"service_unavailable", "Service temporarily unavailable"},
	} {
		table[status-400] = text
	}
	return table
}()

// fallback returns the texts of a status; of 500 for one that is no error.
func fallback(status int) statusText {
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	return statusTexts[status-400]
}

// problemTitle returns the reason phrase, in RFC 9110's words where net/http
// keeps older ones.
func problemTitle(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "Content Too Large"
	case http.StatusUnprocessableEntity:
		return "Unprocessable Content"
	}
	return http.StatusText(status)
}

func snake(phrase string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r == ' ' || r == '-':
			return '_'
		}
		return -1
	}, phrase)
}

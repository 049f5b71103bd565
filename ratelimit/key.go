package ratelimit

import "net/http"

// Header returns a KeyFunc that counts by the value of a header field. Requests
// without the field, or with several, have no key.
//
// Use it for a field that a gateway sets or whose value was verified before: a
// caller who can choose the value gets a fresh bucket with each new one.
func Header(name string) KeyFunc {
	name = http.CanonicalHeaderKey(name)
	return func(r *http.Request) (string, bool) {
		values := r.Header[name]
		if len(values) != 1 || values[0] == "" {
			return "", false
		}
		return values[0], true
	}
}

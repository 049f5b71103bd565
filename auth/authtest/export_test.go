package authtest

import "net/http"

// Failures returns how many attacks the handler lets in, and how many there are.
func Failures(h http.Handler, iss *Issuer) (failed, all int) {
	for _, fields := range attacks(iss) {
		all++
		if try(h, fields) != nil {
			failed++
		}
	}
	return failed, all
}

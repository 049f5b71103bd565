package paginate_test

import "regexp"

var nextLink = regexp.MustCompile(`<([^>]*)>; rel="next"`)

// nextTarget returns the target of rel="next" in a Link field, or "".
func nextTarget(link string) string {
	if m := nextLink.FindStringSubmatch(link); m != nil {
		return m[1]
	}
	return ""
}
